from __future__ import annotations

import base64
import io
import re

import cv2
import numpy as np
import pytest
from encoded import encode
from flask import Flask
from flask.testing import FlaskClient
from stub_segmenter import StubSegmenter
from werkzeug.test import TestResponse

from app import create_app


def upload(client: FlaskClient, data: bytes) -> TestResponse:
    return client.post("/", data={"image": (io.BytesIO(data), "holiday <b>me</b>.png")})


def shown_picture(page: str) -> np.ndarray:
    (encoded,) = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', page)
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(encoded), np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return picture


def assert_plain_page(response: TestResponse) -> None:
    """HTML with the form on it, that loads and runs nothing from elsewhere and leaves no cookie."""
    assert response.mimetype == "text/html"
    assert " style=" not in response.text and "http://" not in response.text
    for attributes, content in re.findall(r"<script([^>]*)>(.*?)</script>", response.text, re.DOTALL):
        assert 'type="application/json"' in attributes or ('src="/static/' in attributes and not content)
    form = r'<form id="upload" class="[^"]*" method="post" action="/" enctype="multipart/form-data">'
    assert re.search(form, response.text)
    assert re.search(
        r'<label for="image"[^>]*>.*<input id="image" name="image" type="file"', response.text, re.S
    )
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert set(re.findall("script-src ([^;]+)", policy)) <= {"'self'"}
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "Set-Cookie" not in response.headers


def test_the_page_works_without_javascript(client: FlaskClient) -> None:
    response = client.get("/")
    assert response.status_code == 200
    assert_plain_page(response)


def test_everything_the_page_names_is_there(client: FlaskClient) -> None:
    addresses = set(re.findall(r'(?:src|href)="([^"]+)"', client.get("/").text))
    assert any(address.endswith(".css") for address in addresses)
    for address in addresses:
        assert client.get(address).status_code == 200, address


def test_an_upload_shows_overlay_objects_totals_timings_and_model(client: FlaskClient, png: bytes) -> None:
    response = upload(client, png)
    assert response.status_code == 200
    assert_plain_page(response)
    assert shown_picture(response.text).shape == (48, 64, 3)
    for shown in ("2 objects", "cell", "fibre", "0.90", "24", "infer", "Model stub version 1"):
        assert shown in response.text
    assert response.headers["Cache-Control"] == "no-store"


def test_the_true_number_is_shown_where_not_all_objects_are(png: bytes) -> None:
    client = create_app({"stub": StubSegmenter(max_segments=1)}).test_client()
    page = upload(client, png).text
    assert "<h1>1 of 2 objects</h1>" in page
    assert "2 were found; the best 1 are here." in page
    assert "max_segments" not in page, "a form has no parameters"


def test_a_file_name_is_never_shown(client: FlaskClient, png: bytes) -> None:
    assert "holiday" not in upload(client, png).text
    assert "holiday" not in upload(client, b"not a picture").text


def test_a_large_picture_is_shown_smaller() -> None:
    client = create_app({"stub": StubSegmenter()}).test_client()
    assert shown_picture(upload(client, encode(3200, 1000, "PNG")).text).shape == (500, 1600, 3)


@pytest.mark.parametrize("name", ["fluorescence", "tissue"])
def test_a_sample_is_a_button_that_segments_it(name: str) -> None:
    client = create_app({"stub": StubSegmenter()}).test_client()
    assert f'<button class="sample" type="submit" name="sample" value="{name}"' in client.get("/").text
    response = client.post("/", data={"sample": name}, content_type="multipart/form-data")
    assert response.status_code == 200
    assert shown_picture(response.text).shape == (512, 512, 3)


@pytest.mark.parametrize(
    ("data", "status", "detail"),
    [
        ({}, 400, "no image"),
        ({"image": (io.BytesIO(b""), "")}, 400, "no image"),  # the form sent with nothing chosen
        ({"image": (io.BytesIO(b"hello"), "a.png")}, 415, "accepted format"),
        ({"image": (io.BytesIO(encode(320, 240, "JPEG")[:5000]), "a.jpg")}, 422, "truncated"),
        ({"image": (io.BytesIO(b"x" * 200_001), "a.jpg")}, 413, "200,000"),
        ({"image": (io.BytesIO(b"x" * 900_000), "a.jpg")}, 413, "200,000"),
        ({"sample": "../../settings"}, 400, "sample must be one of"),
    ],
)
def test_an_error_is_a_page_with_its_status_and_the_form(
    client: FlaskClient, png: bytes, data: dict, status: int, detail: str
) -> None:
    response = client.post("/", data=data, content_type="multipart/form-data")
    assert response.status_code == status
    assert_plain_page(response)
    assert detail in response.text
    assert response.headers["X-Request-Id"] in response.text
    assert upload(client, png).status_code == 200


def test_a_failure_inside_is_a_page_that_tells_nothing(
    app: Flask, segmenter: StubSegmenter, png: bytes
) -> None:
    segmenter.failure = RuntimeError("secret")
    response = upload(app.test_client(), png)
    assert response.status_code == 500
    assert_plain_page(response)
    assert "secret" not in response.text
