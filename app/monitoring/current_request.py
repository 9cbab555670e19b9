"""Current request: what is known about it, for its log line, its metrics and its spans."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from flask import Flask, Response, g, request
from werkzeug.datastructures import Headers

from model.results.segments import Segments
from model.stopwatch import Stopwatch
from model.storage.manifest import AUTO, Manifest

# Ids are copied into headers and logs; only characters that cannot forge either are accepted.
_SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")

# W3C Trace Context, and Google's older header: TRACE_ID/SPAN_ID;o=SAMPLED, with a decimal span id.
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_CLOUD_TRACE = re.compile(r"([0-9A-Fa-f]{32})(?:/([0-9]{1,20}))?(?:;o=([01]))?")

_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"))


class Trace(NamedTuple):
    """A request's position in a trace: ids in hexadecimal, of 32 and 16 digits; span_id is "" if unknown."""

    trace_id: str
    span_id: str
    sampled: bool


@dataclass
class Picture:
    """A picture of a request, without its content.

    Attributes:
        bytes: the size of its file.
        image: its number in the request, from 0.
        model, version, classes: the model that segments it, its version, and its classes; index 0 is
            background.
        chosen_by: who chose the model; None if that is not known yet.
        arm: the version, `name@version`, if a split of the traffic chose it.
        stopwatch: the durations of its stages so far.
        size: (width, height) in pixels; None until `found` is called.
        class_ids, scores: (N,) of its segments.
        bins: by feature, the bin of the model's baseline that the picture or its answer is in.
    """

    bytes: int
    image: int = 0
    model: str = AUTO
    version: str = ""
    classes: Sequence[str] = ()
    chosen_by: str | None = None
    arm: str | None = None
    stopwatch: Stopwatch = field(default_factory=Stopwatch)
    size: tuple[int, int] | None = None
    class_ids: npt.NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    scores: npt.NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    bins: Mapping[str, int] = field(default_factory=dict)

    def goes_to(self, manifest: Manifest, chosen_by: str | None, arm: str | None) -> None:
        """Record which model segments it and who chose that, as soon as it is known."""
        self.model, self.version, self.classes = manifest.name, manifest.version, manifest.classes
        self.chosen_by, self.arm = chosen_by, arm

    def found(self, segments: Segments) -> None:
        """Keep what logs and metrics need of `segments`, but not the masks, which would stay in memory."""
        self.size, self.class_ids, self.scores = segments.size, segments.class_ids, segments.scores


@dataclass
class Record:
    """What is known about a request.

    Attributes:
        request_id: the caller's X-Request-Id if it is well-formed, otherwise a new one.
        trace: the caller's, or the span that app/monitoring/spans.py has started for the request; None if
            there is neither.
        started: in seconds of `time.perf_counter`.
        started_ns: the same moment in nanoseconds since 1970.
        image: the number of the image that is being answered, from 0; only a batch has several.
        pictures: those that went to a model, or were being prepared for one.
        refusals: why the request, or pictures of it, were refused: the errors' kinds.
        failure: the exception that caused a 500, or a 503 for lack of memory.
        caller: a short hash of the caller.
        stopwatch: the durations of the stages of a request that no model answers.
    """

    request_id: str
    trace: Trace | None
    started: float = field(default_factory=time.perf_counter)
    started_ns: int = field(default_factory=time.time_ns)
    image: int = 0
    pictures: list[Picture] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    failure: BaseException | None = None
    caller: str | None = None
    stopwatch: Stopwatch | None = None

    def seconds(self) -> float:
        """The seconds since the request started."""
        return time.perf_counter() - self.started


def current_record() -> Record:
    """The running request's record."""
    if "record" not in g:
        offered = request.headers.get("X-Request-Id", "")
        known = offered if _SANE_ID.fullmatch(offered) else uuid.uuid4().hex
        g.record = Record(known, trace_of(request.headers))
    record: Record = g.record
    return record


def request_id() -> str:
    """The running request's id."""
    return current_record().request_id


def follow(size: int) -> Picture:
    """Add a picture of `size` bytes to the running request's record."""
    record = current_record()
    picture = Picture(size, record.image)
    record.pictures.append(picture)
    return picture


def trace_of(headers: Headers) -> Trace | None:
    """The caller's trace, from traceparent or else X-Cloud-Trace-Context; None unless one is well-formed."""
    if match := _TRACEPARENT.fullmatch(headers.get("traceparent", "")):
        trace_id, span_id, flags, _ = match.groups()
        if int(trace_id, 16) and int(span_id, 16):
            return Trace(trace_id, span_id, bool(int(flags, 16) & 1))
    if match := _CLOUD_TRACE.fullmatch(headers.get("X-Cloud-Trace-Context", "")):
        trace_id, span, sampled = match.groups()
        number = int(span or 0)
        if int(trace_id, 16) and number < 2**64:
            return Trace(trace_id.lower(), f"{number:016x}" if number else "", sampled == "1")
    return None


def route() -> str:
    """The running request's route as it is written in the code, or "unknown".

    Never the URL: a query or a file name may be private, and callers could invent any number of URLs.
    """
    return request.url_rule.rule if request.url_rule else "unknown"


def method() -> str:
    """The running request's method, or "other" if HTTP does not define it."""
    return request.method if request.method in _METHODS else "other"


def is_probe() -> bool:
    """Whether the running request is a health check or a metrics scrape."""
    asked = route()  # the Open Inference Protocol has its own probes
    return request.blueprint == "operations" or asked.startswith("/v2/health/") or asked.endswith("/ready")


def register(app: Flask) -> None:
    """Add the request id to every answer of `app`. Call it first, so that the clock starts first."""

    @app.before_request
    def start_clock() -> None:
        current_record()

    @app.after_request
    def name_request(response: Response) -> Response:
        response.headers["X-Request-Id"] = request_id()
        return response
