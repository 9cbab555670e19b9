"""KServe V2, the Open Inference Protocol: JSON and binary tensors, descriptions, the form of errors."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import pytest
from asking import assert_inference_error
from flask.testing import FlaskClient
from stub_segmenter import StubSegmenter
from werkzeug.test import TestResponse

from app import create_app
from app.configuration.settings import Settings
from app.serving.health import health_of

URL = "/v2/models/stub/infer"
LENGTH = "Inference-Header-Content-Length"


def element(data: bytes) -> bytes:
    return struct.pack("<I", len(data)) + data


def tensor(size: int | None = None, **members: Any) -> dict[str, Any]:
    of_binary = {} if size is None else {"parameters": {"binary_data_size": size}}
    return {"name": "image", "datatype": "BYTES", "shape": [1], **of_binary, **members}


def post_binary(
    client: FlaskClient,
    binary: bytes,
    url: str = URL,
    content_type: str | None = None,
    header: object = None,
    size: int | None = None,
    input: dict[str, Any] | None = None,
    **members: Any,
) -> TestResponse:
    """A request whose input has binary data; `header` and `size` only to lie about them."""
    inputs = [input or tensor(len(binary) if size is None else size)]
    document = json.dumps({"inputs": inputs, **members}).encode()
    said = str(len(document) if header is None else header)
    return client.post(url, data=document + binary, content_type=content_type, headers={LENGTH: said})


def post_json(client: FlaskClient, **members: Any) -> TestResponse:
    return client.post(URL, data=json.dumps(members), content_type=None)


def in_base64(png: bytes) -> str:
    return base64.b64encode(png).decode()


# --- Tensors ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content_type", [None, "application/octet-stream", "application/json", "text/plain"])
def test_a_binary_tensor_is_read_whatever_the_body_is_called(
    client: FlaskClient, png: bytes, content_type: str | None
) -> None:
    reply = post_binary(client, element(png), content_type=content_type).get_json()
    (output,) = reply["outputs"]
    assert (output["name"], output["datatype"], output["shape"]) == ("segments", "BYTES", [1])
    assert len(json.loads(output["data"][0])["segments"]) == 2


@pytest.mark.parametrize(
    "write",
    [
        lambda png: png,
        lambda png: base64.b64encode(png),
        lambda png: base64.urlsafe_b64encode(png).rstrip(b"="),
        lambda png: b"data:image/png;base64," + base64.b64encode(png),
    ],
    ids=["file", "base64", "URL-safe base64", "data: URL"],
)
def test_an_element_is_an_image_file_or_base64_of_one(client: FlaskClient, png: bytes, write: Any) -> None:
    (output,) = post_binary(client, element(write(png))).get_json()["outputs"]
    assert json.loads(output["data"][0])["image"].items() >= {"width": 64, "height": 48}.items()


@pytest.mark.parametrize(
    "members",
    [
        {"parameters": {"binary_data_output": True}},
        {"outputs": [{"name": "segments", "parameters": {"binary_data": True}}]},
        {
            "parameters": {"binary_data_output": False},
            "outputs": [{"name": "segments", "parameters": {"binary_data": True}}],
        },
    ],
    ids=["by the request", "by the output", "the output has the last word"],
)
def test_the_answer_is_binary_where_that_is_asked_for(
    client: FlaskClient, png: bytes, members: dict[str, Any]
) -> None:
    binary = element(png) + element(b"\x00no picture")
    response = post_binary(client, binary, input=tensor(len(binary), shape=[2]), id="7", **members)
    assert response.status_code == 200
    assert response.content_type == "application/octet-stream"
    length = int(response.headers[LENGTH])
    document, rest = json.loads(response.data[:length]), response.data[length:]
    assert (document["model_name"], document["model_version"], document["id"]) == ("stub", "1", "7")
    (output,) = document["outputs"]
    assert output == {
        "name": "segments",
        "datatype": "BYTES",
        "shape": [2],
        "parameters": {"binary_data_size": len(rest)},
    }
    answers = []
    while rest:
        (size,) = struct.unpack_from("<I", rest)
        answers.append(json.loads(rest[4 : 4 + size]))
        rest = rest[4 + size :]
    assert len(answers[0]["segments"]) == 2
    assert answers[1]["error"]["status"] == 415


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"outputs": []},
        {"outputs": [{"name": "segments"}]},
        {"outputs": [{"name": "segments", "parameters": {"binary_data": False}}]},
        {
            "parameters": {"binary_data_output": True},
            "outputs": [{"name": "segments", "parameters": {"binary_data": False}}],
        },
    ],
    ids=["nothing said", "no outputs named", "named", "not binary", "the output has the last word"],
)
def test_the_answer_is_json_otherwise(client: FlaskClient, png: bytes, members: dict[str, Any]) -> None:
    response = post_json(client, inputs=[tensor(data=[in_base64(png)])], **members)
    assert response.content_type == "application/json"
    assert LENGTH not in response.headers
    (output,) = response.get_json()["outputs"]
    assert json.loads(output["data"][0])["segments"]


@pytest.mark.parametrize(
    ("shape", "nest"),
    [
        ([2], lambda one, two: [one, two]),
        ([2, 1], lambda one, two: [[one], [two]]),
        ([2, 1], lambda one, two: [one, two]),
        ([1, 2], lambda one, two: [[one, two]]),
    ],
    ids=["a list", "a column", "a list for a column", "a row"],
)
def test_data_may_lie_in_lists_as_the_shape_says(
    client: FlaskClient, png: bytes, shape: list[int], nest: Any
) -> None:
    data = nest(in_base64(png), "eHh4eA==")
    reply = post_json(client, id="7", inputs=[tensor(shape=shape, data=data)]).get_json()
    assert (reply["model_name"], reply["model_version"], reply["id"]) == ("stub", "1", "7")
    (output,) = reply["outputs"]
    answer, refusal = map(json.loads, output["data"])
    assert len(answer["segments"]) == 2 and refusal["error"]["status"] == 415


def test_parameters_reach_the_model_from_request_and_query(
    client: FlaskClient, segmenter: StubSegmenter, png: bytes
) -> None:
    parameters = {"threshold": 0.25, "max_segments": 7.0, "binary_data_output": False}
    parameters |= {"priority": 1, "timeout": 5_000_000, "sequence_id": 3, "sequence_start": True}
    inputs = [tensor(data=[in_base64(png)])]
    assert post_json(client, inputs=inputs, parameters=parameters).status_code == 200
    assert (segmenter.calls[-1]["threshold"], segmenter.calls[-1]["max_segments"]) == (0.25, 7)
    assert client.post(f"{URL}?threshold=0.75", json={"inputs": inputs}).status_code == 200
    assert segmenter.calls[-1]["threshold"] == 0.75


BAD_BINARY: dict[str, tuple[dict[str, Any], int, str]] = {
    "a length that is no number": ({"header": "x"}, 400, "must be a whole number"),
    "a negative length": ({"header": -1}, 400, "must be a whole number"),
    "a length beyond the body": ({"header": 10_000}, 400, "but the body has"),
    "a length of many digits": ({"header": "9" * 5000}, 400, "but the body has"),
    "a length into the middle of the JSON": ({"header": 10}, 400, "not JSON"),
    "a size too small": ({"size": 3}, 400, "binary_data_size is 3"),
    "a size too large": ({"size": 300}, 400, "binary_data_size is 300"),
    "no size": ({"input": tensor(data=["eA=="])}, 400, "binary_data_size is 0"),
    "a size that is text": ({"input": tensor(parameters={"binary_data_size": "7"})}, 400, "binary_data_size"),
    "data twice": ({"input": tensor(7, data=["eA=="])}, 400, "both data and binary_data_size"),
    "pixels": ({"input": tensor(7, datatype="UINT8", shape=[1, 7, 1])}, 400, "must be BYTES"),
    "shared memory": (
        {"input": tensor(parameters={"shared_memory_region": "x", "shared_memory_byte_size": 7})},
        400,
        "shared memory",
    ),
    "fewer elements than the shape": ({"input": tensor(7, shape=[2])}, 400, "before element 2 of 2"),
    "more elements than the shape": ({"binary": element(b"x") * 2}, 400, "5 bytes more than the 1 elements"),
    "a length without its element": ({"binary": b"\xff\xff\xff\xff"}, 400, "4,294,967,295 bytes, but 0"),
    "less than a length": ({"binary": b"\x01\x00"}, 400, "before element 1 of 1"),
    "no bytes": ({"binary": b""}, 400, "before element 1 of 1"),
    "more elements than a batch": ({"input": tensor(7, shape=[17])}, 413, "at most 16"),
    "no elements": ({"input": tensor(7, shape=[0])}, 400, "no image"),
    "a shape of huge numbers": ({"input": tensor(7, shape=[2**62] * 8)}, 413, "at most 16"),
    "a shape of many sides": ({"input": tensor(7, shape=[1] * 9)}, 400, "shape"),
    "an element of too many bytes": ({"binary": element(bytes(200_001))}, 413, "200,000"),
    "an output that there is not": ({"outputs": [{"name": "masks"}]}, 400, "no output 'masks'"),
    "outputs that are no list": ({"outputs": 1}, 400, "outputs must be a list"),
    "outputs that are no objects": ({"outputs": ["segments"]}, 400, "outputs must be a list"),
    "an output as classification": (
        {"outputs": [{"name": "segments", "parameters": {"classification": 3}}]},
        400,
        "only one parameter, binary_data",
    ),
    "binary, or not, by a number": ({"parameters": {"binary_data_output": 1}}, 400, "true or false"),
    "an id that is a number": ({"id": 7}, 400, "id must be text"),
    "a bad parameter": ({"parameters": {"threshold": 2}}, 400, "threshold must be"),
    "a bad query": ({"url": f"{URL}?treshold=1"}, 400, "no parameter 'treshold'"),
    "a body called an image": ({"content_type": "image/png"}, 415, "send application/json"),
    "a body called a form": ({"content_type": "multipart/form-data; boundary=x"}, 415, "application/json"),
}


@pytest.mark.parametrize(("how", "status", "words"), BAD_BINARY.values(), ids=BAD_BINARY.keys())
def test_a_bad_binary_request_is_refused_and_the_next_one_works(
    client: FlaskClient, png: bytes, how: dict[str, Any], status: int, words: str
) -> None:
    said = assert_inference_error(post_binary(client, **{"binary": element(b"\x00xx"), **how}), status)
    assert words in said
    assert post_binary(client, element(png)).status_code == 200


def test_a_size_without_the_header_is_refused(client: FlaskClient) -> None:
    said = assert_inference_error(post_json(client, inputs=[tensor(7)]), 400)
    assert "binary_data_size is 7" in said and LENGTH in said


def test_an_empty_element_is_refused_by_itself(client: FlaskClient, png: bytes) -> None:
    binary = element(png) + element(b"")
    (output,) = post_binary(client, binary, input=tensor(len(binary), shape=[2])).get_json()["outputs"]
    answer, refusal = map(json.loads, output["data"])
    assert answer["segments"] and refusal["error"]["status"] == 400


# --- Descriptions -----------------------------------------------------------------------------------------


def test_the_server_says_that_it_lives_is_ready_and_reads_binary_tensors(client: FlaskClient) -> None:
    described = client.get("/v2").get_json()
    assert described["name"] == "maskserve" and "binary_tensor_data" in described["extensions"]
    assert client.get("/v2/health/live").get_json()["live"] is True
    assert client.get("/v2/health/ready").get_json()["ready"] is True


@pytest.mark.parametrize("version", ["", "/versions/1"])
def test_a_model_describes_itself(client: FlaskClient, version: str) -> None:
    described = client.get(f"/v2/models/stub{version}").get_json()
    assert described["versions"] == ["1"]
    assert described["inputs"] == [{"name": "image", "datatype": "BYTES", "shape": [-1]}]
    assert described["outputs"] == [{"name": "segments", "datatype": "BYTES", "shape": [-1]}]
    configured = client.get(f"/v2/models/stub{version}/config").get_json()
    assert (configured["name"], configured["max_batch_size"]) == ("stub", 0)
    assert configured["input"] == [{"name": "image", "data_type": "TYPE_STRING", "dims": [-1]}]
    assert configured["output"] == [{"name": "segments", "data_type": "TYPE_STRING", "dims": [-1]}]
    assert client.get(f"/v2/models/stub{version}/ready").get_json() == {"name": "stub", "ready": True}


# --- Errors -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/models/other", 404),
        ("GET", "/v2/models/other/ready", 404),
        ("GET", "/v2/models/stub/versions/2", 404),
        ("GET", "/v2/models/stub/versions/2/config", 404),
        ("POST", "/v2/models/other/infer", 404),
        ("GET", "/v2/models/stub/stats", 404),
        ("POST", "/v2/repository/index", 404),
        ("GET", "/v2/nowhere", 404),
        ("GET", "/v2/models/stub/infer", 405),
        ("POST", "/v2", 405),
    ],
)
def test_an_error_is_in_the_protocols_form(
    client: FlaskClient, png: bytes, method: str, path: str, status: int
) -> None:
    body = {"inputs": [tensor(data=[in_base64(png)])]}
    response = client.open(path, method=method, json=body if method == "POST" else None)
    assert_inference_error(response, status)
    assert ("Allow" in response.headers) == (status == 405)


@pytest.mark.parametrize("path", ["/v2x", "/v1/models/other", "/api/v1/models/other"])
def test_other_routes_keep_their_form(client: FlaskClient, path: str) -> None:
    response = client.get(path)
    assert (response.status_code, response.content_type) == (404, "application/problem+json")


def test_errors_before_and_behind_a_view_are_in_the_protocols_form_too(
    client: FlaskClient, segmenter: StubSegmenter, png: bytes
) -> None:
    body = {"inputs": [tensor(data=[in_base64(png)])]}
    small = create_app({"stub": segmenter}, Settings(max_bytes=1000, max_batch_bytes=1000)).test_client()
    said = assert_inference_error(small.post(URL, json=body), 413)
    assert "1,000 bytes" in said
    assert_inference_error(client.post(URL, data="{", headers={"X-Long": "x" * 70_000}), 431)
    keyed = create_app({"stub": segmenter}, Settings(api_keys=("a-key-of-at-least-16-characters",)))
    refused = keyed.test_client().post(URL, json=body)
    said = assert_inference_error(refused, 401)
    assert "X-API-Key" in said
    assert "X-API-Key" in refused.headers["WWW-Authenticate"]
    limited = create_app({"stub": segmenter}, Settings(rate_limit="1/hour")).test_client()
    assert limited.post(URL, json=body).status_code == 200
    refused = limited.post(URL, json=body)
    assert_inference_error(refused, 429)
    assert int(refused.headers["Retry-After"]) > 0
    service = create_app({"stub": segmenter}, Settings())
    health_of(service).is_ending = True
    for probe in ("/v2/health/ready", "/v2/models/stub/ready"):
        refused = service.test_client().get(probe)
        assert_inference_error(refused, 503)
        assert int(refused.headers["Retry-After"]) > 0
