"""The contracts of platforms: Vertex AI's custom container, KServe V1 and V2 (Open Inference Protocol)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from flask import Blueprint, Flask
from werkzeug.exceptions import HTTPException
from werkzeug.routing import BaseConverter

from app.errors import BadBody, UnknownModel
from app.intake import check_batch, receive_batch_json
from app.routes.operations import check_ready, live, ready
from app.service import current_service
from app.settings import BadSetting, Settings
from app.several import answer_each
from app.sources import Image, split
from model.manifest import Manifest

platforms = Blueprint("platforms", __name__)


class _NoVerb(BaseConverter):
    """A part of a path before the colon that Google's custom verbs begin with."""

    regex = "[^/:]+"


_V2_INPUT, _V2_OUTPUT = "image", "segments"


# --- Vertex AI, and KServe V1, which is the same with the model's name in the route


def predict() -> dict[str, Any]:
    """Vertex AI's instances in; a prediction for each out."""
    instances, parameters = _receive_instances()
    return {"predictions": answer_each(instances, parameters)}


@platforms.post("/v1/models/<no_verb:name>:predict")
def predict_v1(name: str) -> dict[str, Any]:
    """KServe V1's instances in; a prediction for each out."""
    instances, parameters = _receive_instances()
    _await_manifest(name)
    return {"predictions": answer_each(instances, parameters, model=name)}


@platforms.get("/v1/models")
def list_v1() -> dict[str, Any]:
    """KServe V1's list of models."""
    return {"models": list(current_service().segmenters)}


@platforms.get("/v1/models/<no_verb:name>")
def describe_v1(name: str) -> dict[str, Any]:
    """KServe V1's word that a model is ready."""
    check_ready()
    return {"name": current_service().segmenter_named(name).bundle.manifest.name, "ready": True}


def _receive_instances() -> tuple[list[tuple[Image, dict[str, Any]]], dict[str, Any]]:
    """The images, each with its own parameters, and the parameters for all."""
    service = current_service()
    with service.receiving():
        document = receive_batch_json(service.settings)
    instances, parameters = document.pop("instances", None), document.pop("parameters", None) or {}
    if document:
        raise BadBody(f"Beside instances and parameters there must be nothing, not {', '.join(document)}.")
    if not isinstance(instances, list) or not all(isinstance(instance, dict) for instance in instances):
        raise BadBody('The JSON must have a list of objects, as in {"instances": [{"b64": "…"}]}.')
    if not isinstance(parameters, dict):
        raise BadBody("parameters must be an object.")
    check_batch(len(instances), service.settings)
    return [split(_without_wrapping(instance)) for instance in instances], parameters


def _without_wrapping(instance: Mapping[str, Any]) -> dict[str, Any]:
    """An instance with its image named as elsewhere: TensorFlow Serving's b64, bare or inside data."""
    named = dict(instance)
    if isinstance(named.get("data"), dict) and set(named["data"]) == {"b64"}:
        named["b64"] = named.pop("data")["b64"]
    if "b64" in named and "image" not in named:
        named["image"] = named.pop("b64")
    return named


# --- KServe V2


@platforms.get("/v2")
def describe_server() -> dict[str, Any]:
    """What serves."""
    return {"name": "maskserve", "version": "1", "extensions": []}


platforms.add_url_rule("/v2/health/live", "live_v2", live)
platforms.add_url_rule("/v2/health/ready", "ready_v2", ready)


@platforms.get("/v2/models/<name>")
@platforms.get("/v2/models/<name>/versions/<version>")
def describe_v2(name: str, version: str | None = None) -> dict[str, Any]:
    """A model's inputs and outputs."""
    manifest = _manifest(name, version)
    return {
        "name": manifest.name,
        "versions": [manifest.version],
        "platform": "maskserve",
        "inputs": [{"name": _V2_INPUT, "datatype": "BYTES", "shape": [-1]}],
        "outputs": [{"name": _V2_OUTPUT, "datatype": "BYTES", "shape": [-1]}],
    }


