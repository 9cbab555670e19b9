"""Well-formed: what HTTP itself forbids in the head of a request is refused before anybody believes it.

RFC 9112 has the rules. The front (front/) keeps to them; other servers hand on what breaks them: uWSGI's own
take a line feed for part of a value, and join what is sent twice with a comma.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from flask import Flask, request

from app.errors import BadRequest
from app.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_ABSOLUTE = re.compile(r"https?://([^/?#]*)([^?#]*)", re.IGNORECASE)
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+;=%-]+)(:[0-9]*)?")
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_LENGTH = re.compile(r"[0-9]+")


def register(app: Flask, settings: Settings) -> None:
    """Refuse requests of `app` whose head is malformed with 400; answer absolute targets as their paths."""
    app.wsgi_app = _with_path(app.wsgi_app)  # type: ignore[method-assign,assignment]

    @app.before_request
    def refuse_malformed() -> None:
        for complaint in _complaints():
            raise BadRequest(complaint)


def _with_path(answer: WSGIApplication) -> WSGIApplication:
    """`answer` for requests whose target is a whole URL, as if they had named its path and its host."""

    def answered(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if absolute := _ABSOLUTE.match(environ.get("REQUEST_URI", "")):
            authority, path = absolute.groups()
            environ["HTTP_HOST"] = authority
            environ["PATH_INFO"] = unquote_to_bytes(path).decode("latin-1") or "/"
        return answer(environ, start_response)

    return answered


def _complaints() -> Iterable[str]:
    environ = request.environ
    target: str = environ.get("REQUEST_URI") or environ["PATH_INFO"]
    if not (
        target.startswith("/") or _ABSOLUTE.match(target) or (request.method, target) == ("OPTIONS", "*")
    ):
        yield "The request must name a path that begins with a slash, or a whole URL."
    if _CONTROL.search(target) or not _NAME.fullmatch(request.method):
        yield "The request line has characters that are not allowed there."
    may_lack_host = environ.get("SERVER_PROTOCOL") == "HTTP/1.0" and "HTTP_HOST" not in environ
    if not may_lack_host and not _HOST.fullmatch(environ.get("HTTP_HOST", "")):
        yield "The request must have one header Host, and it must name a host."
    for name, value in request.headers:
        if not _NAME.fullmatch(name):
            yield "The name of a header has characters that are not allowed there."
        if _CONTROL.search(value):
            yield "A header has control characters. Its line must end with CR and LF, and be one line."
    if length := environ.get("CONTENT_LENGTH"):
        if not _LENGTH.fullmatch(length):
            yield "Content-Length must be one whole number."
        if "Transfer-Encoding" in request.headers:
            yield "The request must not have both Content-Length and Transfer-Encoding."
