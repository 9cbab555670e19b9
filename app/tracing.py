"""Tracing: the id that each request is known by, on its answer and in the log."""

from __future__ import annotations

import logging
import re
import time
import uuid

from flask import Flask, Response, g, request

logger = logging.getLogger(__name__)

# An id is copied into headers and logs: nothing passes that could forge either.
_SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


def request_id() -> str:
    """The running request's id: the caller's X-Request-Id when it is sane, else a new one."""
    if "request_id" not in g:
        offered = request.headers.get("X-Request-Id", "")
        g.request_id = offered if _SANE_ID.fullmatch(offered) else uuid.uuid4().hex
    known: str = g.request_id
    return known


def register(app: Flask) -> None:
    """Put the request id on every answer of `app`, and log a line for each."""

    @app.before_request
    def start_clock() -> None:
        g.started = time.perf_counter()

    @app.after_request
    def trace(response: Response) -> Response:
        response.headers["X-Request-Id"] = request_id()
        # The route as it is written in the code, never the URL: a query or a file name may be private.
        route = request.url_rule.rule if request.url_rule else "-"
        milliseconds = (time.perf_counter() - g.started) * 1000
        logger.info(
            "%s %s %d %.0f ms %s", request.method, route, response.status_code, milliseconds, request_id()
        )
        return response
