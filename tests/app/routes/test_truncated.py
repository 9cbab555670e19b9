"""Where more was found than is answered, every answer says so, and how many there are."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from stub_segmenter import StubSegmenter
from werkzeug.test import TestResponse

from app import create_app
from app.configuration.settings import Settings
from model.formats.registry import FORMATS, formats_for

SEGMENT = "/api/v1/segment"
ONE = {"max_segments": 1}


def app_with(segmenter: StubSegmenter, **settings: Any) -> Flask:
    return create_app({"stub": segmenter}, Settings(**settings))


def post(client: FlaskClient, png: bytes, query: str = "") -> TestResponse:
    return client.post(SEGMENT + query, data=png, content_type="image/png")


def segment(client: FlaskClient, image: str) -> Any:
    return client.post(SEGMENT, json={"image": image, **ONE}).get_json()


def segment_form(client: FlaskClient, image: str) -> Any:
    form = {"image": (io.BytesIO(base64.b64decode(image)), "a.png"), "max_segments": "1"}
    return client.post(SEGMENT, data=form).get_json()


def batch(client: FlaskClient, image: str) -> Any:
    return client.post("/api/v1/batch", json={"images": [{"image": image}], **ONE}).get_json()["results"][0]


def upload(client: FlaskClient, image: str) -> Any:
    form = {"file": (io.BytesIO(base64.b64decode(image)), "a.png"), "max_segments": "1", "output": "json"}
    return client.post("/predict/upload", data=form).get_json()


def vertex(client: FlaskClient, image: str) -> Any:
    body = {"instances": [{"b64": image}], "parameters": ONE}
    return client.post("/v1/models/stub:predict", json=body).get_json()["predictions"][0]


def v2(client: FlaskClient, image: str) -> Any:
    tensor = {"name": "image", "datatype": "BYTES", "shape": [1], "data": [image]}
    body = {"inputs": [{**tensor, "parameters": {"content_type": "base64"}}], "parameters": ONE}
    return json.loads(client.post("/v2/models/stub/infer", json=body).get_json()["outputs"][0]["data"][0])


@pytest.mark.parametrize("ask", [segment, segment_form, batch, upload, vertex, v2])
def test_json_says_so_wherever_it_is_answered(
    client: FlaskClient, png: bytes, ask: Callable[[FlaskClient, str], Any]
) -> None:
    answer = ask(client, base64.b64encode(png).decode())
    assert len(answer["segments"]) == 1
    assert answer["truncated"] is True
    assert answer["found"] == 2
    (warning,) = answer["warnings"]
    assert warning["code"] == "truncated"
    assert warning["message"] == (
        "2 segments were found; the answer has the best 1. For more, ask with max_segments=2."
    )


@pytest.mark.parametrize("query", ["", "?max_segments=2", "?max_segments=10000"])
def test_a_whole_answer_does_not(client: FlaskClient, png: bytes, query: str) -> None:
    response = post(client, png, query)
    assert response.headers["X-Segment-Count"] == response.headers["X-Segments-Found"] == "2"
    assert not {"truncated", "found", "warnings"} & response.get_json().keys()


@pytest.mark.parametrize("output", [one.name for one in formats_for("instance")])
def test_headers_of_every_output_tell_how_many_are_in_it_and_how_many_there_are(
    client: FlaskClient, png: bytes, output: str
) -> None:
    response = post(client, png, f"?output={output}&max_segments=1")
    assert response.status_code == 200
    assert response.mimetype in FORMATS[output].media_types
    assert response.headers["X-Segment-Count"] == "1"
    assert response.headers["X-Segments-Found"] == "2"


def test_the_model_s_own_limit_cuts_no_more_silently_than_a_caller_s(png: bytes) -> None:
    client = app_with(StubSegmenter(max_segments=1)).test_client()
    answer = post(client, png).get_json()
    assert (len(answer["segments"]), answer["truncated"], answer["found"]) == (1, True, 2)
    assert "truncated" not in post(client, png, "?max_segments=2").get_json()


def test_the_ceiling_bounds_the_model_s_own_limit_and_what_may_be_asked_for(png: bytes) -> None:
    client = app_with(StubSegmenter(max_segments=400), max_segments=1).test_client()
    answer = post(client, png).get_json()
    assert (len(answer["segments"]), answer["truncated"], answer["found"]) == (1, True, 2)
    assert answer["warnings"][0]["message"].endswith(
        "This service returns at most 1: for more, send the picture in parts."
    )
    refused = post(client, png, "?max_segments=2")
    assert refused.status_code == 400
    assert "max_segments must be a whole number from 1 to 1, not '2'." in refused.get_json()["detail"]
    body = {"images": [{"image": base64.b64encode(png).decode(), "max_segments": 2}]}
    result = client.post("/api/v1/batch", json=body).get_json()["results"][0]
    assert "from 1 to 1" in result["error"]["detail"]


@pytest.mark.parametrize("ceiling", [7, 10_000, 65_535])
def test_the_document_and_its_page_say_the_ceiling(ceiling: int) -> None:
    client = app_with(StubSegmenter(), max_segments=ceiling).test_client()
    document = client.get("/openapi.json").get_json()
    (parameter,) = (
        one for one in document["paths"][SEGMENT]["post"]["parameters"] if one["name"] == "max_segments"
    )
    assert parameter["schema"]["minimum"] == 1
    assert parameter["schema"]["maximum"] == ceiling
    assert f"1 to {ceiling}" in client.get("/docs").text
