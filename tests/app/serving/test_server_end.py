"""How the service ends, as a whole and a process at a time."""

from __future__ import annotations

import http.client
import os
import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from server import Server, needs_uwsgi, running, started, wait_until

pytestmark = needs_uwsgi


@pytest.mark.parametrize("processes", [1, 2])
def test_sigterm_serves_what_is_here_and_exits_0(tmp_path: Path, jpeg: bytes, processes: int) -> None:
    with (
        running(tmp_path / "log", seconds=0.5, MASKSERVE_PROCESSES=str(processes)) as server,
        ThreadPoolExecutor(8) as pool,
    ):
        workers = server.workers()
        assert len(workers) == processes
        pending = [pool.submit(server.segment, jpeg, "?output=overlay") for _ in range(8)]
        time.sleep(0.3)
        server.process.terminate()
        for request in pending:
            status, headers, body = request.result()
            assert status == 200
            assert len(body) == int(headers["Content-Length"])
        assert server.process.wait(20) == 0
        for worker in workers:
            with pytest.raises(ProcessLookupError):
                os.kill(worker, 0)


def test_requests_that_come_with_sigterm_are_all_answered(tmp_path: Path, png: bytes) -> None:
    with (
        running(tmp_path / "log", seconds=0.02, MASKSERVE_PROCESSES="2") as server,
        ThreadPoolExecutor(8) as pool,
    ):
        before = [pool.submit(server.segment, png) for _ in range(8)]
        server.process.terminate()
        after = [pool.submit(server.segment, png) for _ in range(8)]
        assert {request.result()[0] for request in before + after} == {200}
        assert server.process.wait(20) == 0


def test_sigterm_while_models_load_serves_who_waits_for_them(tmp_path: Path, png: bytes) -> None:
    with (
        started(tmp_path / "log", module="stub_server:create_loading_app()", STUB_LOADING="2") as server,
        ThreadPoolExecutor(1) as pool,
    ):
        wait_until(server.answers, 30)
        pending = pool.submit(server.segment, png)
        time.sleep(0.3)
        server.process.terminate()
        assert pending.result()[0] == 200
        assert server.process.wait(10) == 0


def test_who_comes_while_it_ends_is_told_and_kept_connections_are_closed(tmp_path: Path, jpeg: bytes) -> None:
    with (
        running(tmp_path / "log", seconds=0, STUB_WIDE_SECONDS="2.5") as server,
        ThreadPoolExecutor(1) as pool,
    ):
        kept = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        kept.request("GET", "/readyz")
        assert kept.getresponse().read()
        pending = pool.submit(server.segment, jpeg)
        time.sleep(0.3)
        server.process.terminate()
        time.sleep(1)
        kept.request("GET", "/readyz")
        answer = kept.getresponse()
        assert (answer.status, answer.headers["Connection"]) == (503, "close")
        assert server.request("GET", "/livez")[0] == 200
        status, headers, _ = server.segment(jpeg)
        assert status == 503
        assert "Retry-After" in headers
        assert pending.result()[0] == 200
        assert server.process.wait(20) == 0


def test_sigterm_to_all_processes_at_once_ends_them_all(tmp_path: Path) -> None:
    with started(tmp_path / "log", MASKSERVE_PROCESSES="2") as server:
        wait_until(server.answers, 30)
        os.killpg(server.process.pid, signal.SIGTERM)
        assert server.process.wait(10) == 0
        with pytest.raises(ProcessLookupError):
            os.killpg(server.process.pid, 0)


def test_a_killed_process_fails_only_its_own_requests_and_is_replaced(tmp_path: Path, png: bytes) -> None:
    with (
        running(tmp_path / "log", seconds=0.5, MASKSERVE_PROCESSES="2") as server,
        ThreadPoolExecutor(6) as pool,
    ):
        # "Connection: close", without which uWSGI's router leaves the clients of a dead process waiting.
        pending = [pool.submit(closing_request, server, png) for _ in range(6)]
        time.sleep(0.2)
        os.kill(server.workers()[0], signal.SIGKILL)
        outcomes = [request.result() for request in pending]
        assert set(outcomes) <= {b"HTTP/1.1 200 OK", b""}
        assert b"HTTP/1.1 200 OK" in outcomes
        wait_until(lambda: len(server.workers()) == 3, 5)
        assert server.segment(png)[0] == 200


def closing_request(server: Server, picture: bytes) -> bytes:
    with server.send(picture, headers="Connection: close\r\n") as connection:
        return connection.makefile("rb").readline().rstrip()


def test_a_process_that_hangs_is_replaced_and_the_log_has_where(
    tmp_path: Path, jpeg: bytes, png: bytes
) -> None:
    with (
        running(tmp_path / "log", 0, STUB_WIDE_SECONDS="60", MASKSERVE_WORKER_TIMEOUT="2") as server,
        server.send(jpeg),
    ):
        # Probes go on meanwhile: to uWSGI's harakiri each would be a sign of life.
        wait_until(lambda: server.answers() and len(server.workers()) == 2, 10)
        assert re.search(r"stub_server.py\", line \d+ in segment", server.log)
        assert server.segment(png)[0] == 200


def test_a_process_that_grows_finishes_what_it_has_and_is_replaced(tmp_path: Path, jpeg: bytes) -> None:
    with (
        running(
            tmp_path / "log",
            seconds=0.3,
            options=("--min-worker-lifetime", "0"),
            MASKSERVE_WORKER_MEMORY="200",
            STUB_BALLAST="200",
        ) as server,
        ThreadPoolExecutor(4) as pool,
    ):
        pending = [pool.submit(server.segment, jpeg) for _ in range(4)]
        assert [request.result()[0] for request in pending] == [200] * 4
        wait_until(lambda: len(server.workers()) > 1, 5)
        assert server.segment(jpeg)[0] == 200
