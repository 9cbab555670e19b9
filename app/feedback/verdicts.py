"""Verdicts: what a caller may say of an answer, validated against the schema that /openapi.json shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from app.errors import BadParameter
from app.openapi.schemas import CorrectedSegment, Feedback

_LONGEST_ECHO = 40  # characters of a bad name that are repeated to the caller
_MASK = "must be run lengths or a list of rings, as in an answer with mask_format rle or polygon"


def verdict_in(document: Mapping[str, Any]) -> Feedback:
    """The verdict in a JSON object.

    Raises:
        BadParameter: a member is missing, unknown or not as it should be; the message names the first three.
    """
    try:
        return Feedback.model_validate(document)
    except ValidationError as error:
        found = dict.fromkeys(_complaint(one["loc"], one["type"], one["msg"]) for one in error.errors())
        raise BadParameter(" ".join(list(found)[:3])) from error


def _complaint(place: Sequence[str | int], kind: str, message: str) -> str:
    name = _name(place)
    if kind == "missing":
        return f"{name} is missing."
    if kind == "extra_forbidden":
        return f"There is no member {name}; the members are {', '.join(_members(place))}."
    if kind == "string_pattern_mismatch" and name == "request_id":
        return (
            "request_id must be that of an answer: up to 128 letters, digits, dots, dashes and underscores."
        )
    if kind == "value_error":
        return f"{name} is incomplete: {message.removeprefix('Value error, ')}."
    if "mask" in place:
        return f"{_name(place[: place.index('mask') + 1])} {_MASK}."
    return f"{name} is not as it should be: {message[0].lower()}{message[1:]}."


def _name(place: Sequence[str | int]) -> str:
    """Such as segments[3].class."""
    words = [f"[{one}]" if isinstance(one, int) else f".{one[:_LONGEST_ECHO]}" for one in place]
    return "".join(words).removeprefix(".")


def _members(place: Sequence[str | int]) -> list[str]:
    schema = Feedback if len(place) == 1 else CorrectedSegment
    return [field.alias or name for name, field in schema.model_fields.items()]
