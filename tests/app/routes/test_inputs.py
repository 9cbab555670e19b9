"""Every way to hand over an image, each giving the same answer for the same picture."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from google.protobuf import json_format, struct_pb2
from stub_segmenter import StubSegmenter

from app import create_app
from app.configuration.settings import Settings
from model.results.result import Wishes

URL = "https://pictures.example/cells.png"
GCS_URI = "gs://pictures/cells.png"


@pytest.fixture
def client(
    segmenter: StubSegmenter, png: bytes, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> FlaskClient:
    """A service for which URL and GCS_URI hold `png`, as does the file cells.png."""
    monkeypatch.setattr("app.requests.sources.Fetcher.fetch", lambda fetcher, url, *limits: {URL: png}[url])
    monkeypatch.setattr(
        "app.requests.sources.read_object", lambda uri, settings, *limits: {GCS_URI: png}[uri]
    )
    (tmp_path / "cells.png").write_bytes(png)
    settings = Settings(max_bytes=200_000, path_root=str(tmp_path), predict_route="/vertex")
    return create_app({"stub": segmenter}, settings).test_client()


def in_base64(png: bytes) -> str:
    return base64.b64encode(png).decode()


def tensor(png: bytes) -> dict[str, Any]:
    return {"name": "image", "datatype": "BYTES", "shape": [1], "data": [in_base64(png)]}


def first(member: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda reply: reply[member][0]


def as_is(reply: dict[str, Any]) -> dict[str, Any]:
    return reply


# What clients of Vertex AI and its like make of an image in base64.
INSTANCES: dict[str, Callable[[str], Any]] = {
    "image": lambda text: {"image": text},
    "image.b64": lambda text: {"image": {"b64": text}},
    "b64": lambda text: {"b64": text},
    "data": lambda text: {"data": text},
    "data.b64": lambda text: {"data": {"b64": text}},
    "content": lambda text: {"content": text},
    "content with its type": lambda text: {"content": text, "mimeType": "image/png"},
    "content.b64": lambda text: {"content": {"b64": text}},
    "image_bytes": lambda text: {"image_bytes": text},
    "image_bytes.b64": lambda text: {"image_bytes": {"b64": text}},
    "img_bytes": lambda text: {"img_bytes": text},
    "img_bytes.b64": lambda text: {"img_bytes": {"b64": text}},
    "any name with b64": lambda text: {"input_1": {"b64": text}},
    "a text": lambda text: text,
    "a text that is a data: URL": lambda text: f"data:image/png;base64,{text}",
    "a URL-safe text": lambda text: text.replace("+", "-").replace("/", "_").rstrip("="),
}

# Route; the request's body, from the picture; where the answer is in the reply.
WAYS: dict[str, tuple[str, Callable[[bytes], dict[str, Any]], Callable[[dict[str, Any]], dict[str, Any]]]] = {
    "a form's image": ("/api/v1/segment", lambda png: {"data": {"image": (io.BytesIO(png), "x")}}, as_is),
    "a form's file": ("/api/v1/segment", lambda png: {"data": {"file": (io.BytesIO(png), "x")}}, as_is),
    "a raw body": ("/api/v1/segment", lambda png: {"data": png, "content_type": "image/png"}, as_is),
    "an octet stream": (
        "/api/v1/segment",
        lambda png: {"data": png, "content_type": "application/octet-stream"},
        as_is,
    ),
    "base64": ("/api/v1/segment", lambda png: {"json": {"image": in_base64(png)}}, as_is),
    "base64 in lines": (
        "/api/v1/segment",
        lambda png: {"json": {"image": base64.encodebytes(png).decode()}},
        as_is,
    ),
    "a data: URL": (
        "/api/v1/segment",
        lambda png: {"json": {"image": f"data:image/png;base64,{in_base64(png)}"}},
        as_is,
    ),
    "URL-safe base64 without padding": (
        "/api/v1/segment",
        lambda png: {"json": {"image": base64.urlsafe_b64encode(png).decode().rstrip("=")}},
        as_is,
    ),
    "a URL": ("/api/v1/segment", lambda png: {"json": {"url": URL}}, as_is),
    "a gs:// URI": ("/api/v1/segment", lambda png: {"json": {"gcs_uri": GCS_URI}}, as_is),
    "a batch of files": (
        "/api/v1/batch",
        lambda png: {"data": {"image": [(io.BytesIO(png), "x"), (io.BytesIO(png), "y")]}},
        first("results"),
    ),
    "a batch in JSON": (
        "/api/v1/batch",
        lambda png: {"json": {"images": [{"image": in_base64(png)}, {"url": URL}]}},
        first("results"),
    ),
    "/predict/upload": (
        "/predict/upload?output=json",
        lambda png: {"data": {"file": (io.BytesIO(png), "x")}},
        as_is,
    ),
    "/predict/url": ("/predict/url", lambda png: {"json": {"url": URL}}, as_is),
    "/predict/path": ("/predict/path", lambda png: {"json": {"path": "cells.png"}}, as_is),
    "/predict/batch of URLs": ("/predict/batch", lambda png: {"json": {"urls": [URL]}}, first("results")),
    "/predict/batch of paths": (
        "/predict/batch",
        lambda png: {"json": {"paths": ["cells.png"]}},
        first("results"),
    ),
    **{
        f"Vertex AI, {name}": (
            "/vertex",
            lambda png, instance=instance: {"json": {"instances": [instance(in_base64(png))]}},
            first("predictions"),
        )
        for name, instance in INSTANCES.items()
    },
    "Vertex AI, gcs_uri": (
        "/vertex",
        lambda png: {"json": {"instances": [{"gcs_uri": GCS_URI}], "parameters": {}}},
        first("predictions"),
    ),
    "KServe V1": (
        "/v1/models/stub:predict",
        lambda png: {"json": {"instances": [{"b64": in_base64(png)}]}},
        first("predictions"),
    ),
    "KServe V2": (
        "/v2/models/stub/infer",
        lambda png: {"json": {"inputs": [tensor(png)]}},
        lambda reply: json.loads(reply["outputs"][0]["data"][0]),
    ),
    "KServe V2 with a version": (
        "/v2/models/stub/versions/1/infer",
        lambda png: {"json": {"inputs": [tensor(png)]}},
        lambda reply: json.loads(reply["outputs"][0]["data"][0]),
    ),
}


@pytest.mark.parametrize(("route", "body", "answer_in"), WAYS.values(), ids=WAYS.keys())
def test_the_same_picture_gets_the_same_answer_however_it_comes(
    client: FlaskClient,
    segmenter: StubSegmenter,
    png: bytes,
    route: str,
    body: Callable[[bytes], dict[str, Any]],
    answer_in: Callable[[dict[str, Any]], dict[str, Any]],
) -> None:
    named = "?model=stub" if "/models/stub" in route else ""
    plain = client.post(f"/api/v1/segment{named}", data=png, content_type="image/png").get_json()
    response = client.post(route, **body(png))
    assert response.status_code == 200, response.text
    answer = answer_in(response.get_json())
    for same in ("model", "image", "segments"):
        assert answer[same] == plain[same]
    assert segmenter.calls[0] == segmenter.calls[1]
    assert segmenter.image_shapes[0] == segmenter.image_shapes[1] == (48, 64, 3)


BAD_JSON = {
    "not JSON": ("{", 400, "not JSON"),
    "not an object": ("[]", 400, "object"),
    "no image": ("{}", 400, "no image"),
    "two images": ('{"image": "eA==", "url": "https://x.example"}', 400, "image and url"),
    "a number for an image": ('{"image": 7}', 400, "image must be text"),
    "not base64": ('{"image": "x!"}', 400, "base64, or a data: URL with base64: character 2 is '!'"),
    "base64 that breaks off": ('{"image": "eHh4e"}', 400, "is incomplete"),
    "a URL for an image": ('{"image": "https://x.example/a.png"}', 400, "by url or gcs_uri"),
    "an empty image": ('{"image": ""}', 400, "empty"),
    "a data: URL without base64": ('{"image": "data:image/png,x"}', 400, "base64"),
    "not an image": ('{"image": "eHh4eA=="}', 415, "JPEG"),
    "too many bytes": (json.dumps({"image": in_base64(b"x" * 200_001)}), 413, "200,000"),
    "an unknown member": ('{"image": "eA==", "color": "red"}', 400, "no parameter 'color'"),
    "text for a number": ('{"image": "eA==", "threshold": "0.5"}', 400, "from 0 to 1, not the text '0.5'"),
    "a truth for a number": ('{"image": "eA==", "threshold": true}', 400, "threshold must be"),
    "a list for a number": ('{"image": "eA==", "page": [1]}', 400, "page must be"),
    "a list for a word": ('{"image": "eA==", "projection": ["max"]}', 400, "not \"['max']\"."),
    "a path, which only /predict reads": ('{"path": "/etc/passwd"}', 400, "no parameter 'path'"),
    "deeper than 16": ('{"image": ' + "[" * 16 + "]" * 16 + "}", 400, "more than 16 levels deep"),
    "a million lists": ('{"image": [' + "[]," * 60_000 + "[]]}", 413, "parts"),
    "a text of escapes without an end": ('{"image": "' + '\\"' * 90_000, 400, "not JSON"),
    "brackets in text are none": ('{"image": "' + "[" * 99 + '"}', 400, "base64"),
}


@pytest.mark.parametrize("route", ["/api/v1/batch", "/v1/models/stub:predict", "/v2/models/stub/infer"])
@pytest.mark.parametrize("content_type", ["application/octet-stream", None])
def test_a_picture_where_json_is_wanted_is_told_where_to_go(
    client: FlaskClient, png: bytes, route: str, content_type: str | None
) -> None:
    response = client.post(route, data=png, content_type=content_type)

    assert response.status_code == 415
    assert "It is a picture: send it to /api/v1/segment" in response.text


@pytest.mark.parametrize(("body", "status", "detail"), BAD_JSON.values(), ids=BAD_JSON.keys())
def test_bad_json_is_a_problem_and_the_next_request_works(
    client: FlaskClient, png: bytes, body: str, status: int, detail: str
) -> None:
    response = client.post("/api/v1/segment", data=body, content_type="application/json")
    assert response.status_code == status
    assert response.content_type == "application/problem+json"
    assert detail in response.get_json()["detail"]
    assert client.post("/api/v1/segment", json={"image": in_base64(png)}).status_code == 200


def test_parameters_of_json_reach_the_model(
    client: FlaskClient, segmenter: StubSegmenter, png: bytes
) -> None:
    body = {"image": in_base64(png), "threshold": 0.25, "classes": ["cell", "fibre"], "max_segments": 7.0}
    answer = client.post("/api/v1/segment", json={**body, "mask_format": "none", "model": None}).get_json()
    assert Wishes(**segmenter.calls[-1]) == Wishes(0.25, ["cell", "fibre"], 7)
    assert "mask" not in answer["segments"][0]


def test_the_body_goes_before_the_query(client: FlaskClient, segmenter: StubSegmenter, png: bytes) -> None:
    query = "/api/v1/segment?threshold=0.1&max_segments=3"
    client.post(query, json={"image": in_base64(png), "threshold": 0.2})
    client.post(query, data={"image": (io.BytesIO(png), "x"), "threshold": "0.3"})
    assert [call["threshold"] for call in segmenter.calls] == [0.2, 0.3]
    assert [call["max_segments"] for call in segmenter.calls] == [3, 3]


# --- Several images ---------------------------------------------------------------------------------------


def test_a_bad_image_of_a_batch_costs_the_others_nothing(client: FlaskClient, png: bytes) -> None:
    good = {"image": in_base64(png)}
    images = [good, {"image": "eHh4eA=="}, {}, {**good, "page": "x"}, {**good, "mask_format": "none"}]
    results = client.post("/api/v1/batch", json={"images": images}).get_json()["results"]
    assert [result.get("error", {}).get("status", 200) for result in results] == [200, 415, 400, 400, 200]
    assert set(results[1]["error"]) == {"type", "title", "status", "detail", "request_id"}
    assert "mask" in results[0]["segments"][0] and "mask" not in results[4]["segments"][0]


def test_what_a_batch_has_not_begun_when_its_time_is_over_is_refused(
    segmenter: StubSegmenter, png: bytes
) -> None:
    segmenter.seconds = 0.4
    client = create_app({"stub": segmenter}, Settings(request_timeout=1)).test_client()
    images = [{"image": in_base64(png)}] * 5
    results = client.post("/api/v1/batch", json={"images": images}).get_json()["results"]
    statuses = [result.get("error", {}).get("status", 200) for result in results]
    assert statuses[0] == 200 and statuses[3:] == [503, 503]


def test_a_picture_that_takes_longer_than_a_request_may_is_given_up_between_tiles(
    segmenter: StubSegmenter, png: bytes
) -> None:
    segmenter.seconds, segmenter.tiles = 0.8, 2
    client = create_app({"stub": segmenter}, Settings(request_timeout=0.2)).test_client()
    response = client.post("/api/v1/segment", data=png, content_type="image/png")
    assert response.status_code == 503
    assert "time for this request ran out" in response.get_json()["detail"]


def test_an_empty_part_of_a_batch_keeps_its_place(client: FlaskClient, png: bytes) -> None:
    parts = [(io.BytesIO(png), "a"), (io.BytesIO(b""), "b"), (io.BytesIO(png), "c")]
    results = client.post("/api/v1/batch", data={"image": parts}).get_json()["results"]
    assert [result.get("error", {}).get("status", 200) for result in results] == [200, 400, 200]


def test_an_images_own_parameters_go_before_those_for_all(
    client: FlaskClient, segmenter: StubSegmenter, png: bytes
) -> None:
    images = [{"image": in_base64(png)}, {"image": in_base64(png), "threshold": 0.75}]
    client.post("/api/v1/batch", json={"images": images, "threshold": 0.25})
    assert [call["threshold"] for call in segmenter.calls] == [0.25, 0.75]


def test_parameters_of_a_batch_come_from_query_and_form(
    client: FlaskClient, segmenter: StubSegmenter, png: bytes
) -> None:
    form = {"image": [(io.BytesIO(png), "x")], "max_segments": "3"}
    assert client.post("/api/v1/batch?threshold=0.5", data=form).status_code == 200
    assert [Wishes(**call) for call in segmenter.calls] == [Wishes(0.5, max_segments=3)]


BAD_BATCHES = {
    "no images": ("/api/v1/batch", {"images": []}, 400, "no image"),
    "images that are no list": ("/api/v1/batch", {"images": {}}, 400, "list of objects"),
    "images that are no objects": ("/api/v1/batch", {"images": ["x"]}, 400, "list of objects"),
    "17 images": ("/api/v1/batch", {"images": [{}] * 17}, 413, "at most 16"),
    "a bad parameter for all": ("/api/v1/batch", {"images": [{}], "threshold": 2}, 400, "threshold"),
    "an output that is no JSON": ("/api/v1/batch", {"images": [{}], "output": "overlay"}, 400, "output must"),
    "neither URLs nor paths": ("/predict/batch", {}, 400, "urls"),
    "both URLs and paths": ("/predict/batch", {"urls": [], "paths": []}, 400, "urls"),
    "URLs that are no list": ("/predict/batch", {"urls": "x"}, 400, "list"),
    "17 URLs": ("/predict/batch", {"urls": ["x"] * 17}, 413, "at most 16"),
    "no path": ("/predict/path", {}, 400, "path"),
    "no instances": ("/vertex", {}, 400, "instances"),
    "17 instances": ("/vertex", {"instances": [{}] * 17}, 413, "at most 16"),
    "parameters that are no object": ("/vertex", {"instances": [{}], "parameters": 1}, 400, "object"),
    "more beside instances": ("/vertex", {"instances": [{}], "threshold": 1}, 400, "threshold"),
    "another model than the route's": (
        "/v1/models/stub:predict",
        {"instances": [{}], "parameters": {"model": "other"}},
        400,
        "as in the route",
    ),
    "instances that are numbers": ("/vertex", {"instances": [1]}, 400, "list of objects or texts"),
    "a model that there is not": ("/v1/models/x:predict", {"instances": [{}]}, 404, "stub"),
    "no inputs": ("/v2/models/stub/infer", {}, 400, "inputs"),
    "two tensors": ("/v2/models/stub/infer", {"inputs": [tensor(b"x")] * 2}, 400, "one tensor"),
    "a tensor of numbers": (
        "/v2/models/stub/infer",
        {"inputs": [{**tensor(b"x"), "datatype": "FP32"}]},
        400,
        "BYTES",
    ),
    "another shape": ("/v2/models/stub/infer", {"inputs": [{**tensor(b"x"), "shape": [2]}]}, 400, "shape"),
    "a shape of truths": (
        "/v2/models/stub/infer",
        {"inputs": [{**tensor(b"x"), "shape": [True]}]},
        400,
        "shape",
    ),
    "a shape without sides": (
        "/v2/models/stub/infer",
        {"inputs": [{**tensor(b"x"), "shape": []}]},
        400,
        "shape",
    ),
    "another name": ("/v2/models/stub/infer", {"inputs": [{**tensor(b"x"), "name": "x"}]}, 400, "named"),
    "another coding": (
        "/v2/models/stub/infer",
        {"inputs": [{**tensor(b"x"), "parameters": {"content_type": "str"}}]},
        400,
        "base64",
    ),
    "another version": ("/v2/models/stub/versions/2/infer", {"inputs": [tensor(b"x")]}, 404, "version"),
}


@pytest.mark.parametrize(("route", "body", "status", "detail"), BAD_BATCHES.values(), ids=BAD_BATCHES.keys())
def test_a_bad_request_with_several_images_is_a_problem(
    client: FlaskClient, route: str, body: dict[str, Any], status: int, detail: str
) -> None:
    response = client.post(route, json=body)
    assert response.status_code == status
    if route.startswith("/v2/"):
        assert response.content_type == "application/json"
        assert set(response.get_json()) == {"error"}
    else:
        assert response.content_type == "application/problem+json"
    assert detail in response.get_json()["error" if route.startswith("/v2/") else "detail"]


def test_paths_are_404_where_the_operator_has_not_allowed_them(segmenter: StubSegmenter) -> None:
    client = create_app({"stub": segmenter}, Settings()).test_client()
    assert client.post("/predict/path", json={"path": "/etc/hostname"}).status_code == 404
    assert client.post("/predict/batch", json={"paths": ["/etc/hostname"]}).status_code == 404


# --- Platforms --------------------------------------------------------------------------------------------


def test_kserve_v1_lists_and_describes_models(client: FlaskClient) -> None:
    assert client.get("/v1/models").get_json() == {"models": ["stub"]}
    assert client.get("/v1/models/stub").get_json() == {"name": "stub", "ready": True}
    assert client.get("/v1/models/x").status_code == 404


SEVERAL_IMAGES = {
    "two names": {"b64": "eA==", "content": "eA=="},
    "one wrapped, one not": {"image_bytes": {"b64": "eA=="}, "image": "eA=="},
    "two wrapped": {"left": {"b64": "eA=="}, "right": {"b64": "eA=="}},
    "one here, one elsewhere": {"img_bytes": {"b64": "eA=="}, "gcs_uri": GCS_URI},
}


@pytest.mark.parametrize("instance", SEVERAL_IMAGES.values(), ids=SEVERAL_IMAGES.keys())
def test_an_instance_with_several_images_is_refused_by_itself_and_names_them(
    client: FlaskClient, png: bytes, instance: dict[str, Any]
) -> None:
    body = {"instances": [instance, {"b64": in_base64(png)}]}
    refusal, answer = client.post("/vertex", json=body).get_json()["predictions"]
    assert refusal["error"]["status"] == 400
    assert all(name in refusal["error"]["detail"] for name in instance)
    assert answer["segments"]


@pytest.mark.parametrize(
    ("instance", "detail"),
    [
        ({"content": 7}, "content must be text"),
        ({"b64": None}, "b64 must be text"),
        ({"image_bytes": {"b64": 7}}, "image_bytes must be text"),
        ({"image_bytes": {"base64": "eA=="}}, "image_bytes must be text"),
        ({"b64": "eA=*"}, "character 4 is '*'"),
        ("eA=*", "character 4 is '*'"),
        ("", "empty"),
        ({}, "no image"),
        ({"input": "eA=="}, "no parameter 'input'"),
    ],
    ids=str,
)
def test_an_instance_that_is_no_image_is_refused_in_the_callers_words(
    client: FlaskClient, instance: object, detail: str
) -> None:
    (refusal,) = client.post("/vertex", json={"instances": [instance]}).get_json()["predictions"]
    assert refusal["error"]["status"] == 400
    assert detail in refusal["error"]["detail"]


def test_what_vertex_ais_python_client_sends_is_understood(
    client: FlaskClient, segmenter: StubSegmenter, png: bytes
) -> None:
    """google-cloud-aiplatform makes protobuf values of all: JSON has whole numbers as 100.0."""
    instance = {"image_bytes": {"b64": in_base64(png)}, "page": 0}
    parameters = {"max_segments": 100, "threshold": 1, "min_area": None, "classes": ["cell"]}
    request = json_format.ParseDict({"instances": [instance], "parameters": parameters}, struct_pb2.Value())
    body = json.dumps(json_format.MessageToDict(request))
    assert "100.0" in body
    response = client.post("/vertex", data=body, content_type="application/json")
    assert response.get_json()["predictions"][0]["image"].items() >= {"width": 64, "height": 48}.items()
    assert Wishes(**segmenter.calls[-1]) == Wishes(1.0, ["cell"], 100)
    fraction = body.replace("100.0", "100.5")
    response = client.post("/vertex", data=fraction, content_type="application/json")
    assert (response.status_code, "max_segments" in response.get_json()["detail"]) == (400, True)


def test_tensorflow_servings_signature_is_passed_over(client: FlaskClient, png: bytes) -> None:
    body = {"signature_name": "serving_default", "instances": [{"image_bytes": {"b64": in_base64(png)}}]}
    reply = client.post("/v1/models/stub:predict", json=body).get_json()
    assert reply["predictions"][0]["segments"]
