"""KServe V2, the Open Inference Protocol, as Triton's and KServe's clients speak it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request

from app.answering.batch import answer_each
from app.answering.tensors import answer_inference
from app.errors import ModelNotFound
from app.openapi import schemas
from app.openapi.bodies import IMAGE, JSON_BODY, Schema, object_schema
from app.openapi.operations import COMPUTES, DESCRIBES, Operation, Terms
from app.requests.sources import Image
from app.requests.tensors import INPUT, OUTPUT, receive_inference
from app.routes.operations import check_ready, live, ready
from app.service import current_service
from app.serving.reception import receiving
from model.catalog import split_name

open_inference = Blueprint("open_inference", __name__, url_prefix="/v2")

_PLATFORM = "maskserve"


@open_inference.get("")
def describe_server() -> dict[str, Any]:
    """The server's name, version and supported extensions."""
    return {
        "name": "maskserve",
        "version": "1",
        "extensions": [
            *("binary_tensor_data", "model_configuration", "parameters"),
            *(["model_repository"] if current_service().settings.admin_keys else []),
        ],
    }


@open_inference.get("/health/live")
def live_v2() -> dict[str, Any]:
    """As /livez, with the protocol's member `live`."""
    return {**live(), "live": True}


@open_inference.get("/health/ready")
def ready_v2() -> dict[str, Any]:
    """As /readyz, with the protocol's member `ready`."""
    return {**ready(), "ready": True}


@open_inference.get("/models/<name>")
@open_inference.get("/models/<name>/versions/<version>")
def describe_v2(name: str, version: str | None = None) -> dict[str, Any]:
    """A model's inputs and outputs."""
    found = current_service().version_named(_full_name(name, version))
    known = current_service().models.all().versions[found.name]
    return {
        "name": found.name,
        "versions": [found.version] if version else list(known),
        "platform": _PLATFORM,
        "inputs": [{"name": INPUT, "datatype": "BYTES", "shape": [-1]}],
        "outputs": [{"name": OUTPUT, "datatype": "BYTES", "shape": [-1]}],
    }


@open_inference.get("/models/<name>/config")
@open_inference.get("/models/<name>/versions/<version>/config")
def configure_v2(name: str, version: str | None = None) -> dict[str, Any]:
    """The same in the form of Triton's model configuration."""
    return {
        "name": current_service().version_named(_full_name(name, version)).name,
        "platform": _PLATFORM,
        "backend": _PLATFORM,
        "max_batch_size": 0,  # the shape has no batch dimension before those in dims
        "input": [{"name": INPUT, "data_type": "TYPE_STRING", "dims": [-1]}],
        "output": [{"name": OUTPUT, "data_type": "TYPE_STRING", "dims": [-1]}],
    }


@open_inference.get("/models/<name>/ready")
@open_inference.get("/models/<name>/versions/<version>/ready")
def model_ready_v2(name: str, version: str | None = None) -> dict[str, Any]:
    """Whether a model is ready."""
    check_ready()
    return {"name": current_service().version_named(_full_name(name, version)).name, "ready": True}


@open_inference.post("/models/<name>/infer")
@open_inference.post("/models/<name>/versions/<version>/infer")
def infer(name: str, version: str | None = None) -> Response:
    """One tensor of images in; one tensor of JSON answers out."""
    service = current_service()
    with receiving():
        asked = receive_inference(service.settings)
    full_name = _full_name(name, version)
    manifest = service.await_manifest(full_name)
    images: list[tuple[Image, dict[str, Any]]] = [(image, {}) for image in asked.images]
    answers = answer_each(images, asked.parameters, dict(request.args.lists()), model=full_name)
    return answer_inference(asked, answers, manifest)


def _full_name(name: str, version: str | None) -> str:
    """What the route names, `name` or `name@version`. Raises ModelNotFound."""
    if version is None:
        return name
    model, named = split_name(name)
    if named not in (None, version):
        raise ModelNotFound(f"The route names two versions of {model}: {named} and {version}.")
    return f"{model}@{version}"


def described(terms: Terms) -> list[Operation]:
    """These routes, for the OpenAPI document."""
    return [
        Operation(
            "/v2/models/{name}/infer",
            "post",
            "KServe V2",
            answer=schemas.Inference,
            files=("application/octet-stream",),
            problems=COMPUTES,
            bodies={JSON_BODY: _inference_schema(terms)},
        ),
        Operation("/v2", "get", "KServe V2: the server", answer=schemas.Server, problems=(401,)),
        Operation(
            "/v2/models/{name}",
            "get",
            "KServe V2: a model",
            answer=schemas.ModelTensors,
            problems=DESCRIBES,
        ),
        Operation(
            "/v2/models/{name}/ready",
            "get",
            "KServe V2: is it ready?",
            answer=schemas.ModelState,
            problems=DESCRIBES,
        ),
        Operation(
            "/v2/models/{name}/config",
            "get",
            "KServe V2: a model as Triton describes it",
            answer=schemas.ModelConfiguration,
            problems=DESCRIBES,
        ),
        Operation(
            "/v2/health/live", "get", "KServe V2: as /livez", answer=schemas.LiveInference, problems=(503,)
        ),
        Operation(
            "/v2/health/ready", "get", "KServe V2: as /readyz", answer=schemas.ReadyInference, problems=(503,)
        ),
    ]


def _inference_schema(terms: Terms) -> Schema:
    """The schema of a request in JSON without binary data."""
    flag: Schema = {"type": "boolean"}
    tensor = object_schema(
        {
            "name": {"const": INPUT},
            "datatype": {"const": "BYTES"},
            "shape": {"type": "array", "items": {"type": "integer"}, "minItems": 1},
            "parameters": object_schema({"content_type": {"const": "base64"}}),
            "data": terms.list_of(IMAGE),
        },
        ["name", "datatype", "shape", "data"],
    )
    output = object_schema(
        {
            "name": {"const": OUTPUT},
            "parameters": object_schema({"binary_data": flag}),
        },
        ["name"],
    )
    return object_schema(
        {
            "id": {"type": "string"},
            "parameters": object_schema(
                {**terms.batch_parameters, "binary_data_output": {"type": "boolean"}}
            ),
            "inputs": {"type": "array", "minItems": 1, "maxItems": 1, "items": tensor},
            "outputs": {"type": "array", "items": output},
        },
        ["inputs"],
    )
