"""Errors: one tree, each with its HTTP status and a public message, answered as RFC 9457 problems."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from math import ceil
from typing import Any, ClassVar

from flask import Flask, Response, current_app, jsonify, request
from werkzeug.exceptions import ClientDisconnected, HTTPException, MethodNotAllowed

from app.monitoring.current_request import current_record, request_id
from app.serving import memory
from model.answering import Unsuitable
from model.choosing import Unfamiliar
from model.formats.encode import CannotEncode
from model.pictures import (
    BrokenPicture,
    NoSuchChannel,
    NoSuchPage,
    NotAPicture,
    PagesDiffer,
    PictureTooLarge,
)
from model.result import UnsuitablePicture

# Routes of KServe V2, those included that there are not.
_OPEN_INFERENCE = re.compile(r"/v2(/.*)?", re.DOTALL)

# Where werkzeug's own exceptions carry something that the caller needs.
_KEPT_HEADERS = ("Allow", "Retry-After")

_LONGEST_RETRY_SECONDS = 60  # how busy it is then, nobody can tell now


class ServiceError(Exception):
    """What went wrong, in words for the caller.

    Attributes:
        status: the HTTP status it answers with.
        kind: its name for programs; the problem's `type` and `title` come from it.
        headers: HTTP headers that go with it.
    """

    status: ClassVar[int]
    kind: ClassVar[str]
    headers: Mapping[str, str] = {}

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class NoImage(ServiceError):
    """The request has no image where one is looked for."""

    status = HTTPStatus.BAD_REQUEST
    kind = "no-image"


class TooManyImages(ServiceError):
    """More than one image, where one is meant."""

    status = HTTPStatus.BAD_REQUEST
    kind = "too-many-images"


class BadParameter(ServiceError):
    """A parameter that is unknown, repeated or out of range."""

    status = HTTPStatus.BAD_REQUEST
    kind = "bad-parameter"


class BadUrl(ServiceError):
    """A path or query that is not UTF-8."""

    status = HTTPStatus.BAD_REQUEST
    kind = "bad-url"


class BadBody(ServiceError):
    """A body that is not what its type says."""

    status = HTTPStatus.BAD_REQUEST
    kind = "bad-body"


class Unauthorized(ServiceError):
    """No API key, or a wrong one."""

    status = HTTPStatus.UNAUTHORIZED
    kind = "unauthorized"
    # A 401 must name a scheme. This one is nobody's, so that no browser asks for a name and password.
    headers: Mapping[str, str] = {"WWW-Authenticate": 'ApiKey realm="maskserve", header="X-API-Key"'}


class Forbidden(ServiceError):
    """A URL, bucket or path that the settings do not allow."""

    status = HTTPStatus.FORBIDDEN
    kind = "forbidden"


class NotFound(ServiceError):
    """Nothing where the request says."""

    status = HTTPStatus.NOT_FOUND
    kind = "not-found"


class UnknownModel(ServiceError):
    """A model that is not loaded."""

    status = HTTPStatus.NOT_FOUND
    kind = "unknown-model"


class UploadTooSlow(ServiceError):
    """The body did not arrive in time."""

    status = HTTPStatus.REQUEST_TIMEOUT
    kind = "upload-too-slow"


class TooLarge(ServiceError):
    """Too many bytes, pixels, frames, parts or images."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    kind = "too-large"

    @classmethod
    def in_bytes(cls, most: int, name: str = "") -> TooLarge:
        """An image file of more than `most` bytes."""
        return cls(f"{name or 'The image'} has more than {most:,} bytes, the most that is accepted.")


class NotAnImage(ServiceError):
    """Not an image, or in a form that is not accepted."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    kind = "not-an-image"


class UnsupportedCoding(ServiceError):
    """A body that is compressed in a way that is not known here."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    kind = "unsupported-coding"
    headers: Mapping[str, str] = {"Accept-Encoding": "gzip, deflate"}


class BrokenImage(ServiceError):
    """An image that cannot be decoded."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    kind = "broken-image"


class UnsuitableImage(ServiceError):
    """An image that the model cannot take, as it is."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    kind = "unsuitable-image"


