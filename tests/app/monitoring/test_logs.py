from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from stub_segmenter import StubSegmenter
from werkzeug.datastructures import Headers

from app.monitoring.current_request import Trace, trace_of
from app.monitoring.logs import JsonFormatter

URL = "/api/v1/segment"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"

Entries = list[dict[str, Any]]


class Log(logging.Handler):
    """Keeps what would be written to stdout."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(JsonFormatter("my-project"))
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.text += self.format(record) + "\n"

    def entries(self) -> Entries:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture
def log() -> Iterator[Log]:
    handler, root = Log(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield handler
    root.removeHandler(handler)
    root.setLevel(level)


def test_a_request_is_one_entry_in_cloud_loggings_form(client: FlaskClient, log: Log, png: bytes) -> None:
    response = client.post(
        URL + "?threshold=0.5",
        data=png,
        content_type="image/png",
        headers={"User-Agent": "curl/8", "X-Request-Id": "mine", "traceparent": f"00-{TRACE}-{SPAN}-01"},
    )
    (entry,) = log.entries()
    (image,) = entry.pop("images")
    timings = image.pop("timings_ms")
    latency = entry["httpRequest"].pop("latency")
    assert datetime.fromisoformat(entry.pop("timestamp")).tzinfo is not None
    assert entry.pop("message").startswith(f"POST {URL} 200 ")
    assert entry == {
        "severity": "INFO",
        "logger": "app.monitoring.logs",
        "request_id": "mine",
        "caller": "e02bd0b3b228025d",  # of 127.0.0.1, on any machine
        "logging.googleapis.com/trace": f"projects/my-project/traces/{TRACE}",
        "logging.googleapis.com/spanId": SPAN,
        "logging.googleapis.com/trace_sampled": True,
        "httpRequest": {
            "requestMethod": "POST",
            "requestUrl": URL,
            "status": 200,
            "requestSize": str(len(png)),
            "responseSize": str(len(response.data)),
            "userAgent": "curl/8",
            "remoteIp": "127.0.0.1",
            "protocol": "HTTP/1.1",
        },
    }
    assert image == {
        "model": "stub",
        "version": "1",
        "chosen_by": "default",
        "bytes": len(png),
        "width": 64,
        "height": 48,
        "segments": 2,
    }
    assert set(timings) == {"decode", "queue", "infer", "masks", "encode"}
    assert 0 <= float(latency.removesuffix("s")) < 60


def test_nothing_private_is_logged(client: FlaskClient, log: Log, png: bytes) -> None:
    client.post(
        URL + "?threshold=0.5&classes=private-query",
        data={"image": (io.BytesIO(png + b"private-content"), "private-name.png")},
        headers={"X-API-Key": "private-key", "Authorization": "private-token", "Cookie": "a=private-cookie"},
    )
    client.get("/private-path?private-query")
    assert len(log.entries()) == 2
    assert "private" not in log.text


@pytest.mark.parametrize("nasty", ['x\n{"severity": "ALERT"}', "x\r\ny", "\u2028\x85\x1b[31m", "a" * 10_000])
def test_no_text_of_a_caller_makes_a_second_entry(client: FlaskClient, log: Log, nasty: str) -> None:
    client.get("/", environ_overrides={"HTTP_USER_AGENT": nasty, "REMOTE_ADDR": nasty[:50]})
    logging.getLogger("library").warning("about %s", nasty)
    first, second = log.entries()
    assert log.text.isascii() and "\x1b" not in log.text
    assert first["httpRequest"]["userAgent"] == nasty[:200]
    assert second["message"] == f"about {nasty}"


def test_a_failure_is_an_error_with_the_stack_trace_that_error_reporting_looks_for(
    client: FlaskClient, segmenter: StubSegmenter, log: Log, png: bytes
) -> None:
    segmenter.failure = RuntimeError("it broke")
    assert client.post(URL, data=png, content_type="image/png").status_code == 500
    failure, request = log.entries()
    assert failure["severity"] == request["severity"] == "ERROR"
    assert failure["stack_trace"].startswith("Traceback (most recent call last):\n")
    assert failure["stack_trace"].endswith("RuntimeError: it broke\n")
    assert failure["request_id"] == request["request_id"]
    assert request["images"][0]["timings_ms"].keys() == {"decode", "queue", "infer"}  # as far as it came


def test_a_stack_trace_of_any_length_is_cut_in_its_middle(log: Log) -> None:
    try:
        raise ValueError("x" * 1_000_000)
    except ValueError:
        logging.getLogger("library").exception("failed")
    (entry,) = log.entries()
    assert len(entry["stack_trace"]) < 25_000
    assert entry["stack_trace"].startswith("Traceback") and entry["stack_trace"].endswith("xx\n")


@pytest.mark.parametrize(
    ("method", "path", "severity", "refused"),
    [
        ("GET", "/nowhere", "INFO", ["not-found"]),
        ("PUT", URL, "INFO", ["method-not-allowed"]),
        ("POST", URL, "INFO", ["no-image"]),
    ],
)
def test_a_refused_request_says_why(
    client: FlaskClient, log: Log, method: str, path: str, severity: str, refused: list[str]
) -> None:
    client.open(path, method=method)
    (entry,) = log.entries()
    assert (entry["severity"], entry["refused"]) == (severity, refused)


def test_a_full_queue_is_a_warning(app: Flask, log: Log, png: bytes) -> None:
    admission = app.extensions["maskserve"].admission
    with admission.admit("127.0.0.1"), admission.admit("127.0.0.1"):
        assert app.test_client().post(URL, data=png, content_type="image/png").status_code == 503
    (entry,) = log.entries()
    assert (entry["severity"], entry["refused"]) == ("WARNING", ["busy"])


def test_probes_are_logged_only_when_something_is_wrong(client: FlaskClient, log: Log) -> None:
    for path in ("/livez", "/readyz", "/health", "/metrics"):
        assert client.get(path).status_code == 200
    assert log.entries() == []


@pytest.mark.parametrize(
    ("headers", "trace"),
    [
        ({}, None),
        ({"traceparent": f"00-{TRACE}-{SPAN}-01"}, Trace(TRACE, SPAN, True)),
        ({"traceparent": f"00-{TRACE}-{SPAN}-00"}, Trace(TRACE, SPAN, False)),
        ({"traceparent": f"01-{TRACE}-{SPAN}-03-more"}, Trace(TRACE, SPAN, True)),  # a later version
        ({"traceparent": f"ff-{TRACE}-{SPAN}-01"}, None),  # forbidden
        ({"traceparent": f"00-{'0' * 32}-{SPAN}-01"}, None),
        ({"traceparent": f"00-{TRACE}-{'0' * 16}-01"}, None),
        ({"traceparent": f"00-{TRACE.upper()}-{SPAN}-01"}, None),
        ({"traceparent": "junk"}, None),
        ({"X-Cloud-Trace-Context": f"{TRACE}/1;o=1"}, Trace(TRACE, "0000000000000001", True)),
        ({"X-Cloud-Trace-Context": f"{TRACE}/255"}, Trace(TRACE, "00000000000000ff", False)),
        ({"X-Cloud-Trace-Context": TRACE.upper()}, Trace(TRACE, "", False)),
        ({"X-Cloud-Trace-Context": f"{TRACE}/{2**64}"}, None),
        ({"X-Cloud-Trace-Context": f"{'0' * 32}/1"}, None),
        ({"X-Cloud-Trace-Context": f"{TRACE}/x"}, None),
        (
            {"traceparent": f"00-{TRACE}-{SPAN}-01", "X-Cloud-Trace-Context": f"{'1' * 32}/1"},
            Trace(TRACE, SPAN, True),
        ),
    ],
)
def test_the_trace_is_the_callers_where_it_is_well_formed(
    headers: dict[str, str], trace: Trace | None
) -> None:
    assert trace_of(Headers(headers)) == trace


SERVICE = """
import logging, threading, warnings
from stub_segmenter import StubSegmenter
from app import create_app

client = create_app({"stub": StubSegmenter()}).test_client()
client.get("/nowhere")
warnings.warn("a warning")
logging.getLogger("urllib3").warning("a library's\\nline")
logging.getLogger("urllib3").debug("too much")
thread = threading.Thread(target=lambda: 1 / 0)
thread.start()
thread.join()
raise RuntimeError("the end")
"""


def test_all_that_the_service_says_is_json_on_stdout_where_that_is_no_terminal() -> None:
    root = Path(__file__).parents[3]
    ended = subprocess.run(
        [sys.executable, "-c", SERVICE],
        env={"PYTHONPATH": f"{root}:{root}/tests/app", "GOOGLE_CLOUD_PROJECT": "p"},
        capture_output=True,
        text=True,
    )
    entries = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [entry["severity"] for entry in entries] == ["INFO", "WARNING", "WARNING", "CRITICAL", "CRITICAL"]
    assert "a warning" in entries[1]["message"]
    assert entries[2]["message"] == "a library's\nline"
    assert "ZeroDivisionError" in entries[3]["stack_trace"]
    assert entries[4]["message"] == "uncaught RuntimeError: the end"
    assert ended.stderr == ""
