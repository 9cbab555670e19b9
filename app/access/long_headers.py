"""Long headers: refused by the app with a proper error, before the server would cut the connection."""

from __future__ import annotations

from flask import Flask, request

from app.configuration.settings import Settings
from app.errors import HeadersTooLarge


def register(app: Flask, settings: Settings) -> None:
    """Refuse requests to `app` whose line and headers have more than MASKSERVE_MAX_HEADER_BYTES."""

    @app.before_request
    def refuse_long_headers() -> None:
        if _length() > settings.max_header_bytes:
            raise HeadersTooLarge(
                f"The request line and headers have more than {settings.max_header_bytes:,} bytes."
            )


def _length() -> int:
    line = len(request.method) + len(request.environ.get("REQUEST_URI") or request.full_path) + 12
    return line + sum(len(name) + len(value) + 4 for name, value in request.headers)
