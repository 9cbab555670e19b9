"""Errors: one tree, each with the HTTP status that it answers with and a message for the caller."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from math import ceil
from typing import ClassVar

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


class ModelNotFound(ServiceError):
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
    """The URL or bucket did not give the image in time."""

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
