"""Headers: the security headers of every answer, which tell browsers what not to do with it."""

from __future__ import annotations

from flask import Flask, Response, request

from app.access.keys import needs_key
from app.configuration.settings import Settings

_ALL = {
    # An answer has the type that it declares.
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # Governs embedding without CORS, by <img> or <script>; it does not affect requests that CORS allows.
    "Cross-Origin-Resource-Policy": "same-origin",
}
_PAGE = {"Cross-Origin-Opener-Policy": "same-origin"}
DEVICES = "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"
"""The Permissions-Policy of pages: they may use no device."""
# The page loads only its own style and pictures, and runs no scripts.
_PAGE_POLICY = (
    "default-src 'none'; img-src 'self' data:; style-src 'self';"
    " form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
# Everything else is data, even if it echoed an upload and a browser were tricked into displaying it.
_DATA_POLICY = "default-src 'none'; frame-ancestors 'none'"

_YEAR = 365 * 24 * 3600


def register(app: Flask, settings: Settings) -> None:
    """Put security headers on every answer of `app`."""

    @app.after_request
    def protect(response: Response) -> Response:
        is_page = response.mimetype == "text/html"
        response.headers.update(_ALL | (_PAGE if is_page else {}))
        # A view whose page needs more sets its own policies.
        if is_page:
            response.headers.setdefault("Permissions-Policy", DEVICES)
        response.headers.setdefault("Content-Security-Policy", _PAGE_POLICY if is_page else _DATA_POLICY)
        if request.method not in ("GET", "HEAD", "OPTIONS") or needs_key():
            response.headers["Cache-Control"] = "no-store"
        # Without trusted proxies, is_secure would follow any caller's X-Forwarded-Proto: uWSGI believes it.
        if settings.trusted_proxies and request.is_secure:
            response.headers["Strict-Transport-Security"] = f"max-age={_YEAR}"
        return response
