"""The API's documentation: /openapi.json for programs, /docs for people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from flask import Blueprint, Response, current_app, jsonify, render_template, request
from werkzeug.http import generate_etag

from app.openapi.document import document
from app.requests.parameters import Parameters
from app.routes import (
    api,
    feedback,
    open_inference,
    operations,
    platforms,
    predict,
    render,
    repository,
    traffic,
)
from app.service import current_service

documents = Blueprint("documents", __name__)

_EXTENSION = "maskserve_documents"

_DESCRIBED = (
    api.described,
    render.described,
    feedback.described,
    predict.described,
    platforms.described,
    open_inference.described,
    repository.described,
    traffic.described,
    operations.described,
)


class _Rendered(NamedTuple):
    """A rendered document, and the number of the set of versions that it describes (`Versions`)."""

    number: int
    text: bytes
    etag: str


@documents.get("/openapi.json")
def openapi() -> Response:
    """The OpenAPI document."""
    return _once("application/json", lambda described: jsonify(described).get_data())


@documents.get("/docs")
def docs() -> Response:
    """The same as a page."""
    return _once("text/html", _page)


def _page(described: dict[str, Any]) -> bytes:
    return render_template("docs.html", document=described, parameters=Parameters.model_fields).encode()


def _once(mimetype: str, render: Callable[[dict[str, Any]], bytes]) -> Response:
    """The document, rendered once for the loaded models: rendering takes 20 ms, and callers need no key."""
    service = current_service()
    known: dict[str, _Rendered] = current_app.extensions.setdefault(_EXTENSION, {})
    rendered = known.get(mimetype)
    number = service.models.versions.number
    if rendered is None or rendered.number != number:
        text = render(document(service, _DESCRIBED))
        rendered = known[mimetype] = _Rendered(number, text, generate_etag(text))
    response = Response(rendered.text, mimetype=mimetype)
    response.set_etag(rendered.etag)
    response.make_conditional(request)
    return response
