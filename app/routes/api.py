"""The REST interface, /api/v1: segments one or several pictures, describes the models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, request

from app.answering.batch import answer_each
from app.answering.one_image import answer_one
from app.openapi import schemas
from app.openapi.bodies import FILE, FORM_BODY, JSON_BODY, object_schema
from app.openapi.operations import COMPUTES, DESCRIBES, Operation, Terms
from app.requests.intake import receive_several
from app.requests.sources import split
from app.service import current_service
from app.serving.reception import receiving
from app.versions.changes import State
from app.versions.version import Version
from model.catalog import natural, split_name

api = Blueprint("api", __name__, url_prefix="/api/v1")

_DESCRIPTION = ("name", "version", "task", "description", "classes", "licence", "quality")


@api.post("/segment")
def segment() -> Response:
    """One picture in; its segments out, as data or drawn."""
    return answer_one()


@api.post("/batch")
def batch() -> dict[str, Any]:
    """Several pictures in; for each, in order, its segments as JSON or an error."""
    service = current_service()
    with receiving():
        upload = receive_several(service.settings)
    images = [(image, {}) if isinstance(image, bytes) else split(image) for image in upload.images]
    texts = dict(request.args.lists()), upload.fields
    results = answer_each(images, upload.document, *texts)
    for name, result in zip(upload.names, results, strict=False):  # only forms have file names
        if name and "error" in result:
            result["error"]["detail"] = f"{name}: {result['error']['detail']}"
    return {"results": results}


@api.get("/models")
def list_models() -> dict[str, Any]:
    """The loaded models; the first is the default."""
    service = current_service()
    states = service.models.changes.states()
    return {
        "models": [
            {**_description(version), "versions": _versions(name, states)}
            for name, version in service.served.items()
        ]
    }


@api.get("/models/<name>")
def describe_model(name: str) -> dict[str, Any]:
    """One loaded model."""
    return _description(current_service().version_named(name))


def _versions(name: str, states: Mapping[str, State]) -> list[dict[str, Any]]:
    """The versions of a model, from oldest to newest, with their states."""
    found = {split_name(full_name): state for full_name, state in states.items()}
    versions = sorted((version or "" for model, version in found if model == name), key=natural)
    return [
        {"version": version, "state": found[name, version].state}
        | ({"reason": reason} if (reason := found[name, version].reason) else {})
        for version in versions
    ]


def _description(version: Version) -> dict[str, Any]:
    """A model as its bundle describes it; `class_id` in an answer is an index into `classes`."""
    values = {name: getattr(version.manifest, name) for name in _DESCRIPTION}
    return values | {"input": version.input_policy}


def described(terms: Terms) -> list[Operation]:
    """These routes, for the OpenAPI document."""
    batch, each = terms.batch_parameters, terms.each_named()
    return [
        terms.segmentation(
            "/api/v1/segment",
            "Segment a picture: its objects as data, drawn over it, as a label map, or cut out",
            {
                FORM_BODY: terms.with_parameters("image", FILE),
                "image/*": FILE,
                "application/octet-stream": FILE,
                JSON_BODY: {"oneOf": each},
            },
            query=True,
        ),
        Operation(
            "/api/v1/batch",
            "post",
            "Segment several pictures, each of which is answered or refused separately",
            answer=schemas.BatchAnswer,
            problems=COMPUTES,
            bodies={
                FORM_BODY: object_schema({"image": terms.list_of(FILE), **batch}, ["image"]),
                JSON_BODY: object_schema({"images": terms.list_of({"oneOf": each}), **batch}, ["images"]),
            },
        ),
        Operation("/api/v1/models", "get", "The loaded models", answer=schemas.ModelList, problems=DESCRIBES),
        Operation(
            "/api/v1/models/{name}",
            "get",
            "One loaded model",
            answer=schemas.ModelDescription,
            problems=DESCRIBES,
        ),
    ]
