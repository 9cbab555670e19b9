"""JSON in bodies: parsed only if it has no more levels and parts than any request needs."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import orjson

from app.configuration.settings import Settings
from app.errors import BadBody, TooLarge

MOST_TOKENS = 10_000
"""The most brackets, commas and strings in a body with images.

Ten million lists in a list would take gigabytes."""

# An unterminated string is one token up to the body's end; otherwise each quote in it would restart a search.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[\]{},]', re.DOTALL)

_TEXT = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)  # unterminated ones as in _TOKEN
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # some clients send it before UTF-8
_BEGINNING = re.compile(rb"(?:%b)?[ \t\r\n]*+[{\[]" % _BYTE_ORDER_MARK)


def is_json(media_type: str) -> bool:
    """Whether `media_type`, in lower case, is one of JSON."""
    return media_type in ("application/json", "text/json") or media_type.endswith("+json")


def looks_like_json(body: bytes) -> bool:
    """Whether a body begins like a JSON object or list."""
    return bool(_BEGINNING.match(body))


def parse_object(
    body: bytes, settings: Settings, most_tokens: int = MOST_TOKENS, example: str = '{"image": "…"}'
) -> dict[str, Any]:
    """The JSON object in `body`. Raises BadBody if it is not an object, and errors as `parse_value`."""
    document = parse_value(body, "The body", settings, most_tokens)
    if not isinstance(document, dict):
        raise BadBody(f"The body must be a JSON object, as in {example}.")
    return document


def parse_value(text: bytes, what: str, settings: Settings, most_tokens: int = MOST_TOKENS) -> Any:
    """The value of the JSON in `text`.

    Args:
        text: in UTF-8.
        what: the name of this JSON in error messages.
        settings: the limits.
        most_tokens: the most parts that it may have.

    Raises:
        BadBody: it is not JSON, or nests deeper than MASKSERVE_MAX_JSON_DEPTH.
        TooLarge: it has more parts.
    """
    _check_shape(text, settings.max_json_depth, most_tokens)
    return _parsed(text, what)


def parse_long_value(text: bytes, what: str, settings: Settings, most_parts: int) -> Any:
    """The same for JSON that consists mostly of numbers, of which it may have as many as it has bytes.

    Args:
        text: in UTF-8.
        what: the name of this JSON in error messages.
        settings: the limits.
        most_parts: the most brackets and texts that it may have.

    Raises errors as `parse_value`.
    """
    bare, texts = _TEXT.subn(b"", text)
    brackets = np.frombuffer(bare.translate(None, _NOT_BRACKETS), np.uint8)
    if texts + len(brackets) > most_parts:
        raise TooLarge(f"{what} has more than {most_parts:,} texts and brackets.")
    opening = (brackets == ord("[")) | (brackets == ord("{"))
    if np.cumsum(np.where(opening, 1, -1), dtype=np.int32).max(initial=0) > settings.max_json_depth:
        raise _too_deep(settings.max_json_depth)
    return _parsed(text, what)


def _parsed(text: bytes, what: str) -> Any:
    try:
        return orjson.loads(text.removeprefix(_BYTE_ORDER_MARK))
    except orjson.JSONDecodeError as error:
        raise BadBody(f"{what} is not JSON: {error.msg}.") from error


def _check_shape(body: bytes, max_depth: int, most_tokens: int) -> None:
    depth = 0
    for count, token in enumerate(_TOKEN.finditer(body)):
        if count >= most_tokens:
            raise TooLarge(f"The JSON has more than {most_tokens:,} parts.")
        bracket = body[token.start()]
        if bracket in b"[{":
            depth += 1
        elif bracket in b"]}":
            depth -= 1
        if depth > max_depth:
            raise _too_deep(max_depth)


def _too_deep(max_depth: int) -> BadBody:
    return BadBody(f"The JSON is nested more than {max_depth} levels deep.")
