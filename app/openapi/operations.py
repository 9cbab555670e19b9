"""The service's operations: what each route takes and answers, in the terms of OpenAPI."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from app.configuration.settings import Settings
from app.openapi import schemas
from app.requests.instances import BASE64_NAMES
from model.formats.registry import JSON, Format

Schema = dict[str, Any]

_RUNS = (400, 401, 403, 404, 408, 413, 415, 422, 429, 431, 502, 503, 504)
"""What any route that computes may say."""

_ASKS = (401, 404, 503)
"""What any route that tells of models may say."""

_IMAGE: Schema = {
    "type": "string",
    "contentEncoding": "base64",
    "format": "image",
    "description": "an image file in base64, or a data: URL of it",
}
_BINARY: Schema = {
    "type": "object",
    "properties": {"b64": _IMAGE},
    "required": ["b64"],
    "additionalProperties": False,
}
_FILE: Schema = {"type": "string", "format": "binary", "description": "an image file"}
_URL: Schema = {"type": "string", "format": "uri", "description": "where an image is"}
_NAMED: dict[str, Schema] = {
    "image": _IMAGE,
    "url": _URL,
    "gcs_uri": {
        "type": "string",
        "pattern": "^gs://[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]/[\\x20-\\x7e]+$",
        "maxLength": 1000,
        "description": "an image in a bucket",
    },
}
_JSON = "application/json"


@dataclass(frozen=True)
class Operation:
    """One method of one route.

    Attributes:
        path: as OpenAPI writes it.
        method: in lower case.
        summary: a line.
        answer: the schema of its JSON, if it answers so.
        files: the media types of what else it may answer with.
        others: other JSON that it may answer with: media type and schema.
        bodies: schemas of its body by media type.
        query: whether it takes the parameters in its query.
        problems: the statuses of what may go wrong.
    """

    path: str
    method: str
    summary: str
    answer: type[BaseModel] | None = None
    files: Sequence[str] = ()
    others: Sequence[tuple[str, type[BaseModel]]] = ()
    bodies: Mapping[str, Schema] = field(default_factory=dict)
    query: bool = False
    problems: Sequence[int] = ()

    @property
    def problem_form(self) -> tuple[str, type[BaseModel]]:
        """The media type and schema in which it says what went wrong."""
        if self.path.startswith("/v2"):
            return _JSON, schemas.InferenceProblem
        return "application/problem+json", schemas.Problem


def object_schema(properties: Mapping[str, Schema], required: Sequence[str] = ()) -> Schema:
    """The schema of a JSON object, or of a form, with these members and no others."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }


