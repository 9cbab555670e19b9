"""JSON in bodies: parsed only when it is no deeper and of no more parts than any request needs."""

from __future__ import annotations

import re
from typing import Any

import orjson

from app.configuration.settings import Settings
from app.errors import BadBody, TooLarge

MOST_TOKENS = 10_000
"""Brackets, commas and strings of a body: a list of ten million lists would take gigabytes once parsed."""

# A string without an end is one token too, up to the body's: else each quote in it would begin a search anew.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[\]{},]', re.DOTALL)

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # some clients put it before UTF-8
_BEGINNING = re.compile(rb"(?:%b)?[ \t\r\n]*+[{\[]" % _BYTE_ORDER_MARK)


def is_json(media_type: str) -> bool:
    """Whether a body of this type, in lower case, is JSON."""
    return media_type in ("application/json", "text/json") or media_type.endswith("+json")


def looks_like_json(body: bytes) -> bool:
    """Whether a body of no useful type begins as an object or a list."""
    return bool(_BEGINNING.match(body))


def parse_object(body: bytes, settings: Settings) -> dict[str, Any]:
    """The JSON object in `body`. Raises BadBody if it is none, and as `parse_value`."""
    document = parse_value(body, "The body", settings)
    if not isinstance(document, dict):
        raise BadBody('The body must be a JSON object, as in {"image": "…"}.')
    return document


def parse_value(text: bytes, what: str, settings: Settings) -> Any:
    """What the JSON in `text` says.

    Args:
        text: in UTF-8.
        what: it is, for errors.
        settings: for the limits.

    Raises:
        BadBody: it is not JSON, or nests deeper than MASKSERVE_MAX_JSON_DEPTH.
        TooLarge: it has more than MOST_TOKENS parts.
    """
    _check_shape(text, settings.max_json_depth)
    try:
        return orjson.loads(text.removeprefix(_BYTE_ORDER_MARK))
    except orjson.JSONDecodeError as error:
        raise BadBody(f"{what} is not JSON: {error.msg}.") from error


def _check_shape(body: bytes, max_depth: int) -> None:
    depth = 0
    for count, token in enumerate(_TOKEN.finditer(body)):
        if count >= MOST_TOKENS:
            raise TooLarge(f"The JSON has more than {MOST_TOKENS:,} parts.")
        bracket = body[token.start()]
        if bracket in b"[{":
            depth += 1
        elif bracket in b"]}":
            depth -= 1
        if depth > max_depth:
            raise BadBody(f"The JSON nests deeper than {max_depth} levels.")
