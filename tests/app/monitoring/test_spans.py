from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from server import UWSGI, running
from trace_collector import Collector, collecting, values

ROOT = Path(__file__).parents[3]
URL = "/api/v1/segment"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"

SERVICE = """
import io, sys
from encoded import encode
from stub_segmenter import StubSegmenter
from app import create_app

segmenter = StubSegmenter(seconds=0.05)
client = create_app({"stub": segmenter}).test_client()
png = encode(64, 48, "PNG")
if "traceparent" in sys.argv[1]:
    headers = {"traceparent": sys.argv[1].partition("=")[2]}
else:
    headers = {}
client.post("/api/v1/segment?classes=cell", data=png, content_type="image/png", headers=headers)
if "more" in sys.argv:
    for probe in ("/livez", "/readyz", "/health", "/metrics"):
        client.get(probe)
    client.open("/nowhere", method="BREW")
    segmenter.failure = RuntimeError("it broke")
    client.post("/", data={"image": (io.BytesIO(png), "private.png")})
if "modules" in sys.argv:
    print([name for name in sys.modules if name.startswith("opentelemetry")])
"""


def run(*arguments: str, **environment: str) -> list[Any]:
    """Have a process of its own answer requests and end; returns its log."""
    ended = subprocess.run(
        [sys.executable, "-c", SERVICE, *arguments],
        env={"PYTHONPATH": f"{ROOT}:{ROOT}/tests/app", **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    return [json.loads(line) for line in ended.stdout.splitlines()]


def served(*arguments: str, **environment: str) -> tuple[Collector, list[Any]]:
    with collecting() as collector:
        log = run(*arguments, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, **environment)
        return collector, log


def test_a_request_is_a_span_below_its_callers_with_its_stages_below_it() -> None:
    collector, (entry,) = served(f"traceparent=00-{TRACE}-{SPAN}-01", OTEL_RESOURCE_ATTRIBUTES="a=b")
    (server,) = collector.servers()
    assert (server.trace_id.hex(), server.parent_span_id.hex()) == (TRACE, SPAN)
    assert server.name == f"POST {URL}"
    attributes = values(server.attributes)
    assert attributes.pop("http.response.body.size") > 100
    assert attributes.pop("http.request.body.size") > 1000
    assert attributes.pop("user_agent.original").startswith("Werkzeug/")
    assert attributes == {
        "http.request.method": "POST",
        "http.route": URL,
        "http.response.status_code": 200,
        "url.scheme": "http",
        "url.path": URL,
        "client.address": "127.0.0.1",
    }
    assert collector.resources[0]["service.name"] == "maskserve"
    assert collector.resources[0]["a"] == "b"
    stages = [span for span in collector.spans if span is not server]
    assert [span.name for span in stages] == ["decode", "queue", "infer", "masks", "encode"]
    moments = [moment for span in stages for moment in (span.start_time_unix_nano, span.end_time_unix_nano)]
    assert moments == sorted(moments)
    assert server.start_time_unix_nano <= moments[0] and moments[-1] <= server.end_time_unix_nano
    for span in stages:
        assert (span.trace_id.hex(), span.parent_span_id) == (TRACE, server.span_id)
        assert values(span.attributes) == {"maskserve.model": "stub"}
    assert stages[2].end_time_unix_nano - stages[2].start_time_unix_nano > 49_000_000
    assert entry["logging.googleapis.com/trace"] == TRACE
    assert entry["logging.googleapis.com/spanId"] == server.span_id.hex()


def test_probes_are_not_traced_and_failures_say_what_failed() -> None:
    collector, _ = served("", "more")
    first, refused, failed = collector.servers()
    assert not first.parent_span_id
    assert refused.name == "other"
    assert values(refused.attributes)["http.request.method"] == "_OTHER"
    assert "http.route" not in values(refused.attributes)
    assert refused.status.code == refused.status.STATUS_CODE_UNSET  # the caller's fault is none of ours
    assert failed.name == "POST /"
    assert values(failed.attributes)["error.type"] == "RuntimeError"
    assert failed.status.code == failed.status.STATUS_CODE_ERROR
    below = [span.name for span in collector.spans if span.parent_span_id == failed.span_id]
    assert below == ["decode", "queue", "infer"]  # as far as it came
    assert b"private" not in b"".join(span.SerializeToString() for span in collector.spans)


@pytest.mark.parametrize(
    ("flags", "environment", "number"),
    [
        ("01", {"OTEL_TRACES_SAMPLER": "parentbased_always_off"}, 1),  # the caller decides
        ("00", {}, 0),
        ("01", {"OTEL_TRACES_SAMPLER": "always_off"}, 0),
        ("00", {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "1"}, 1),
        ("01", {"OTEL_SDK_DISABLED": "true"}, 0),
    ],
)
def test_the_sampler_is_as_opentelemetrys_environment_says(
    flags: str, environment: dict[str, str], number: int
) -> None:
    collector, (entry,) = served(f"traceparent=00-{TRACE}-{SPAN}-{flags}", **environment)
    assert len(collector.servers()) == number
    assert entry["logging.googleapis.com/trace"] == TRACE  # sampled or not


def test_without_a_collector_opentelemetry_is_not_even_imported() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", SERVICE, "", "modules"],
        env={"PYTHONPATH": f"{ROOT}:{ROOT}/tests/app"},
        capture_output=True,
        text=True,
    )
    assert ended.stdout.splitlines()[-1] == "[]"


def test_a_protocol_that_is_not_spoken_is_told_and_nothing_sent() -> None:
    collector, (warning, _) = served("", OTEL_EXPORTER_OTLP_PROTOCOL="grpc")
    assert "set OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/protobuf, not grpc" in warning["message"]
    assert collector.spans == []


def test_a_collector_that_is_away_costs_no_request(tmp_path: Path) -> None:
    with collecting() as gone:
        pass
    entry, *warnings = run("", OTEL_EXPORTER_OTLP_ENDPOINT=gone.url, OTEL_EXPORTER_OTLP_TIMEOUT="2")
    assert entry["httpRequest"]["status"] == 200
    assert warnings


@pytest.fixture
def hanging() -> Iterator[str]:
    """The address of a collector that lets everybody connect and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as collector:
        yield f"http://127.0.0.1:{collector.getsockname()[1]}"


@pytest.mark.alone
def test_a_collector_that_hangs_holds_up_no_end(hanging: str) -> None:
    begun = time.monotonic()
    entry, *_ = run("", OTEL_EXPORTER_OTLP_ENDPOINT=hanging)
    assert entry["httpRequest"]["status"] == 200
    assert time.monotonic() - begun < 10  # it would be half a minute


@pytest.mark.skipif(not UWSGI.exists(), reason="uWSGI is not installed")
@pytest.mark.timeout(120)
def test_a_collector_that_hangs_does_not_hold_up_sigterm(tmp_path: Path, png: bytes, hanging: str) -> None:
    with running(tmp_path / "log", seconds=0, OTEL_EXPORTER_OTLP_ENDPOINT=hanging) as server:
        assert server.segment(png)[0] == 200
        server.process.terminate()
        assert server.process.wait(15) == 0