@platforms.get("/v2/models/<name>/ready")
@platforms.get("/v2/models/<name>/versions/<version>/ready")
def model_ready_v2(name: str, version: str | None = None) -> dict[str, Any]:
    """A model is ready."""
    check_ready()
    return {"name": _manifest(name, version).name, "ready": True}


@platforms.post("/v2/models/<name>/infer")
@platforms.post("/v2/models/<name>/versions/<version>/infer")
def infer(name: str, version: str | None = None) -> dict[str, Any]:
    """One tensor of base64 images in; one of JSON answers out."""
    service = current_service()
    with service.receiving():
        document = receive_batch_json(service.settings)
    manifest = _await_manifest(name, version)
    images = _images_of_tensor(document)
    check_batch(len(images), service.settings)
    parameters = document.get("parameters") or {}
    if not isinstance(parameters, dict):
        raise BadBody("parameters must be an object.")
    # How the answer's tensors are to be coded: here, in JSON always.
    parameters = {key: value for key, value in parameters.items() if key != "binary_data_output"}
    answers = answer_each([({"image": image}, {}) for image in images], parameters, model=name)
    return {
        "model_name": manifest.name,
        "model_version": manifest.version,
        **({"id": document["id"]} if isinstance(document.get("id"), str) else {}),
        "outputs": [
            {
                "name": _V2_OUTPUT,
                "datatype": "BYTES",
                "shape": [len(answers)],
                "data": [orjson.dumps(answer).decode() for answer in answers],
            }
        ],
    }


def _images_of_tensor(document: Mapping[str, Any]) -> list[Any]:
    """The base64 texts in V2's one input. Raises BadBody."""
    match document.get("inputs"):
        case [{"name": name, "datatype": "BYTES", "shape": [*sides], "data": [*data]} as tensor]:
            pass
        case _:
            raise BadBody(
                f"inputs must be a list of one tensor, with name {_V2_INPUT}, datatype BYTES, shape and data."
            )
    if name != _V2_INPUT:
        raise BadBody(f"The input must be named {_V2_INPUT}.")
    if (
        not sides
        or not all(type(side) is int and side > 0 for side in sides)
        or math.prod(sides) != len(data)
    ):
        raise BadBody(f"The input's shape does not fit its {len(data)} elements.")
    if tensor.get("parameters", {}) not in ({}, {"content_type": "base64"}):
        raise BadBody("The input's parameters must be its content_type, base64.")
    return data


def _await_manifest(name: str, version: str | None = None) -> Manifest:
    """`_manifest`, after a wait for the models to come up, as for a turn."""
    service = current_service()
    with service.admitted():
        service.await_models()
    return _manifest(name, version)


def _manifest(name: str, version: str | None) -> Manifest:
    manifest: Manifest = current_service().segmenter_named(name).bundle.manifest
    if version not in (None, manifest.version):
        raise UnknownModel(f"There is no such version of {name}; there is {manifest.version}.")
    return manifest


# --- Routes


def register(app: Flask, settings: Settings) -> None:
    """Add the platforms' routes to `app`, last, since Vertex AI's may be any. Raises BadSetting."""
    app.url_map.converters["no_verb"] = _NoVerb
    app.register_blueprint(platforms)
    for name, route, method, view in (
        ("AIP_HEALTH_ROUTE", settings.health_route, "GET", ready),
        ("AIP_PREDICT_ROUTE", settings.predict_route, "POST", predict),
    ):
        if route is None:
            continue
        there = _view_at(app, route, method)
        if there is None:
            # By its endpoint's name one of app/routes/operations.py, where probes are.
            endpoint = "operations.vertex" if view is ready else "vertex"
            app.add_url_rule(route, endpoint, view, methods=[method])
        elif there is not view:
            raise BadSetting(f"{name}: {method} {route} is a route of the service already; choose another")


def _view_at(app: Flask, route: str, method: str) -> Callable[..., Any] | None:
    try:
        endpoint, _ = app.url_map.bind("").match(route, method)
    except HTTPException:  # no such route, or not with this method
        return None
    return app.view_functions[endpoint]
