"""Request deadline: the time that a request has as a whole, its upload, fetch and wait included."""

from __future__ import annotations

import time

from flask import Flask, g

from app.configuration.settings import Settings


def request_deadline() -> float:
    """When the running request's time is over (of time.monotonic): by then all must have begun."""
    moment: float = g.deadline
    return moment


def seconds_left() -> float:
    """The seconds until then; 0 or less: what has not begun is told 503."""
    return request_deadline() - time.monotonic()


def register(app: Flask, settings: Settings) -> None:
    """Give each request of `app` MASKSERVE_REQUEST_TIMEOUT."""

    @app.before_request
    def set_deadline() -> None:
        g.deadline = time.monotonic() + settings.request_timeout
