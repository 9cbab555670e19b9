"""Errors: one class hierarchy; each error has an HTTP status and a message for the caller."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from math import ceil
from typing import ClassVar

_LONGEST_RETRY_SECONDS = 60  # the load further ahead cannot be predicted


class ServiceError(Exception):
    """An error with a message for the caller.

    Attributes:
        status: the HTTP status of the response.
        kind: the error's name for programs; the problem's `type` and `title` are made from it.
        headers: HTTP headers to add to the response.
    """

    status: ClassVar[int]
    kind: ClassVar[str]
    headers: Mapping[str, str] = {}

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class NoImage(ServiceError):
    """The request has no image where one is expected."""

    status = HTTPStatus.BAD_REQUEST
    kind = "no-image"


class TooManyImages(ServiceError):
    """The request has several images where one is expected."""

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
    """A body that does not match its content type."""

    status = HTTPStatus.BAD_REQUEST
    kind = "bad-body"


class Unauthorized(ServiceError):
    """No API key, or a wrong one."""

    status = HTTPStatus.UNAUTHORIZED
    kind = "unauthorized"
    # A 401 must name a scheme. Browsers do not know this one, so they do not ask for a name and password.
    headers: Mapping[str, str] = {"WWW-Authenticate": 'ApiKey realm="maskserve", header="X-API-Key"'}


class Forbidden(ServiceError):
    """A URL, bucket or path that the settings do not allow."""

    status = HTTPStatus.FORBIDDEN
    kind = "forbidden"


class NotFound(ServiceError):
    """The object, file or route that the request names does not exist."""

    status = HTTPStatus.NOT_FOUND
    kind = "not-found"


class ModelNotFound(ServiceError):
    """A model that is not loaded."""

    status = HTTPStatus.NOT_FOUND
    kind = "unknown-model"


class Refused(ServiceError):
    """A change of models or traffic that cannot be made; everything is as before."""

    status = HTTPStatus.CONFLICT
    kind = "refused"


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
        """The error for an image file of more than `most` bytes."""
        return cls(f"{name or 'The image'} has more than {most:,} bytes, the most that is accepted.")


class NotAnImage(ServiceError):
    """Not an image, or not in an accepted format."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    kind = "not-an-image"


class UnsupportedCoding(ServiceError):
    """A body that is compressed with an unsupported coding."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    kind = "unsupported-coding"
    headers: Mapping[str, str] = {"Accept-Encoding": "gzip, deflate"}


class BrokenImage(ServiceError):
    """An image that cannot be decoded."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    kind = "broken-image"


class UnsuitableImage(ServiceError):
    """A valid image that the model cannot process."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    kind = "unsuitable-image"


class BadObjects(ServiceError):
    """Objects to render that are not as an answer has them."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    kind = "bad-objects"


class TooManyRequests(ServiceError):
    """The caller has sent more requests than MASKSERVE_RATE_LIMIT allows."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    kind = "too-many-requests"

    def __init__(self, detail: str, seconds: int) -> None:
        super().__init__(detail)
        self.headers = {"Retry-After": str(seconds)}


class HeadersTooLarge(ServiceError):
    """The request line and headers are longer than MASKSERVE_MAX_HEADER_BYTES."""

    status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    kind = "headers-too-large"


class ClientLeft(ServiceError):
    """The client did not wait for its answer. If it closed only its sending side, it may still read this."""

    status = 499  # nginx's status for this in its log; no standard defines one
    kind = "client-left"

    def __init__(self, meanwhile: str) -> None:
        """`meanwhile`: what was happening when the client left, as in "the request waited"."""
        super().__init__(
            f"The client closed the connection, or its sending side, while {meanwhile}."
            " Keep both sides open until the answer has arrived."
        )


class FetchFailed(ServiceError):
    """The server of the URL or bucket did not return the image."""

    status = HTTPStatus.BAD_GATEWAY
    kind = "fetch-failed"


class FetchTimedOut(ServiceError):
    """The server of the URL or bucket did not send the image in time."""

    status = HTTPStatus.GATEWAY_TIMEOUT
    kind = "fetch-timed-out"


class NotReady(ServiceError):
    """The models are still being loaded."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    kind = "not-ready"
    headers: Mapping[str, str] = {"Retry-After": "2"}


class NotAgreed(ServiceError):
    """The processes have not agreed on a change; a retry may succeed."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    kind = "not-agreed"
    headers: Mapping[str, str] = {"Retry-After": "5"}


class Busy(ServiceError):
    """The queue is full, no turn came in time, or the request lost its place to another caller."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    kind = "busy"

    def __init__(self, detail: str, seconds: float = 1) -> None:
        """`seconds`: the time after which a retry is likely to succeed."""
        super().__init__(detail)
        self.headers = {"Retry-After": str(ceil(min(max(1, seconds), _LONGEST_RETRY_SECONDS)))}


class NotRecorded(ServiceError):
    """Feedback could not be written to where it is recorded."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    kind = "not-recorded"
    headers: Mapping[str, str] = {"Retry-After": "10"}