class TooManyRequests(ServiceError):
    """More requests than MASKSERVE_RATE_LIMIT allows one caller."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    kind = "too-many-requests"

    def __init__(self, detail: str, seconds: int) -> None:
        super().__init__(detail)
        self.headers = {"Retry-After": str(seconds)}


class HeadersTooLarge(ServiceError):
    """A request line and headers longer than MASKSERVE_MAX_HEADER_BYTES."""

    status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    kind = "headers-too-large"


class ClientLeft(ServiceError):
    """The client did not wait for its answer. If it has closed its sending side alone, it may read this."""

    status = 499  # as nginx logs it; no standard has a name for what hardly anybody reads
    kind = "client-left"

    def __init__(self, meanwhile: str) -> None:
        """`meanwhile`: what was done as it left, as in "the request waited"."""
        super().__init__(
            f"The client closed the connection, or its sending side, while {meanwhile}."
            " Keep both sides open until the answer has come."
        )


class FetchFailed(ServiceError):
    """The URL or bucket that holds the image did not give it."""

    status = HTTPStatus.BAD_GATEWAY
    kind = "fetch-failed"


class FetchTimedOut(ServiceError):
    """It did not give it in time."""

    status = HTTPStatus.GATEWAY_TIMEOUT
    kind = "fetch-timed-out"


class NotReady(ServiceError):
    """The models are still being loaded."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    kind = "not-ready"
    headers: Mapping[str, str] = {"Retry-After": "2"}


class Busy(ServiceError):
    """No place, no turn in time, or a place lost to another caller."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    kind = "busy"

    def __init__(self, detail: str, seconds: float = 1) -> None:
        """`seconds`: until a new attempt is likely to fare better."""
        super().__init__(detail)
        self.headers = {"Retry-After": str(ceil(min(max(1, seconds), _LONGEST_RETRY_SECONDS)))}


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
}


@dataclass(frozen=True)
class Problem:
    """An error as its caller sees it (RFC 9457), and the headers that go with it."""

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
        """The problem as application/problem+json, or in the form of the protocol that the request speaks."""
        speaks_open_inference = _OPEN_INFERENCE.fullmatch(request.path)
        response = jsonify({"error": self.detail} if speaks_open_inference else self.as_dict())
        response.status_code = self.status
        if not speaks_open_inference:
            response.content_type = "application/problem+json"
        response.headers.update(self.headers)
        return response


def problem_of(error: Exception) -> Problem:
    """What the caller is told about `error`; what the caller must not see goes to the log."""
    for model_error, service_error in _SERVICE_ERROR_OF.items():
        if isinstance(error, model_error):
            error = service_error(_sentence(str(error)))
    # uWSGI's socket timeout surfaces as a broken read; a client that is really gone reads no answer anyway.
    if isinstance(error, ClientDisconnected):
        error = UploadTooSlow("The upload stalled or broke off.")
    if memory.lacks(error):  # which says nothing of the image: it may go well the next time
        current_record().failure = error
        current_app.logger.warning("request %s lacked memory", request_id(), exc_info=error)
        error = Busy("There is not enough memory for this right now. Try again shortly, or send less.")
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
        # The type of a problem that says no more than its status (RFC 9457, section 4.2.1).
        return Problem("about:blank", error.name, error.code, _detail(error), headers)
    current_record().failure = error
    current_app.logger.error("request %s failed", request_id(), exc_info=error)
    return Problem(
        type="about:blank",
        title="Internal Server Error",
        status=HTTPStatus.INTERNAL_SERVER_ERROR,
        detail="The service failed on this request. Its log has the reason under the request id.",
    )


def _detail(error: HTTPException) -> str:
    """What werkzeug says of it, or better."""
    if isinstance(error, MethodNotAllowed) and "POST" in (error.valid_methods or ()):
        advice = "; curl -T sends PUT unless it is told -X POST" if request.method == "PUT" else ""
        return f"This route takes POST, not {request.method[:20]}{advice}."
    return error.description or error.name


def _sentence(message: str) -> str:
    """`message`, from code that speaks in clauses, as a sentence like the service's own."""
    return message[:1].upper() + message[1:].rstrip(".") + "."


def register(app: Flask) -> None:
    """Make every error of `app` answer as a problem, those of routing (404, 405) included."""

    @app.errorhandler(Exception)
    def answer_problem(error: Exception) -> Response:
        return problem_of(error).response()
