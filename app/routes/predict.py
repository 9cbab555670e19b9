"""The simple routes under /predict, which existing client scripts use."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request

from app.answering.batch import answer_each
from app.answering.one_image import answer_one
from app.configuration.settings import Settings
from app.errors import BadBody, NotFound
from app.openapi import schemas
from app.openapi.bodies import FILE, FORM_BODY, JSON_BODY, URL, object_schema
from app.openapi.operations import COMPUTES, Operation, Terms
from app.requests.intake import Upload, check_batch, receive_batch_json, receive_json
from app.requests.wanted import wanted_as_overlay
from app.service import current_service
from app.serving.reception import receiving

predict = Blueprint("predict", __name__, url_prefix="/predict")


@predict.post("/upload")
def upload() -> Response:
    """One picture in; its overlay out, as PNG unless a parameter says otherwise."""
    return answer_one(wanted_by=wanted_as_overlay)


@predict.post("/url")
def url() -> Response:
    """The URL of a picture in, as JSON; its segments out."""
    return answer_one()


@predict.post("/path")
def path() -> Response:
    """The path of a picture below MASKSERVE_PATH_ROOT in, as JSON; its segments out."""
    _check_paths_are_read()
    return answer_one(receive=_receive_path)


@predict.post("/batch")
def batch() -> dict[str, Any]:
    """A list of URLs, or of paths, in; for each its segments out, or an error."""
    service = current_service()
    with receiving():
        document = receive_batch_json(service.settings)
    lists = {name: document.pop(name) for name in ("urls", "paths") if name in document}
    if len(lists) != 1:
        raise BadBody("The JSON must have a list in either urls or paths.")
    ((name, values),) = lists.items()
    if not isinstance(values, list):
        raise BadBody(f"{name} must be a list of texts.")
    if name == "paths":
        _check_paths_are_read()
    check_batch(len(values), service.settings)
    named = name.removesuffix("s")
    return {
        "results": answer_each(
            [({named: value}, {}) for value in values], document, dict(request.args.lists())
        )
    }


def _check_paths_are_read() -> None:
    if current_service().settings.path_root is None:
        raise NotFound("This service reads no paths: its operator has not set MASKSERVE_PATH_ROOT.")


def _receive_path(settings: Settings) -> Upload:
    document = receive_json(settings)
    if "path" not in document:
        raise BadBody('The JSON must have a path, as in {"path": "cells.png"}.')
    return Upload(images=[{"path": document.pop("path")}], document=document)


def described(terms: Terms) -> list[Operation]:
    """These routes, for the OpenAPI document."""
    batch, texts = terms.batch_parameters, terms.list_of({"type": "string"})
    return [
        terms.segmentation(
            "/predict/upload",
            "Segment a picture; the answer is its overlay",
            {FORM_BODY: terms.with_parameters("file", FILE)},
        ),
        terms.segmentation(
            "/predict/url", "Segment the picture at a URL", {JSON_BODY: terms.with_parameters("url", URL)}
        ),
        terms.segmentation(
            "/predict/path",
            "Segment a picture in the folder MASKSERVE_PATH_ROOT",
            {JSON_BODY: terms.with_parameters("path", {"type": "string"})},
        ),
        Operation(
            "/predict/batch",
            "post",
            "Segment the pictures at several URLs or paths",
            answer=schemas.BatchAnswer,
            problems=COMPUTES,
            bodies={
                JSON_BODY: {
                    "oneOf": [object_schema({name: texts, **batch}, [name]) for name in ("urls", "paths")]
                }
            },
        ),
    ]
