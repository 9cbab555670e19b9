"""Platforms' protocols: Vertex AI's custom containers, and KServe V1, which is the same on other routes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Flask
from werkzeug.exceptions import HTTPException
from werkzeug.routing import BaseConverter

from app.answering.batch import answer_each
from app.configuration.settings import BadSetting, Settings
from app.errors import BadBody
from app.openapi import schemas
from app.openapi.bodies import IMAGE, JSON_BODY, Schema, object_schema
from app.openapi.operations import COMPUTES, DESCRIBES, Operation, Terms
from app.requests.instances import BASE64_NAMES, BINARY, split_instance
from app.requests.intake import check_batch, receive_batch_json
from app.requests.sources import Image
from app.routes.open_inference import ready_v2
from app.routes.operations import check_ready, ready
from app.service import current_service
from app.serving.reception import receiving

platforms = Blueprint("platforms", __name__)


class _NoVerb(BaseConverter):
    """A path segment without a colon, since Google's custom verbs begin with one."""

    regex = "[^/:]+"
    part_isolating = True  # otherwise a following slash would be part of the match


def predict() -> dict[str, Any]:
    """Vertex AI's instances in; one prediction for each out."""
    instances, parameters = _receive_instances()
    return {"predictions": answer_each(instances, parameters)}


@platforms.post("/v1/models/<no_verb:name>:predict")
def predict_v1(name: str) -> dict[str, Any]:
    """KServe V1's instances in; one prediction for each out."""
    instances, parameters = _receive_instances()
    current_service().await_manifest(name)
    return {"predictions": answer_each(instances, parameters, model=name)}


@platforms.get("/v1/models")
def list_v1() -> dict[str, Any]:
    """KServe V1's list of models."""
    return {"models": list(current_service().served)}


@platforms.get("/v1/models/<no_verb:name>")
def describe_v1(name: str) -> dict[str, Any]:
    """Whether a model is ready, in KServe V1's form."""
    check_ready()
    return {"name": current_service().version_named(name).name, "ready": True}


def _receive_instances() -> tuple[list[tuple[Image, dict[str, Any]]], dict[str, Any]]:
    """The images, each with its own parameters, and the parameters for all."""
    service = current_service()
    with receiving():
        document = receive_batch_json(service.settings)
    instances, parameters = document.pop("instances", None), document.pop("parameters", None) or {}
    document.pop("signature_name", None)  # sent by TensorFlow Serving's clients; models here have only one
    if document:
        raise BadBody(f"The JSON may have only instances and parameters, not {', '.join(document)}.")
    if not isinstance(instances, list) or not all(isinstance(instance, dict | str) for instance in instances):
        raise BadBody('The JSON must have a list of objects or texts, as in {"instances": [{"b64": "…"}]}.')
    if not isinstance(parameters, dict):
        raise BadBody("parameters must be an object.")
    check_batch(len(instances), service.settings)
    return [split_instance(instance) for instance in instances], parameters


# --- Routes


def register(app: Flask, settings: Settings) -> None:
    """Add the platforms' routes to `app`. Call it last: Vertex AI's routes may be any. Raises BadSetting."""
    app.url_map.converters["no_verb"] = _NoVerb
    app.register_blueprint(platforms)
    for name, route, method, view, same in (
        ("AIP_HEALTH_ROUTE", settings.health_route, "GET", ready, (ready, ready_v2)),
        ("AIP_PREDICT_ROUTE", settings.predict_route, "POST", predict, ()),
    ):
        if route is None:
            continue
        there = _view_at(app, route, method)
        if there is None:
            # The endpoint's name puts it among the probes of app/routes/operations.py.
            endpoint = "operations.vertex" if view is ready else "vertex"
            app.add_url_rule(route, endpoint, view, methods=[method])
        elif there not in same:
            raise BadSetting(f"{name}: {method} {route} is already a route of the service; choose another")


def _view_at(app: Flask, route: str, method: str) -> Callable[..., Any] | None:
    try:
        endpoint, _ = app.url_map.bind("").match(route, method)
    except HTTPException:  # no such route, or not with this method
        return None
    return app.view_functions[endpoint]


# --- Their description

_BINARY_IMAGE: Schema = object_schema({BINARY: IMAGE}, [BINARY])


def described(terms: Terms) -> list[Operation]:
    """KServe V1's routes, for the OpenAPI document."""
    instance: Schema = {
        "anyOf": [
            *terms.each_named(),
            *(object_schema({name: IMAGE}, [name]) for name in BASE64_NAMES),
            *(object_schema({name: _BINARY_IMAGE}, [name]) for name in ("image", *BASE64_NAMES)),
            IMAGE,
        ]
    }
    instances = object_schema(
        {"instances": terms.list_of(instance), "parameters": object_schema(terms.batch_parameters)},
        ["instances"],
    )
    return [
        Operation(
            "/v1/models/{name}:predict",
            "post",
            "KServe V1, and Vertex AI on its own route",
            answer=schemas.Predictions,
            problems=COMPUTES,
            bodies={JSON_BODY: instances},
        ),
        Operation("/v1/models", "get", "KServe V1: the models", answer=schemas.NameList, problems=DESCRIBES),
        Operation(
            "/v1/models/{name}", "get", "KServe V1: a model", answer=schemas.ModelState, problems=DESCRIBES
        ),
    ]
