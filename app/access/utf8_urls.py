"""UTF-8 in URLs: a request whose path or query is not valid UTF-8 is refused."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from flask import Flask, request

from app.configuration.settings import Settings
from app.errors import BadUrl


def register(app: Flask, settings: Settings) -> None:
    """Refuse requests to `app` whose URL is not UTF-8 after percent-decoding."""

    @app.before_request
    def refuse_other_bytes() -> None:
        # WSGI decodes paths as Latin-1: one character for each byte.
        _check("path", request.environ.get("PATH_INFO", "").encode("latin-1"))
        _check("query", unquote_to_bytes(request.query_string))


def _check(part: str, sent: bytes) -> None:
    try:
        sent.decode()
    except UnicodeDecodeError as error:
        raise BadUrl(
            f"The {part} of the URL is not UTF-8: its byte 0x{sent[error.start]:02X} is not part of a"
            " character. Percent-encode text as UTF-8."
        ) from None
