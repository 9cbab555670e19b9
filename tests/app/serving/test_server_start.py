"""How the service starts: models come up beside serving, and what cannot be served ends the server."""

from __future__ import annotations

import json
import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from free_ports import free_port
from server import Server, needs_uwsgi, started, wait_until

pytestmark = needs_uwsgi

LOADING: dict[str, Any] = {"module": "stub_server:create_loading_app()"}


def test_while_models_load_the_service_lives_is_not_ready_and_says_so(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with started(tmp_path / "log", **LOADING, STUB_LOADED=str(gate)) as server:
        wait_until(server.answers, 30)
        for path in ("/readyz", "/health", "/api/v1/models", "/api/v1/models/stub"):
            status, headers, body = server.request("GET", path)
            assert status == 503
            assert headers["Content-Type"] == "application/problem+json"
            assert "Retry-After" in headers
            assert json.loads(body)["type"] == "urn:maskserve:not-ready"
        status, headers, page = server.request("GET", "/")
        assert status == 503
        assert "Retry-After" in headers
        assert b"<html" in page
        assert b"still being loaded" in page
        gate.touch()
        wait_until(lambda: server.answers("/readyz"), 30)
        assert server.request("GET", "/")[0] == 200


def test_a_request_waits_for_the_models_and_is_answered(tmp_path: Path, png: bytes) -> None:
    gate = tmp_path / "gate"
    with (
        started(tmp_path / "log", **LOADING, STUB_LOADED=str(gate), MASKSERVE_QUEUE="1") as server,
        ThreadPoolExecutor(4) as pool,
    ):
        wait_until(server.answers, 30)
        pending = [pool.submit(server.segment, png) for _ in range(4)]
        wait_until(lambda: sum(request.done() for request in pending) == 2, 30)
        gate.touch()
        statuses = [request.result()[0] for request in pending]
        assert sorted(statuses) == [200, 200, 503, 503]  # as many as may run and wait


def test_who_waits_for_the_models_too_long_is_told_503(tmp_path: Path, png: bytes) -> None:
    with started(tmp_path / "log", **LOADING, STUB_LOADING="20", MASKSERVE_QUEUE_TIMEOUT="0.5") as server:
        wait_until(server.answers, 30)
        status, headers, _ = server.segment(png)
        assert status == 503
        assert "Retry-After" in headers


@pytest.mark.parametrize("moment", [0.05, 0.3, 0.7, 1.5])
def test_sigterm_is_obeyed_at_any_moment_of_the_start(tmp_path: Path, moment: float) -> None:
    with started(tmp_path / "log", **LOADING, STUB_LOADING="60", MASKSERVE_PROCESSES="2") as server:
        time.sleep(moment)
        server.process.terminate()
        assert server.process.wait(30) == 0


def test_a_model_that_fails_ends_the_server_and_the_log_says_which_and_why(tmp_path: Path) -> None:
    with started(
        tmp_path / "log",
        **LOADING,
        STUB_LOADING="0.2",
        STUB_FAILURE="it predicts nonsense",
        MASKSERVE_PROCESSES="2",
    ) as server:
        assert server.process.wait(20) == 22
        assert "the model nuclei cannot be served: it predicts nonsense" in server.log


def test_a_memory_limit_below_what_the_models_need_ends_the_server_and_the_log_names_it(
    tmp_path: Path,
) -> None:
    with started(tmp_path / "log", **LOADING, STUB_LOADING="0.2", MASKSERVE_WORKER_MEMORY="20") as server:
        assert server.process.wait(20) == 22
        assert re.search(r"MASKSERVE_WORKER_MEMORY is 20, but .* has \d+ MiB resident", server.log)


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("MASKSERVE_MAX_BYTES", "lots", "MASKSERVE_MAX_BYTES must be a whole number, 1 or more, not 'lots'"),
        ("MASKSERVE_PROCESSES", "", "MASKSERVE_PROCESSES must be a whole number from 1 to 128, not ''"),
        ("MASKSERVE_QUEUE", "two", "MASKSERVE_QUEUE must be a whole number from 0 to 1000, not 'two'"),
        (
            "MASKSERVE_WORKER_TIMEOUT",
            "soon",
            "MASKSERVE_WORKER_TIMEOUT must be a whole number from 1 to 86400",
        ),
        ("MASKSERVE_WORKER_MEMORY", "1 GB", "MASKSERVE_WORKER_MEMORY must be a whole number, 1 or more"),
        ("PORT", "", "PORT must be a whole number from 1 to 65535, not ''"),
        ("AIP_HTTP_PORT", "-1", "AIP_HTTP_PORT must be a whole number from 1 to 65535, not '-1'"),
        (
            "MASKSERVE_MODELS",
            "nuclie",
            "MASKSERVE_MODELS: there is no model 'nuclie'; there are: gate, nuclei, people",
        ),
    ],
)
def test_a_bad_setting_ends_the_server_and_the_log_names_it(
    tmp_path: Path, name: str, text: str, complaint: str
) -> None:
    with started(tmp_path / "log", module="app:create_app()", **{name: text}) as server:
        assert server.process.wait(20) == 22
        assert complaint in server.log
        assert "Segmentation" not in server.log


def test_vertex_ais_port_goes_before_the_usual_one(tmp_path: Path) -> None:
    port = free_port()
    with started(tmp_path / "log", AIP_HTTP_PORT=str(port)) as server:
        wait_until(Server(server.process, port, tmp_path / "log").answers, 30)


def test_all_threads_share_one_heap(tmp_path: Path, png: bytes) -> None:
    # glibc would give each a heap of its own, unless it is told before: 100 MB more, and growing.
    with started(tmp_path / "log", module="app:create_app()") as server:
        wait_until(lambda: server.answers("/readyz"), 60)
        with ThreadPoolExecutor(4) as pool:
            statuses = [answer[0] for answer in pool.map(server.segment, [png] * 8)]
        assert 200 in statuses
        assert heaps_beside_the_first(server.workers()[0]) <= 1


def heaps_beside_the_first(pid: int) -> int:
    """How many heaps a process has for its threads: 64 MB each, of which the end is not in use."""
    size = 64 << 20
    heaps = 0
    begin = end = 0
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        addresses, access, *_ = line.split()
        low, high = (int(address, 16) for address in addresses.split("-"))
        heaps += low == end and high - begin == size and begin % size == 0 and access == "---p"
        begin, end = low, high
    return heaps


def test_a_port_that_is_taken_ends_the_start_and_says_so(tmp_path: Path) -> None:
    with (
        socket.create_server(("0.0.0.0", 0)) as other,
        started(tmp_path / "log", port=other.getsockname()[1]) as server,
    ):
        assert server.process.wait(20) != 0
        assert f"cannot listen on port {server.port}" in server.log


def test_a_second_start_at_a_port_leaves_the_first_as_it_is(
    tmp_path: Path, plain_server: Server, png: bytes
) -> None:
    with started(tmp_path / "second", port=plain_server.port) as second:
        assert second.process.wait(20) != 0
    assert plain_server.segment(png)[0] == 200
