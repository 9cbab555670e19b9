"""JSON bodies: parsed only when they are no deeper and of no more parts than any request needs."""

from __future__ import annotations

import re
from typing import Any

import orjson

from app.errors import BadBody, TooLarge

MOST_TOKENS = 10_000
"""Brackets, commas and strings of a body: a list of ten million lists would take gigabytes once parsed."""

# A string without an end is one token too, up to the body's: else each quote in it would begin a search anew.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[\]{},]', re.DOTALL)


def parse_object(body: bytes, max_depth: int) -> dict[str, Any]:
    """The JSON object in `body`.

    Raises:
        BadBody: it is not JSON, not an object, or nests deeper than `max_depth`.
        TooLarge: it has more than MOST_TOKENS parts.
    """
    _check_shape(body, max_depth)
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadBody(f"The body is not JSON: {error.msg}.") from error
    if not isinstance(document, dict):
        raise BadBody('The body must be a JSON object, as in {"image": "…"}.')
    return document


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
