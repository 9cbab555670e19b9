"""CORS: which other origins' pages may call the service, and which headers of its answers they may read."""

from __future__ import annotations

import re

from flask import Flask, Response, request
from flask_cors import CORS

from app.access.callers import SESSION_HEADER
from app.access.keys import KEY_HEADER
from app.configuration.settings import Settings

_SHARED = r"/(api|predict|v1|v2)(/.*)?|/openapi\.json"
_ALLOWED = (
    KEY_HEADER,
    "Content-Type",
    "Content-Encoding",
    "Inference-Header-Content-Length",
    "X-Request-Id",
    SESSION_HEADER,
    # OpenTelemetry adds these to every request of a page that it instruments.
    "traceparent",
    "tracestate",
    "baggage",
)
_EXPOSED = (
    "X-Request-Id",
    "X-Model",
    "X-Model-Version",
    "X-Model-Arm",
    "X-Segment-Count",
    "X-Segments-Found",
    "Server-Timing",
    "Retry-After",
    "Inference-Header-Content-Length",
)
_PREFLIGHT_SECONDS = 600  # how long a browser may cache a preflight answer; Safari's own maximum


def register(app: Flask, settings: Settings) -> None:
    """Let pages of MASKSERVE_CORS_ORIGINS call the API routes of `app`, without credentials."""
    if not settings.cors_origins:
        return
    shared = _shared_paths(settings)
    everybody = settings.cors_origins == ("*",)
    # Escaped patterns, because Flask-CORS takes an origin with a bracket (http://[::1]:3000) for a pattern.
    exact = [re.compile(re.escape(origin) + r"\Z") for origin in settings.cors_origins]
    CORS(
        app,
        resources=shared,
        origins="*" if everybody else exact,
        send_wildcard=True,
        methods=["GET", "POST"],
        allow_headers=_ALLOWED,
        expose_headers=_EXPOSED,
        max_age=_PREFLIGHT_SECONDS,
        always_send=False,
        intercept_exceptions=False,  # errors are answers and pass through after_request like all others
        vary_header=False,  # Flask-CORS omits it if the request has no Origin; see below
    )

    @app.after_request
    def vary_by_origin(response: Response) -> Response:
        if not everybody and shared.match(request.path):
            response.vary.add("Origin")
        return response


def _shared_paths(settings: Settings) -> re.Pattern[str]:
    """A pattern for all shared paths, including those that Vertex AI has chosen."""
    chosen = [
        re.escape(route.rstrip("/")) for route in (settings.health_route, settings.predict_route) if route
    ]
    return re.compile(rf"({'|'.join([_SHARED, *chosen])})/?\Z", re.DOTALL)
