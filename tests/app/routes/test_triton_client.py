"""Triton's own client against the real server, unchanged."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from server import Server, needs_uwsgi, running
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput, InferResult
from tritonclient.utils import InferenceServerException

pytestmark = needs_uwsgi


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    log = tmp_path_factory.mktemp("triton") / "log"
    with running(log, 0, MASKSERVE_MAX_BYTES="200000") as server:
        yield server


@pytest.fixture
def client(server: Server) -> Iterator[InferenceServerClient]:
    with InferenceServerClient(f"127.0.0.1:{server.port}") as client:
        yield client


def tensor(*elements: object, binary: bool = True, shape: list[int] | None = None) -> InferInput:
    array = np.array(elements, dtype=np.object_).reshape(shape or [len(elements)])
    made = InferInput("image", list(array.shape), "BYTES")
    made.set_data_from_numpy(array, binary_data=binary)
    return made


def answers(result: InferResult) -> list[dict[str, Any]]:
    return [json.loads(text) for text in result.as_numpy("segments")]


WAYS = {
    "files, both binary": (lambda png: tensor(png), None),
    "files, output in JSON": (lambda png: tensor(png), InferRequestedOutput("segments", binary_data=False)),
    "files, output asked for": (lambda png: tensor(png), InferRequestedOutput("segments")),
    "files in a shape of two sides": (lambda png: tensor(png, shape=[1, 1]), None),
    "base64 in JSON": (lambda png: tensor(base64.b64encode(png), binary=False), None),
    "base64 in JSON, output in JSON": (
        lambda png: tensor(base64.b64encode(png).decode(), binary=False),
        InferRequestedOutput("segments", binary_data=False),
    ),
    "base64 as binary": (lambda png: tensor(base64.b64encode(png).decode()), None),
}


@pytest.mark.parametrize(("make", "output"), WAYS.values(), ids=WAYS.keys())
@pytest.mark.parametrize("version", ["", "1"], ids=["newest", "version 1"])
def test_a_picture_is_segmented(
    client: InferenceServerClient, png: bytes, make: Any, output: InferRequestedOutput | None, version: str
) -> None:
    outputs = [output] if output else None
    result = client.infer("stub", [make(png)], model_version=version, outputs=outputs, request_id="job-7")
    (answer,) = answers(result)
    assert answer["image"].items() >= {"width": 64, "height": 48}.items()
    assert len(answer["segments"]) == 2
    response = result.get_response()
    assert (response["model_name"], response["model_version"], response["id"]) == ("stub", "1", "job-7")


def test_each_of_several_pictures_is_answered_or_refused(client: InferenceServerClient, png: bytes) -> None:
    answer, refusal, other = answers(client.infer("stub", [tensor(png, b"\x00no picture", png)]))
    assert len(answer["segments"]) == len(other["segments"]) == 2
    assert refusal["error"]["status"] == 415


def test_parameters_and_what_is_for_schedulers_are_taken(client: InferenceServerClient, png: bytes) -> None:
    parameters = {"threshold": 0.1, "mask_format": "none"}
    how = {"priority": 2, "timeout": 10_000_000, "sequence_id": 5, "sequence_start": True}
    (answer,) = answers(client.infer("stub", [tensor(png)], parameters=parameters, **how))
    assert "mask" not in answer["segments"][0]
    (answer,) = answers(client.infer("stub", [tensor(png)], query_params={"mask_format": "none"}))
    assert "mask" not in answer["segments"][0]


def test_an_answer_need_not_be_compressed(client: InferenceServerClient, png: bytes) -> None:
    (answer,) = answers(client.infer("stub", [tensor(png)], response_compression_algorithm="gzip"))
    assert len(answer["segments"]) == 2


def test_several_requests_run_at_once(server: Server, png: bytes) -> None:
    with InferenceServerClient(f"127.0.0.1:{server.port}", concurrency=4) as client:
        pending = [client.async_infer("stub", [tensor(png)]) for _ in range(4)]
        assert [len(answers(one.get_result())[0]["segments"]) for one in pending] == [2] * 4


def test_the_server_and_its_model_describe_themselves(client: InferenceServerClient) -> None:
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready("stub") and client.is_model_ready("stub", "1")
    assert not client.is_model_ready("other") and not client.is_model_ready("stub", "2")
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    (described,) = client.get_model_metadata("stub")["inputs"]
    assert described == {"name": "image", "datatype": "BYTES", "shape": [-1]}
    assert client.get_model_metadata("stub", "1")["versions"] == ["1"]
    assert client.get_model_config("stub")["input"][0]["data_type"] == "TYPE_STRING"


def pixels() -> InferInput:
    made = InferInput("image", [48, 64, 3], "UINT8")
    return made.set_data_from_numpy(np.zeros((48, 64, 3), np.uint8))


def shared_memory() -> InferInput:
    return InferInput("image", [1], "BYTES").set_shared_memory("region", 100)


REFUSED = {
    "a model that there is not": (lambda client: client.infer("other", [tensor(b"x")]), "404", "stub"),
    "a version that there is not": (
        lambda client: client.infer("stub", [tensor(b"x")], model_version="2"),
        "404",
        "version of stub is not loaded",
    ),
    "pixels": (lambda client: client.infer("stub", [pixels()]), "400", "must be BYTES"),
    "shared memory": (lambda client: client.infer("stub", [shared_memory()]), "400", "shared memory"),
    "another output": (
        lambda client: client.infer("stub", [tensor(b"x")], outputs=[InferRequestedOutput("masks")]),
        "400",
        "the output is segments",
    ),
    "a bad parameter": (
        lambda client: client.infer("stub", [tensor(b"x")], parameters={"treshold": 0.5}),
        "400",
        "no parameter 'treshold'",
    ),
    "too many pictures": (lambda client: client.infer("stub", [tensor(*[b"x"] * 17)]), "413", "at most 16"),
    "too many bytes": (lambda client: client.infer("stub", [tensor(bytes(200_001))]), "413", "200,000 bytes"),
    "statistics": (lambda client: client.get_inference_statistics("stub"), "404", "not found"),
    "the repository": (lambda client: client.get_model_repository_index(), "404", "MASKSERVE_ADMIN_KEYS"),
    "loading a model": (lambda client: client.load_model("stub"), "404", "MASKSERVE_ADMIN_KEYS"),
    "shared memory's state": (lambda client: client.get_system_shared_memory_status(), "404", "not found"),
}


@pytest.mark.parametrize(("ask", "status", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_an_error_is_one_that_it_understands(
    client: InferenceServerClient, ask: Any, status: str, words: str
) -> None:
    with pytest.raises(InferenceServerException) as raised:
        ask(client)
    assert raised.value.status() == status
    assert words in raised.value.message() and "decoding the response" not in raised.value.message()
