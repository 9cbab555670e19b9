"""Short bodies: those of requests that carry no image, read whole."""

from __future__ import annotations

from flask import request

from app.errors import TooLarge

_MOST_BYTES = 64 * 1024


def short_body() -> bytes:
    """The body of the running request. Raises TooLarge."""
    body: bytes = request.stream.read(_MOST_BYTES + 1)
    if len(body) > _MOST_BYTES:
        raise TooLarge(f"The body has more than {_MOST_BYTES:,} bytes, the most that is accepted here.")
    return body