def operations(
    parameters: Mapping[str, Schema], formats: Sequence[Format], settings: Settings
) -> list[Operation]:
    """Every operation that the outside may rely on.

    Args:
        parameters: the schema of each parameter of a segmentation.
        formats: in which it may be answered.
        settings: for the limits.
    """
    of_files = [kind for one in formats if one.schema is None for kind in one.media_types]
    files = list(dict.fromkeys(of_files))
    others = [
        (one.media_types[0], one.schema) for one in formats if one.schema is not None and one is not JSON
    ]
    one = [object_schema({name: schema, **parameters}, [name]) for name, schema in _NAMED.items()]
    form = {"multipart/form-data": object_schema({"image": _FILE, **parameters}, ["image"])}
    raw = dict.fromkeys(("image/*", "application/octet-stream"), _FILE)
    several = {"type": "array", "minItems": 1, "maxItems": settings.max_batch}
    uploads = {**several, "items": _FILE}
    batch = {name: schema for name, schema in parameters.items() if name != "output"}
    instances = object_schema(
        {
            "instances": {
                **several,
                "items": {
                    "anyOf": [
                        *one,
                        *(object_schema({name: _IMAGE}, [name]) for name in BASE64_NAMES),
                        *(object_schema({name: _BINARY}, [name]) for name in ("image", *BASE64_NAMES)),
                        _IMAGE,
                    ]
                },
            },
            "parameters": object_schema(batch),
        },
        ["instances"],
    )
    tensor = object_schema(
        {
            "name": {"const": "image"},
            "datatype": {"const": "BYTES"},
            "shape": {"type": "array", "items": {"type": "integer"}, "minItems": 1},
            "parameters": object_schema({"content_type": {"const": "base64"}}),
            "data": {**several, "items": _IMAGE},
        },
        ["name", "datatype", "shape", "data"],
    )
    infer = object_schema(
        {
            "id": {"type": "string"},
            "parameters": object_schema({**batch, "binary_data_output": {"type": "boolean"}}),
            "inputs": {"type": "array", "minItems": 1, "maxItems": 1, "items": tensor},
            "outputs": {
                "type": "array",
                "items": object_schema(
                    {
                        "name": {"const": "segments"},
                        "parameters": object_schema({"binary_data": {"type": "boolean"}}),
                    },
                    ["name"],
                ),
            },
        },
        ["inputs"],
    )
    computing = [
        Operation(
            "/api/v1/segment",
            "post",
            "Segment a picture: its objects as data, drawn over it, as a label map, or cut out",
            answer=schemas.Answer,
            files=files,
            others=others,
            problems=_RUNS,
            bodies={**form, **raw, _JSON: {"oneOf": one}},
            query=True,
        ),
        Operation(
            "/api/v1/batch",
            "post",
            "Segment several pictures, each answered or refused by itself",
            answer=schemas.BatchAnswer,
            problems=_RUNS,
            bodies={
                "multipart/form-data": object_schema({"image": uploads, **batch}, ["image"]),
                _JSON: object_schema({"images": {**several, "items": {"oneOf": one}}, **batch}, ["images"]),
            },
        ),
        Operation(
            "/predict/upload",
            "post",
            "Segment a picture; the answer is its overlay",
            answer=schemas.Answer,
            files=files,
            others=others,
            problems=_RUNS,
            bodies={"multipart/form-data": object_schema({"file": _FILE, **parameters}, ["file"])},
        ),
        Operation(
            "/predict/url",
            "post",
            "Segment the picture at a URL",
            answer=schemas.Answer,
            files=files,
            others=others,
            problems=_RUNS,
            bodies={_JSON: object_schema({"url": _URL, **parameters}, ["url"])},
        ),
        Operation(
            "/predict/path",
            "post",
            "Segment a picture in the folder MASKSERVE_PATH_ROOT",
            answer=schemas.Answer,
            files=files,
            others=others,
            problems=_RUNS,
            bodies={_JSON: object_schema({"path": {"type": "string"}, **parameters}, ["path"])},
        ),
        Operation(
            "/predict/batch",
            "post",
            "Segment the pictures at several URLs or paths",
            answer=schemas.BatchAnswer,
            problems=_RUNS,
            bodies={
                _JSON: {
                    "oneOf": [
                        object_schema({name: {**several, "items": {"type": "string"}}, **batch}, [name])
                        for name in ("urls", "paths")
                    ]
                }
            },
        ),
        Operation(
            "/v1/models/{name}:predict",
            "post",
            "KServe V1, and Vertex AI on its own route",
            answer=schemas.Predictions,
            problems=_RUNS,
            bodies={_JSON: instances},
        ),
        Operation(
            "/v2/models/{name}/infer",
            "post",
            "KServe V2",
            answer=schemas.Inference,
            files=("application/octet-stream",),
            problems=_RUNS,
            bodies={_JSON: infer},
        ),
    ]
    return [
        *computing,
        Operation("/api/v1/models", "get", "The loaded models", answer=schemas.ModelList, problems=_ASKS),
        Operation(
            "/api/v1/models/{name}",
            "get",
            "One loaded model",
            answer=schemas.ModelDescription,
            problems=_ASKS,
        ),
        Operation("/v1/models", "get", "KServe V1: the models", answer=schemas.NameList, problems=_ASKS),
        Operation(
            "/v1/models/{name}", "get", "KServe V1: a model", answer=schemas.ModelState, problems=_ASKS
        ),
        Operation("/v2", "get", "KServe V2: what serves", answer=schemas.Server, problems=(401,)),
        Operation(
            "/v2/models/{name}", "get", "KServe V2: a model", answer=schemas.ModelTensors, problems=_ASKS
        ),
        Operation(
            "/v2/models/{name}/ready",
            "get",
            "KServe V2: is it ready?",
            answer=schemas.ModelState,
            problems=_ASKS,
        ),
        Operation(
            "/v2/models/{name}/config",
            "get",
            "KServe V2: a model as Triton describes it",
            answer=schemas.ModelConfiguration,
            problems=_ASKS,
        ),
        Operation(
            "/v2/health/live", "get", "KServe V2: as /livez", answer=schemas.LiveInference, problems=(503,)
        ),
        Operation(
            "/v2/health/ready", "get", "KServe V2: as /readyz", answer=schemas.ReadyInference, problems=(503,)
        ),
        Operation("/livez", "get", "Does the process answer?", answer=schemas.Alive, problems=(503,)),
        Operation("/readyz", "get", "Is every model ready?", answer=schemas.Ready, problems=(503,)),
        Operation("/health", "get", "As /readyz", answer=schemas.Ready, problems=(503,)),
        Operation("/metrics", "get", "Figures for Prometheus", files=("text/plain",)),
    ]
