"""Faults: why an image has no result, for good or for now."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from werkzeug.exceptions import ServiceUnavailable


class Fault(Exception):
    """There will be no result, however often it is tried.

    Attributes:
        problem: why, as the service says it too (RFC 9457): type, title, status, detail.
    """

    status = "failed"

    def __init__(self, problem: Mapping[str, Any]) -> None:
        super().__init__(problem.get("detail"))
        self.problem = dict(problem)

    @classmethod
    def of(cls, kind: str, status: int, detail: str) -> Fault:
        """One that the function finds itself; `kind` is its name for programs."""
        title = kind.replace("-", " ").capitalize()
        problem = {"type": f"urn:maskserve:{kind}", "title": title, "status": int(status), "detail": detail}
        return cls(problem)


class Superseded(Fault):
    """A newer generation has taken the image's place before it could be read."""

    status = "superseded"


class TryAgain(ServiceUnavailable):
    """It may go well later. As the function's answer, 503, it makes Pub/Sub deliver the message again.

    An HTTP error, so that the framework answers it without the stack trace that it logs for crashes.
    """


class AnotherTry(TryAgain):
    """Another try is at the same image, or was when it died: this ends by itself, in ten minutes at most."""


def not_found(uri: str) -> Fault:
    """The object was deleted, or never was there."""
    return Fault.of("not-found", HTTPStatus.NOT_FOUND, f"There is no object {uri}.")


def too_large(most: int) -> Fault:
    """An image of more than `most` bytes."""
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    return Fault.of(
        "too-large", status, f"The image has more than {most:,} bytes, the most that is accepted."
    )
