"""Faults: why an image has no result, permanently or for now."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from werkzeug.exceptions import ServiceUnavailable


class Fault(Exception):
    """A permanent failure: a retry cannot succeed.

    Attributes:
        problem: the reason, in the format of the service (RFC 9457): type, title, status, detail.
    """

    status = "failed"

    def __init__(self, problem: Mapping[str, Any]) -> None:
        super().__init__(problem.get("detail"))
        self.problem = dict(problem)

    @classmethod
    def of(cls, kind: str, status: int, detail: str) -> Fault:
        """A failure that the function itself detects. `kind` identifies it for programs."""
        title = kind.replace("-", " ").capitalize()
        problem = {"type": f"urn:maskserve:{kind}", "title": title, "status": int(status), "detail": detail}
        return cls(problem)


class Superseded(Fault):
    """A newer generation replaced the image before it could be read."""

    status = "superseded"


class TryAgain(ServiceUnavailable):
    """A temporary failure. The function answers 503, and Pub/Sub delivers the message again.

    It is an HTTP error so that the framework does not log it with a stack trace, as it does for crashes.
    """


class AnotherTry(TryAgain):
    """Another try works on the same image, or died while it did. Resolves itself within ten minutes."""


def not_found(uri: str) -> Fault:
    """The object was deleted, or never existed."""
    return Fault.of("not-found", HTTPStatus.NOT_FOUND, f"The object {uri} does not exist.")


def too_large(most: int) -> Fault:
    """An image of more than `most` bytes."""
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    return Fault.of("too-large", status, f"The image has more than {most:,} bytes, the maximum (MAX_BYTES).")
