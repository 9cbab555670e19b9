"""Logs: one JSON object per line on stdout, in the format of Cloud Logging and Error Reporting."""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import traceback
from datetime import UTC, datetime
from typing import Any

from flask import Flask, Response, has_request_context, request

from app.monitoring import current_request
from app.monitoring.current_request import Picture, Record
from model.stopwatch import Stopwatch

logger = logging.getLogger(__name__)

_LONGEST_TEXT = 20_000  # characters, for stack traces; Cloud Logging's limit is 256 kB per entry
_LONGEST_USER_AGENT = 200


class JsonFormatter(logging.Formatter):
    """A log record as a structured entry (cloud.google.com/logging/docs/structured-logging).

    JSON escapes line ends and quotes, so that no text from a caller can forge a second entry.
    """

    def __init__(self, project: str | None = None) -> None:
        """`project`: the Google Cloud project of the traces; None: traces are written as bare ids."""
        super().__init__()
        self._traces = f"projects/{project}/traces/" if project else ""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "severity": _severity(record.levelno),
            "message": _cut(record.getMessage()),
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "logger": record.name,
        }
        if has_request_context():
            request_record = current_request.current_record()
            entry["request_id"] = request_record.request_id
            if request_record.trace:
                entry["logging.googleapis.com/trace"] = self._traces + request_record.trace.trace_id
                if request_record.trace.span_id:
                    entry["logging.googleapis.com/spanId"] = request_record.trace.span_id
                entry["logging.googleapis.com/trace_sampled"] = request_record.trace.sampled
        if record.exc_info and record.exc_info[0]:  # Error Reporting looks for the name stack_trace
            entry["stack_trace"] = _cut("".join(traceback.format_exception(*record.exc_info)))
        elif record.stack_info:
            entry["stack"] = _cut(record.stack_info)
        entry.update(getattr(record, "entry", {}))
        return json.dumps(entry, default=str)


def configure() -> None:
    """Log to stdout: JSON, or plain lines if stdout is a terminal.

    Logging that a program embedding the app (tests, another server) has already set up is kept.
    """
    root = logging.getLogger()
    if root.handlers:
        return
    handler = logging.StreamHandler(sys.stdout)
    if sys.stdout.isatty():
        handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    else:
        handler.setFormatter(JsonFormatter(os.environ.get("GOOGLE_CLOUD_PROJECT")))
        sys.excepthook = _log_uncaught
        threading.excepthook = lambda args: _log_uncaught(args.exc_type, args.exc_value, args.exc_traceback)
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)


def register(app: Flask) -> None:
    """Log a line for every request to `app`, except for successful probes."""

    @app.after_request
    def log_request(response: Response) -> Response:
        level = _level(response.status_code)
        if not (current_request.is_probe() and level == logging.INFO):
            record = current_request.current_record()
            logger.log(
                level,
                "%s %s %d %.0f ms %s",
                current_request.method(),
                current_request.route(),
                response.status_code,
                record.seconds() * 1000,
                record.request_id,
                extra={"entry": _entry(record, response)},
            )
        return response


def _entry(record: Record, response: Response) -> dict[str, Any]:
    http_request = {
        "requestMethod": current_request.method(),
        "requestUrl": current_request.route(),
        "status": response.status_code,
        "requestSize": _text(request.content_length),
        "responseSize": _text(response.calculate_content_length()),
        "userAgent": request.user_agent.string[:_LONGEST_USER_AGENT] or None,
        "remoteIp": request.remote_addr,
        "latency": f"{record.seconds():.3f}s",
        "protocol": request.environ.get("SERVER_PROTOCOL"),
    }
    entry: dict[str, Any] = {"httpRequest": {key: value for key, value in http_request.items() if value}}
    if record.caller:
        entry["caller"] = record.caller
    if record.pictures:
        entry["images"] = [_picture(picture) for picture in record.pictures]
    if record.stopwatch:
        entry["timings_ms"] = _stages(record.stopwatch)
    if record.refusals:
        entry["refused"] = record.refusals
    return entry


def _picture(picture: Picture) -> dict[str, Any]:
    of_model = {"version": picture.version, "chosen_by": picture.chosen_by, "arm": picture.arm}
    known: dict[str, Any] = {
        "model": picture.model,
        **{name: value for name, value in of_model.items() if value},
        "bytes": picture.bytes,
        "timings_ms": _stages(picture.stopwatch),
    }
    if picture.image:
        known["image"] = picture.image
    if picture.size is None:  # it was refused before it was segmented
        return known
    width, height = picture.size
    return {**known, "width": width, "height": height, "segments": len(picture.scores)}


def _stages(stopwatch: Stopwatch) -> dict[str, float]:
    return {stage: round(ms, 1) for stage, ms in stopwatch.milliseconds.items()}


def _text(number: int | None) -> str | None:
    """A size as text, as Cloud Logging requires: JSON numbers cannot hold all 64-bit integers."""
    return None if number is None else str(number)


def _level(status: int) -> int:
    # Someone may be guessing keys, there is too much load, or another server has failed.
    if status in (401, 429, 502, 503, 504):
        return logging.WARNING
    return logging.ERROR if status >= 500 else logging.INFO


def _severity(level: int) -> str:
    for least in (logging.CRITICAL, logging.ERROR, logging.WARNING, logging.INFO):
        if level >= least:
            return logging.getLevelName(least)
    return "DEBUG"


def _cut(text: str) -> str:
    """`text`, without its middle if it is too long: the ends of a stack trace are the most informative."""
    half = _LONGEST_TEXT // 2
    return text if len(text) <= _LONGEST_TEXT else f"{text[:half]}\n…\n{text[-half:]}"


def _log_uncaught(kind: Any, error: Any, trace: Any) -> None:
    logger.critical("uncaught %s: %s", kind.__name__, error, exc_info=(kind, error, trace))
