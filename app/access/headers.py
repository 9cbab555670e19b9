"""Headers: what every answer tells browsers not to do with it."""

from __future__ import annotations

from flask import Flask, Response, request

from app.access.keys import needs_key
from app.configuration.settings import Settings

_ALL = {
    # An answer is of the type that it says.
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # It governs embedding without CORS, by <img> or <script>; what CORS allows is not asked.
    "Cross-Origin-Resource-Policy": "same-origin",
}
_PAGE = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
}
# The page loads nothing but its own style and pictures, and runs nothing.
_PAGE_POLICY = (
    "default-src 'none'; img-src 'self' data:; style-src 'self';"
    " form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
# All else is data, even if somebody's upload were echoed in it and a browser led to show it.
_DATA_POLICY = "default-src 'none'; frame-ancestors 'none'"

_YEAR = 365 * 24 * 3600


def register(app: Flask, settings: Settings) -> None:
    """Put security headers on every answer of `app`."""

    @app.after_request
    def protect(response: Response) -> Response:
        is_page = response.mimetype == "text/html"
        response.headers.update(_ALL | (_PAGE if is_page else {}))
        # A view whose page needs more brings its own.
        response.headers.setdefault("Content-Security-Policy", _PAGE_POLICY if is_page else _DATA_POLICY)
        if request.method not in ("GET", "HEAD", "OPTIONS") or needs_key():
            response.headers["Cache-Control"] = "no-store"
        # uWSGI alone believes anybody's X-Forwarded-Proto.
        if settings.trusted_proxies and request.is_secure:
            response.headers["Strict-Transport-Security"] = f"max-age={_YEAR}"
        return response
