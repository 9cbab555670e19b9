"""Operations as OpenAPI defines them. Each module of app/routes describes its own routes with these types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel

from app.openapi import schemas
from app.openapi.bodies import JSON_BODY, NAMED_IMAGES, Schema, object_schema
from model.formats.registry import JSON, Format

COMPUTES = (400, 401, 403, 404, 408, 413, 415, 422, 429, 431, 502, 503, 504)
"""The error statuses of a route that computes."""

DESCRIBES = (401, 404, 503)
"""The error statuses of a route that describes models."""


@dataclass(frozen=True)
class Operation:
    """One method of one route.

    Attributes:
        path: in OpenAPI's notation.
        method: in lower case.
        summary: one line.
        answer: the schema of its JSON answer, if it has one.
        files: the media types of files that it may answer with.
        others: further JSON answers: media type and schema.
        bodies: the schemas of its request body, by media type.
        query: whether it accepts the parameters in the query.
        problems: its error statuses.
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
        """The media type and schema of its error answers."""
        if self.path.startswith("/v2"):
            return JSON_BODY, schemas.InferenceProblem
        return "application/problem+json", schemas.Problem


@dataclass(frozen=True)
class Terms:
    """What the operations of a service have in common, from its settings and its loaded models.

    Attributes:
        parameters: the schema of each parameter of a segmentation.
        formats: the output formats for one image.
        max_batch: the most images in one request.
    """

    parameters: Mapping[str, Schema]
    formats: Sequence[Format]
    max_batch: int

    @property
    def batch_parameters(self) -> dict[str, Schema]:
        """The parameters of a request with several images, which is always answered in JSON."""
        return {name: schema for name, schema in self.parameters.items() if name != "output"}

    def with_parameters(self, name: str, schema: Schema) -> Schema:
        """The schema of a body with this required member and any of the parameters."""
        return object_schema({name: schema, **self.parameters}, [name])

    def each_named(self) -> list[Schema]:
        """The schemas of JSON bodies with one image, one for each way of naming it."""
        return [self.with_parameters(name, schema) for name, schema in NAMED_IMAGES.items()]

    def list_of(self, items: Schema) -> Schema:
        """The schema of a list of `items`, at most as many as a batch may have."""
        return {"type": "array", "minItems": 1, "maxItems": self.max_batch, "items": items}

    def segmentation(
        self, path: str, summary: str, bodies: Mapping[str, Schema], query: bool = False
    ) -> Operation:
        """A POST of one image, answered in any of the formats."""
        files = [kind for one in self.formats if one.schema is None for kind in one.media_types]
        return Operation(
            path,
            "post",
            summary,
            answer=schemas.Answer,
            files=list(dict.fromkeys(files)),
            others=[
                (one.media_types[0], one.schema)
                for one in self.formats
                if one.schema is not None and one is not JSON
            ],
            problems=COMPUTES,
            bodies=bodies,
            query=query,
        )
