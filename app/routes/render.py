"""Rendering: objects that a caller already has in; any output of them out, without segmenting again."""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, Response

from app.answering.given import PARAMETERS, answer_given
from app.openapi.bodies import FILE, FORM_BODY, Schema, object_schema
from app.openapi.operations import Operation, Terms

render = Blueprint("render", __name__, url_prefix="/api/v1")

_PROBLEMS = (400, 401, 408, 413, 415, 422, 429, 431, 503)

_OBJECTS: Schema = {
    "type": "string",
    "format": "objects",
    "contentMediaType": "application/json",
    "contentSchema": {"$ref": "#/components/schemas/Objects"},
    "description": "the JSON answer of /api/v1/segment, perhaps edited, as text or as a file",
}


@render.post("/render")
def render_objects() -> Response:
    """The objects of a picture in, as JSON; the same as any output."""
    return answer_given()


def described(terms: Terms) -> list[Operation]:
    """This route, for the OpenAPI document."""
    parameters = {name: schema for name, schema in terms.parameters.items() if name in PARAMETERS}
    outputs = [one for one in terms.formats if one.name != "probability"]
    parameters["output"] = {**parameters["output"], "enum": [one.name for one in outputs]}
    image = {**FILE, "description": "the image file, needed only by outputs that show the picture"}
    body = object_schema({"objects": _OBJECTS, "image": image, **parameters}, ["objects"])
    summary = "Write the objects of an answer, perhaps edited, as any output; no model runs"
    rendering = terms.segmentation("/api/v1/render", summary, {FORM_BODY: body})
    return [replace(rendering, problems=_PROBLEMS)]
