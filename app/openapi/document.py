"""OpenAPI 3.1: the document that describes the service's routes, made from the schemas that validate them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from threading import Lock
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from app.access.keys import is_for_admins
from app.openapi import schemas
from app.openapi.bodies import JSON_BODY, Schema
from app.openapi.operations import Operation, Terms
from app.requests.parameters import Parameters
from app.service import Service
from model.formats.registry import JSON, Format, formats_for
from model.given.schemas import Objects
from model.storage.manifest import AUTO

_ANSWERS: list[type[BaseModel]] = [  # and feedback and objects to render, which are bodies
    schemas.Answer,
    schemas.BatchAnswer,
    schemas.Predictions,
    schemas.Inference,
    schemas.ModelDescription,
    schemas.ModelList,
    schemas.Alive,
    schemas.Ready,
    schemas.NameList,
    schemas.RepositoryIndex,
    schemas.LoadedVersion,
    schemas.UnloadedVersions,
    schemas.TrafficInUse,
    schemas.ModelState,
    schemas.Server,
    schemas.ModelTensors,
    schemas.ModelConfiguration,
    schemas.LiveInference,
    schemas.ReadyInference,
    schemas.Problem,
    schemas.InferenceProblem,
    schemas.Recorded,
    schemas.Feedback,
    Objects,
]

_PROBLEMS = {
    400: "No image, two images, invalid JSON or a wrong parameter; detail says which, and what is allowed",
    401: "X-API-Key is missing or wrong",
    403: "The service does not allow this URL, bucket or path",
    404: "No such model, object or file",
    408: "The upload is too slow",
    409: "The change is refused, and everything is as before; the message says why",
    413: "Too many bytes, pixels, frames, parts or images",
    415: "Not an image, or not of an accepted type",
    422: "An image that cannot be decoded (truncated, corrupt), that the model cannot process, or that no"
    " model recognises while MASKSERVE_GATE is refuse; or objects that are not as in an answer",
    429: "Too many requests; see Retry-After",
    431: "The request line and headers are too long",
    502: "The URL or bucket failed",
    503: "The queue is full, there is not enough memory, or the models are not ready; see Retry-After",
    504: "The URL or bucket took too long",
}

_SEMANTIC = ("split", "min_area")
"""Parameters that only semantic models accept."""

_building = Lock()
"""Held while pydantic completes the schemas, at their first use, which is not safe in two threads at once."""

_ID = str.maketrans("/:{}", "____")


def document(service: Service, topics: Iterable[Callable[[Terms], list[Operation]]]) -> dict[str, Any]:
    """The OpenAPI document of `service`, for its loaded models and settings.

    `topics`: functions that describe the operations of a topic, in order; operations that compute come first.
    """
    tasks = {model.manifest.task for model in service.served.values()}
    formats = formats_for(*tasks)
    parameters = _parameters(service, formats)
    if "semantic" not in tasks:
        parameters = {name: schema for name, schema in parameters.items() if name not in _SEMANTIC}
    paths: dict[str, dict[str, Any]] = {}
    terms = Terms(parameters, formats, service.settings.max_batch)
    operations = [operation for described in topics for operation in described(terms)]
    for operation in sorted(operations, key=lambda operation: not operation.bodies):
        paths.setdefault(operation.path, {})[operation.method] = _describe(operation, parameters, service)
    of_formats = [one.schema for one in formats if one.schema is not None and one is not JSON]
    answers = [*_ANSWERS, *of_formats]
    with _building:
        _, definitions = models_json_schema(
            [(answer, "serialization") for answer in answers], ref_template="#/components/schemas/{model}"
        )
    components: dict[str, Any] = {"schemas": definitions["$defs"]}
    if service.settings.api_keys or service.settings.admin_keys:
        components["securitySchemes"] = {"key": {"type": "apiKey", "in": "header", "name": "X-API-Key"}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "MaskServe",
            "version": "1",
            "description": "A picture goes in; every object in it comes back with its own mask.",
        },
        "paths": paths,
        "components": components,
    }


def _names(service: Service) -> list[str]:
    """The names of models, then those of their versions."""
    return [*service.served, *(version.full_name for version in service.models.all())]


def _parameters(service: Service, formats: Sequence[Format]) -> dict[str, Schema]:
    """The schema of each parameter of a segmentation."""
    properties = Parameters.model_json_schema()["properties"]
    known = {name for model in service.served.values() for name in model.manifest.classes[1:]}
    described = {name: _without_null(schema) for name, schema in properties.items()}
    described["output"]["enum"] = [one.name for one in formats]
    described["model"]["enum"] = [*_names(service), AUTO]
    described["classes"]["items"]["enum"] = sorted(known)
    described["max_segments"]["maximum"] = service.settings.max_segments
    return described


def _without_null(schema: Schema) -> Schema:
    """A schema as callers see it: parameters are left out instead of being null."""
    kept = {name: value for name, value in schema.items() if name not in ("anyOf", "title", "default")}
    for choice in schema.get("anyOf", []):
        if choice != {"type": "null"}:
            kept.update(choice)
    if schema.get("default") not in (None, []):
        kept["default"] = schema["default"]
    return kept


def _with_null(schema: Any) -> Any:
    """The schema of a JSON body, in which a parameter may also be null, which means that it is left out."""
    if isinstance(schema, list):
        return [_with_null(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    changed = {name: _with_null(part) for name, part in schema.items()}
    for name, member in changed.get("properties", {}).items():
        definition = Parameters.model_fields.get(name)
        if definition is not None and definition.default is None:
            member["type"] = [member["type"], "null"]
            if "enum" in member:
                member["enum"] = [*member["enum"], None]
    return changed


def _describe(operation: Operation, parameters: Mapping[str, Schema], service: Service) -> Schema:
    described: Schema = {
        "summary": operation.summary,
        "operationId": f"{operation.method}{operation.path}".translate(_ID),
    }
    named = [_in("path", "name", {"type": "string", "enum": _names(service)}, required=True)]
    asked = [_in("query", name, schema) for name, schema in parameters.items()]
    described["parameters"] = [
        *(named if "{name}" in operation.path else []),
        *(asked if operation.query else []),
    ]
    if operation.bodies:
        described["requestBody"] = {
            "required": True,
            "content": {
                kind: {"schema": _with_null(schema) if kind == JSON_BODY else schema}
                for kind, schema in operation.bodies.items()
            },
        }
    keys = service.settings.admin_keys if is_for_admins(operation.path) else service.settings.api_keys
    keyed = bool(keys) and 401 in operation.problems
    if keyed:
        described["security"] = [{"key": []}]
    described["responses"] = {
        "200": {"description": "Done", "content": _content(operation)},
        **{
            str(status): _problem(status, operation)
            for status in operation.problems
            if status != 401 or keyed
        },
    }
    return described


def _content(operation: Operation) -> Schema:
    answers: dict[str, list[type[BaseModel]]] = {}
    if operation.answer is not None:
        answers[JSON_BODY] = [operation.answer]
    for kind, answer in operation.others:
        answers.setdefault(kind, []).append(answer)
    content: Schema = {kind: {"schema": _one_of(choices)} for kind, choices in answers.items()}
    for kind in operation.files:
        content[kind] = {"schema": {"type": "string", "format": "binary"}}
    return content


def _one_of(answers: Sequence[type[BaseModel]]) -> Schema:
    references = [{"$ref": f"#/components/schemas/{answer.__name__}"} for answer in answers]
    return references[0] if len(references) == 1 else {"oneOf": references}


def _problem(status: int, operation: Operation) -> Schema:
    kind, problem = operation.problem_form
    schema = {"$ref": f"#/components/schemas/{problem.__name__}"}
    return {"description": _PROBLEMS[status], "content": {kind: {"schema": schema}}}


def _in(place: str, name: str, schema: Schema, required: bool = False) -> Schema:
    described = {key: value for key, value in schema.items() if key != "description"}
    parameter = {"name": name, "in": place, "required": required, "schema": described}
    return {**parameter, "description": schema["description"]} if "description" in schema else parameter
