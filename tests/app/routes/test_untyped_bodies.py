"""Bodies whose Content-Type says nothing, or something else: what they are is seen by looking at them."""

from __future__ import annotations

import base64
import gzip
import json

import pytest
from asking import URL, assert_problem
from encoded import encode
from flask.testing import FlaskClient

PNG = encode(64, 48, "PNG")
IN_BASE64 = base64.b64encode(PNG).decode()
AS_JSON = json.dumps({"image": IN_BASE64, "threshold": 0.5}).encode()

TYPES = {
    "none": None,
    "curl's": "application/x-www-form-urlencoded",
    "binary": "binary/octet-stream",
    "octets": "application/octet-stream",
    "plain": "text/plain; charset=utf-8",
    "any": "*/*",
    "the other kind's": "application/json",
    "a film's": "video/mp4",
    "no type": "nonsense",
}


@pytest.mark.parametrize("content_type", TYPES.values(), ids=TYPES.keys())
def test_a_picture_is_taken_under_any_type(client: FlaskClient, content_type: str | None) -> None:
    for file_format in ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "AVIF"):
        response = client.post(URL, data=encode(64, 48, file_format), content_type=content_type)
        assert response.status_code == 200, response.text
        assert response.get_json()["image"].items() >= {"width": 64, "height": 48}.items()


@pytest.mark.parametrize("content_type", TYPES.values(), ids=TYPES.keys())
@pytest.mark.parametrize("before", [b"", b" \r\n\t", b"\xef\xbb\xbf"], ids=["", "spaces", "mark"])
def test_json_is_json_under_any_type(client: FlaskClient, content_type: str | None, before: bytes) -> None:
    for route, body in (
        (URL, AS_JSON),
        ("/api/v1/batch", b'{"images": [%b]}' % AS_JSON),
        ("/v1/models/stub:predict", json.dumps({"instances": [{"b64": IN_BASE64}]}).encode()),
    ):
        response = client.post(route, data=before + body, content_type=content_type)
        assert response.status_code == 200, response.text
        assert "error" not in response.text


@pytest.mark.parametrize("content_type", ["text/json", "application/vnd.api+json", "Application/JSON"])
def test_other_types_of_json_are_json_too(client: FlaskClient, content_type: str) -> None:
    assert client.post(URL, data=AS_JSON, content_type=content_type).status_code == 200
    problem = assert_problem(client.post(URL, data=b"x", content_type=content_type), 400)
    assert "not JSON" in problem["detail"]


def form_of(png: bytes) -> bytes:
    head = b'--b\r\nContent-Disposition: form-data; name="image"; filename="x"\r\n\r\n'
    return head + png + b"\r\n--b--\r\n"


def without_zeros_and_line_ends(data: bytes) -> bytes:
    """What curl's -d sends of a file."""
    return data.translate(None, b"\0\r\n")


CURL = "application/x-www-form-urlencoded"
TOLD = {
    "a form without its type": (None, form_of(PNG), "multipart/form-data with the boundary"),
    "a form under another type": ("image/png", form_of(PNG), "multipart/form-data with the boundary"),
    "gzip that is not said": (None, gzip.compress(PNG), "Content-Encoding"),
    "zstd": (None, b"\x28\xb5\x2f\xfd" + bytes(20), "zstd"),
    "base64": ("text/plain", IN_BASE64.encode(), "base64"),
    "base64 in lines": ("text/plain", base64.encodebytes(PNG), "base64"),
    "a data: URL": ("text/plain", f"data:image/png;base64,{IN_BASE64}".encode(), "base64"),
    "fields": (CURL, f"image={IN_BASE64}&threshold=0.5".encode(), "cannot hold files"),
    "a PNG that curl's -d has changed": (CURL, without_zeros_and_line_ends(PNG), "--data-binary"),
    "a JPEG that curl's -d has changed": (
        CURL,
        without_zeros_and_line_ends(encode(320, 240, "JPEG")),
        "--data-binary",
    ),
    "text": ("text/plain", b"hello", "text/plain"),
    "a PDF": (None, b"%PDF-1.7", "It seems to be a PDF."),
    "bytes": ("application/octet-stream", bytes(1000), "JPEG, PNG"),
}


@pytest.mark.parametrize(("content_type", "body", "detail"), TOLD.values(), ids=TOLD.keys())
def test_what_is_neither_is_told_what_it_seems_to_be(
    client: FlaskClient, content_type: str | None, body: bytes, detail: str
) -> None:
    problem = assert_problem(client.post(URL, data=body, content_type=content_type), 415)
    assert detail in problem["detail"]
    assert len(problem["detail"]) < 600
    assert client.post(URL, data=PNG).status_code == 200


def test_where_only_json_is_taken_a_picture_is_told_so(client: FlaskClient) -> None:
    for route in ("/api/v1/batch", "/predict/batch", "/v1/models/stub:predict"):
        for content_type in (None, "image/png", "application/octet-stream"):
            problem = assert_problem(client.post(route, data=PNG, content_type=content_type), 415)
            assert "JSON" in problem["detail"] or "json" in problem["detail"]


def test_the_limit_holds_under_any_type(client: FlaskClient) -> None:
    for content_type in TYPES.values():
        body = PNG + bytes(200_001 - len(PNG))
        problem = assert_problem(client.post(URL, data=body, content_type=content_type), 413)
        assert "200,000" in problem["detail"]


def test_an_empty_body_of_any_type_is_no_image(client: FlaskClient) -> None:
    for content_type in (None, CURL, "text/plain", "image/png"):
        assert_problem(client.post(URL, data=b"", content_type=content_type), 400)
