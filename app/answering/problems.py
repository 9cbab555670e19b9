"""Problems: errors as callers see them (RFC 9457), whether the service's own or other exceptions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, current_app, jsonify, request
from werkzeug.exceptions import ClientDisconnected, HTTPException, MethodNotAllowed

from app.errors import (
    BadObjects,
    BadParameter,
    BrokenImage,
    Busy,
    NotAnImage,
    ServiceError,
    TooLarge,
    UnsuitableImage,
    UploadTooSlow,
)
from app.monitoring.current_request import current_record, request_id
from app.serving import memory
from model.answering import Unsuitable
from model.answers.choosing import Unfamiliar
from model.formats.encode import CannotEncode
from model.given.complaints import TooManyObjects, UnusableObjects
from model.pictures import (
    BrokenPicture,
    NoSuchChannel,
    NoSuchPage,
    NotAPicture,
    PagesDiffer,
    PictureTooLarge,
)
from model.results.result import UnsuitablePicture

# Routes of KServe V2, including unknown ones.
_OPEN_INFERENCE = re.compile(r"/v2(/.*)?", re.DOTALL)

# Headers of werkzeug's own exceptions that callers need.
_KEPT_HEADERS = ("Allow", "Retry-After")

_SERVICE_ERROR_OF: dict[type[Exception], type[ServiceError]] = {
    NotAPicture: NotAnImage,
    BrokenPicture: BrokenImage,
    PictureTooLarge: TooLarge,
    NoSuchPage: BadParameter,
    NoSuchChannel: BadParameter,
    PagesDiffer: BadParameter,
    CannotEncode: BadParameter,
    UnsuitablePicture: UnsuitableImage,
    Unfamiliar: UnsuitableImage,
    Unsuitable: BadParameter,
    UnusableObjects: BadObjects,
    TooManyObjects: TooLarge,
}


@dataclass(frozen=True)
class Problem:
    """An error as its caller sees it (RFC 9457), and the headers to send with it."""

    type: str
    title: str
    status: int
    detail: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The members of the problem's JSON."""
        return {
            "type": self.type,
            "title": self.title,
            "status": int(self.status),
            "detail": self.detail,
            "request_id": request_id(),
        }

    def response(self) -> Response:
        """The problem as application/problem+json, or as KServe V2 requires it on that protocol's routes."""
        speaks_open_inference = _OPEN_INFERENCE.fullmatch(request.path)
        response = jsonify({"error": self.detail} if speaks_open_inference else self.as_dict())
        response.status_code = self.status
        if not speaks_open_inference:
            response.content_type = "application/problem+json"
        response.headers.update(self.headers)
        return response


def problem_of(error: Exception) -> Problem:
    """What the caller is told about `error`; details that the caller must not see go to the log."""
    for model_error, service_error in _SERVICE_ERROR_OF.items():
        if isinstance(error, model_error):
            error = service_error(_sentence(str(error)))
    # uWSGI's socket timeout appears as a broken read; a client that has really left reads no answer anyway.
    if isinstance(error, ClientDisconnected):
        error = UploadTooSlow("The upload stalled or broke off.")
    if memory.lacks(error):  # not the image's fault: a retry may succeed
        current_record().failure = error
        current_app.logger.warning(
            "request %s was refused with 503: there was not enough memory", request_id(), exc_info=error
        )
        error = Busy("There is not enough memory for this request now. Try again shortly, or send less.")
    if isinstance(error, ServiceError):
        current_record().refusals.append(error.kind)
        return Problem(
            type=f"urn:maskserve:{error.kind}",
            title=error.kind.replace("-", " ").capitalize(),
            status=error.status,
            detail=error.detail,
            headers=error.headers,
        )
    if isinstance(error, HTTPException) and error.code is not None and error.code < 500:
        current_record().refusals.append(error.name.lower().replace(" ", "-"))
        headers = {name: value for name, value in error.get_headers() if name in _KEPT_HEADERS}
        # The type of a problem that means no more than its status (RFC 9457, section 4.2.1).
        return Problem("about:blank", error.name, error.code, _detail(error), headers)
    current_record().failure = error
    current_app.logger.error("request %s failed", request_id(), exc_info=error)
    return Problem(
        type="about:blank",
        title="Internal Server Error",
        status=HTTPStatus.INTERNAL_SERVER_ERROR,
        detail="The service failed on this request. The reason is in its log, under the request id.",
    )


def _detail(error: HTTPException) -> str:
    """Werkzeug's description of the error, or a more helpful one."""
    if isinstance(error, MethodNotAllowed) and "POST" in (error.valid_methods or ()):
        advice = "; curl -T sends PUT unless you add -X POST" if request.method == "PUT" else ""
        return f"This route takes POST, not {request.method[:20]}{advice}."
    return error.description or error.name


def _sentence(message: str) -> str:
    """`message`, a clause from code below the service, as a sentence like the service's own."""
    return message[:1].upper() + message[1:].rstrip(".") + "."


def register(app: Flask) -> None:
    """Answer every error of `app` as a problem, including routing errors (404, 405)."""

    @app.errorhandler(Exception)
    def answer_problem(error: Exception) -> Response:
        return problem_of(error).response()
