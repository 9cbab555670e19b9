"""Request deadline: the time limit for a whole request, including its upload, fetch and wait."""

from __future__ import annotations

import time

from flask import Flask, g

from app.configuration.settings import Settings


def request_deadline() -> float:
    """The running request's deadline (of time.monotonic); work that has not begun by then is refused."""
    moment: float = g.deadline
    return moment


def seconds_left() -> float:
    """The seconds until the deadline, 0 or less once it has passed."""
    return request_deadline() - time.monotonic()


def register(app: Flask, settings: Settings) -> None:
    """Give each request to `app` the deadline of MASKSERVE_REQUEST_TIMEOUT."""

    @app.before_request
    def set_deadline() -> None:
        g.deadline = time.monotonic() + settings.request_timeout
