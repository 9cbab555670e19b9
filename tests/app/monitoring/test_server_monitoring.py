"""Metrics, log and traces of the service as it is deployed: a real uWSGI with several processes."""

from __future__ import annotations

import json
import os
import re
import signal
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from server import needs_uwsgi, running, wait_until
from trace_collector import collecting

pytestmark = needs_uwsgi


def test_two_processes_count_together_and_a_killed_one_takes_nothing_back(tmp_path: Path, png: bytes) -> None:
    def scrape() -> dict[str, float]:
        status, _, body = server.request("GET", "/metrics")
        assert status == 200
        samples = (line.rsplit(" ", 1) for line in body.decode().splitlines() if not line.startswith("#"))
        return {name: float(value) for name, value in samples}

    def workers(samples: dict[str, float]) -> set[int]:
        return {int(name) for name in re.findall(r'resident_memory_bytes{pid="(\d+)"}', " ".join(samples))}

    def has_started(processes: int) -> bool:
        return server.answers() and scrape()["maskserve_processes_started_total"] == processes

    with running(tmp_path / "log", seconds=0.1, MASKSERVE_PROCESSES="2") as server:
        folder = Path(f"/tmp/maskserve-{os.getuid()}-{server.port}")
        with ThreadPoolExecutor(8) as pool:
            assert {status for status, _, _ in pool.map(server.segment, [png] * 16)} == {200}
        before = scrape()
        segmented = 'maskserve_requests_total{method="POST",route="/api/v1/segment",status="200"}'
        assert before[segmented] == 16
        assert before["maskserve_image_bytes_count"] == 16
        assert len(workers(before)) == 2
        in_window = 'maskserve_drift_pictures{feature="brightness",model="stub",version="1"}'
        assert before[in_window] == 16

        for started, killed in enumerate(sorted(workers(before)), start=3):
            os.kill(killed, signal.SIGKILL)
            wait_until(partial(has_started, started), 60)
            for _ in range(4):  # whichever answers
                after = scrape()
                counters = [
                    name for name in before if re.match(r"maskserve_\w+_(total|count|sum|bucket)\b", name)
                ]
                for name in counters:
                    if "pid=" not in name:
                        assert after[name] >= before[name], name
                assert len(workers(after)) == 2 and killed not in workers(after)
        assert server.segment(png)[0] == 200
        assert scrape()[segmented] == 17
        assert scrape()[in_window] == 1  # those of the killed processes have left it

        with (
            pytest.raises(AssertionError, match="uWSGI ended"),
            running(  # by mistake: the port is taken
                tmp_path / "second", seconds=0, PORT=str(server.port), MASKSERVE_PROCESSES="2"
            ) as _,
        ):
            pass
        assert scrape()[segmented] == 17
        server.process.terminate()
        assert server.process.wait(20) == 0
        assert not folder.exists()


def test_the_log_is_json_and_the_last_spans_leave_before_sigterm_ends_it(tmp_path: Path, png: bytes) -> None:
    log = tmp_path / "log"
    with (
        collecting() as collector,
        running(log, seconds=0, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url) as server,
    ):
        assert server.segment(png)[0] == 200
        server.process.terminate()
        assert server.process.wait(20) == 0
        assert [span.name for span in collector.servers()] == ["POST /api/v1/segment"]
    entries = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    (entry,) = [entry for entry in entries if "httpRequest" in entry]
    assert entry["httpRequest"]["status"] == 200
    assert entry["logging.googleapis.com/spanId"] == collector.servers()[0].span_id.hex()
