"""The log of a service, as far as versions can be compared by it: requests, shadows and feedback.

Read are the JSON lines that the service writes, the entries that Cloud Logging exports of them (whose members
are in `jsonPayload`), and the messages of feedback that came through Pub/Sub. docs/monitoring.md lists what
the lines have.
"""

from __future__ import annotations

import gzip
import json
import sys
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Literal

from pydantic import BaseModel, Field, ValidationError

STDIN = Path("-")
_NOT_SPLIT = ("/api/v1/feedback", "/api/v1/traffic", "/v2/repository")
"""POST requests that no version answers."""


class _HttpRequest(BaseModel):
    method: str = Field("POST", alias="requestMethod")
    url: str = Field("", alias="requestUrl")
    status: int
    latency: str = ""


class _Timings(BaseModel):
    infer: float | None = None


class Picture(BaseModel):
    """A picture of a request: the number `image` in it, from 0; `segments` is None if it was refused."""

    image: int = 0
    model: str
    version: str | None = None
    arm: str | None = None
    segments: int | None = None
    timings_ms: _Timings = _Timings()

    @property
    def infer_ms(self) -> float | None:
        """The time of its inference, if there was one."""
        return self.timings_ms.infer


class Shadow(BaseModel):
    """What a shadow found in a picture, beside what was answered."""

    request_id: str
    image: int = 0
    model: str
    version: str
    shadow_version: str
    matched: float | None = None
    count: float | None = None
    shadow_count: float | None = None
    score_difference: float | None = None
    dice: float | None = None
    infer_ms: float | None = None
    shadow_infer_ms: float | None = None


class _Feedback(BaseModel):
    request_id: str
    image: int = 0
    verdict: Literal["right", "wrong"]


class _Entry(BaseModel):
    timestamp: datetime | None = None
    request_id: str = ""
    caller: str | None = None
    images: list[Picture] = []
    refused: list[str] = []
    http: _HttpRequest | None = Field(None, alias="httpRequest")
    shadow: Shadow | None = None
    feedback: _Feedback | None = None


@dataclass(frozen=True)
class Request:
    """A request that had pictures, or was refused before it was known which.

    Attributes:
        id: the id in the answer's X-Request-Id.
        caller: a hash that stands for the caller; None in the log of an older version.
        status: the HTTP status.
        refused: whether it, or a picture of it, was refused.
        milliseconds: to its answer; None if the line has none.
        pictures: in order.
    """

    id: str
    caller: str | None
    status: int
    refused: bool
    milliseconds: float | None
    pictures: Sequence[Picture]


@dataclass
class ServiceLog:
    """What was read.

    Attributes:
        requests: in the order of the log.
        shadows: likewise.
        wrong: (request id, number of the image) → whether the last feedback on it says wrong.
        other_lines: the number of lines that are not of the service's log, or could not be read.
        complaint: what is wrong with the first line that has a known member of another form, if there is one.
        first: the time of the first line that has one.
        last: of the last one.
    """

    requests: list[Request] = field(default_factory=list)
    shadows: list[Shadow] = field(default_factory=list)
    wrong: dict[tuple[str, int], bool] = field(default_factory=dict)
    other_lines: int = 0
    complaint: str = ""
    first: datetime | None = None
    last: datetime | None = None


def read_log(
    paths: Iterable[Path], since: datetime | None = None, until: datetime | None = None
) -> ServiceLog:
    """Read the files, of which `-` is standard input and those that end with .gz are compressed.

    Args:
        paths: in any order.
        since: requests and shadows before this moment are left out; feedback belongs to its request.
        until: likewise from this moment on.

    Raises:
        ValueError: a file is not text, or nothing in any of them is of a service's log.
        OSError: a file cannot be read.
    """
    log = ServiceLog()
    paths = list(paths)
    for path in paths:
        for number, document in _documents(path):
            _add(log, document, f"{path}, line {number}", since, until)
    if not (log.requests or log.shadows or log.wrong):
        period = " in this period" if since or until else ""
        raise ValueError(
            f"{', '.join(map(str, paths))}: no line is of the log of a service that was asked for pictures"
            f"{period}{log.complaint and '; ' + log.complaint}. Expected is what the service writes to "
            "stdout, "
            "one JSON object a line, or what Cloud Logging exports of it"
        )
    return log


def _documents(path: Path) -> Iterator[tuple[int, Any]]:
    """The JSON values of a file with the numbers of their lines; None for a line that is not JSON."""
    with _opened(path) as file:
        try:
            for number, line in enumerate(file, 1):
                if number == 1 and line.lstrip().startswith("["):  # gcloud logging read --format=json
                    try:
                        yield from enumerate(json.loads(line + file.read()), 1)
                    except (ValueError, RecursionError) as error:
                        raise ValueError(f"{path} begins like a list in JSON, but is none: {error}") from None
                    return
                if line.strip():
                    yield number, _value(line)
        except UnicodeDecodeError:
            raise ValueError(
                f"{path} is not text in UTF-8: a log is expected, one JSON object a line"
            ) from None
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(f"{path} is damaged or was cut short: {error}. Copy it again") from None


@contextmanager
def _opened(path: Path) -> Iterator[IO[str]]:
    if path == STDIN:
        yield sys.stdin
    elif path.suffix == ".gz":
        with gzip.open(path, "rt", encoding="utf-8") as file:
            yield file
    else:
        with path.open(encoding="utf-8") as file:
            yield file


def _value(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _add(log: ServiceLog, document: Any, place: str, since: datetime | None, until: datetime | None) -> None:
    if not isinstance(document, dict):
        log.other_lines += 1
        return
    payload = document.get("jsonPayload")
    if isinstance(payload, dict):  # Cloud Logging takes these members out of it
        document = {
            **payload,
            **{name: document[name] for name in ("httpRequest", "timestamp") if name in document},
        }
    try:
        entry = _Entry.model_validate(document)
    except ValidationError as error:
        log.other_lines += 1
        first = error.errors()[0]
        log.complaint = log.complaint or f"{place}: {'.'.join(map(str, first['loc']))}: {first['msg']}"
        return
    if entry.feedback:
        log.wrong[entry.feedback.request_id, entry.feedback.image] = entry.feedback.verdict == "wrong"
        return
    time = entry.timestamp and _aware(entry.timestamp)
    if time and ((since and time < since) or (until and time >= until)):
        return
    if entry.shadow:
        log.shadows.append(entry.shadow)
    elif (request := _request(entry)) is not None:
        log.requests.append(request)
    else:
        log.other_lines += entry.http is None
        return
    if time:
        log.first, log.last = min(log.first or time, time), max(log.last or time, time)


def _request(entry: _Entry) -> Request | None:
    http = entry.http
    if http is None or http.method != "POST" or http.url.startswith(_NOT_SPLIT):
        return None
    if not (entry.images or entry.refused):
        return None
    return Request(
        entry.request_id,
        entry.caller,
        http.status,
        bool(entry.refused),
        _milliseconds(http.latency),
        entry.images,
    )


def _milliseconds(latency: str) -> float | None:
    """A duration such as 0.123s."""
    try:
        return 1000 * float(latency.removesuffix("s"))
    except ValueError:
        return None


def _aware(time: datetime) -> datetime:
    return time if time.tzinfo else time.replace(tzinfo=UTC)
