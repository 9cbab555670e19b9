"""Dates: a conditional header with an impossible date is removed from a request before anything reads it."""

from __future__ import annotations

from flask import Flask, request
from werkzeug.http import parse_date

from app.configuration.settings import Settings

_CONDITIONS = ("HTTP_IF_MODIFIED_SINCE", "HTTP_IF_RANGE")  # those that werkzeug reads as dates


def register(app: Flask, settings: Settings) -> None:
    """Ignore impossible dates in requests to `app`, as RFC 9110, section 13.1.3, requires."""

    @app.before_request
    def ignore_impossible_dates() -> None:
        for name in _CONDITIONS:
            try:
                parse_date(request.environ.get(name))  # returns None for text that is not a date
            except OverflowError:  # a zone of a billion hours, which werkzeug 3.1 does not handle
                del request.environ[name]
