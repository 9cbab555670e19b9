"""Logs: one JSON object per line on stdout, as Cloud Logging and Error Reporting expect."""

from __future__ import annotations

import json
import logging
import sys
import traceback

_LONGEST_TRACE = 20_000  # characters; an entry of Cloud Logging holds 256 kB


class JsonFormatter(logging.Formatter):
    """A log record as a structured entry (cloud.google.com/logging/docs/structured-logging)."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {"severity": record.levelname, "message": record.getMessage(), **getattr(record, "entry", {})}
        if record.exc_info:  # the field in which Error Reporting looks for it
            entry["stack_trace"] = "".join(traceback.format_exception(*record.exc_info))[-_LONGEST_TRACE:]
        return json.dumps(entry, default=str)


def configure() -> None:
    """Log to stdout, at level INFO."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
