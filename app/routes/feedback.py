"""Feedback: what callers say of an answer that they have seen, right or wrong."""

from __future__ import annotations

from flask import Blueprint

from app.errors import TooLarge
from app.feedback.recording import recorder
from app.feedback.verdicts import verdict_in
from app.openapi import schemas
from app.openapi.bodies import JSON_BODY
from app.openapi.operations import Operation, Terms
from app.requests.intake import receive_without_image
from app.service import current_service
from app.serving.reception import receiving

feedback = Blueprint("feedback", __name__, url_prefix="/api/v1")

_EXAMPLE = '{"request_id": "…", "verdict": "wrong"}'
_PROBLEMS = (400, 401, 404, 408, 413, 415, 429, 431, 503)


@feedback.post("/feedback")
def record() -> dict[str, str]:
    """A verdict on an answer in; it is recorded."""
    place = recorder()
    with receiving():
        try:
            document = receive_without_image(place.most_bytes, _EXAMPLE, current_service().settings)
        except TooLarge as error:
            raise TooLarge.in_bytes(place.most_bytes, "The feedback") from error
    place.record(verdict_in(document))
    return {"status": "recorded"}


def described(terms: Terms) -> list[Operation]:
    """This route, for the OpenAPI document."""
    body = schemas.Feedback.model_json_schema(ref_template="#/components/schemas/{model}")
    return [
        Operation(
            "/api/v1/feedback",
            "post",
            "Say whether an answer was right, and what it should have been",
            answer=schemas.Recorded,
            problems=_PROBLEMS,
            bodies={JSON_BODY: {name: part for name, part in body.items() if name != "$defs"}},
        )
    ]
