"""How the service ends, as a whole and a process at a time."""

from __future__ import annotations

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


def test_who_comes_while_it_ends_is_told(tmp_path: Path, jpeg: bytes) -> None:
    with (
        running(tmp_path / "log", seconds=0, STUB_WIDE_SECONDS="2.5") as server,
        ThreadPoolExecutor(1) as pool,
    ):
        pending = pool.submit(server.segment, jpeg)
        time.sleep(0.3)
        server.process.terminate()
        time.sleep(1)
        assert server.request("GET", "/readyz")[0] == 503
        assert server.request("GET", "/livez")[0] == 200
        status, headers, _ = server.segment(jpeg)
        assert status == 503
        assert "Retry-After" in headers
        assert pending.result()[0] == 200
        assert server.process.wait(20) == 0


@pytest.mark.parametrize("processes", [1, 2])
def test_whoever_comes_until_it_has_ended_is_answered_or_refused(
    tmp_path: Path, png: bytes, processes: int
) -> None:
    with (
        running(tmp_path / "log", seconds=0.02, MASKSERVE_PROCESSES=str(processes)) as server,
        ThreadPoolExecutor(60) as pool,
    ):

        def ask(seconds: float) -> bytes:
            time.sleep(seconds)
            try:
                connection = server.send(png)
            except ConnectionRefusedError:
                return b"refused"
            with connection, connection.makefile("rb") as answer:
                return answer.readline().rstrip()

        asked = [pool.submit(ask, 0.05 * number) for number in range(60)]
        time.sleep(0.2)
        server.process.terminate()
        outcomes = [request.result() for request in asked]
        assert {b"HTTP/1.1 200 OK", b"refused"} <= set(outcomes)
        assert set(outcomes) <= {b"HTTP/1.1 200 OK", b"HTTP/1.1 503 SERVICE UNAVAILABLE", b"refused"}
        assert server.process.wait(10) == 0


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_all_processes_at_once_serves_what_is_here(
    tmp_path: Path, png: bytes, end: signal.Signals
) -> None:
    # As systemd sends the first, and a terminal that closes the second.
    with (
        running(tmp_path / "log", seconds=0.2, MASKSERVE_PROCESSES="2") as server,
        ThreadPoolExecutor(6) as pool,
    ):
        pending = [pool.submit(server.segment, png) for _ in range(6)]
        time.sleep(0.3)
        os.killpg(server.process.pid, end)
        assert [request.result()[0] for request in pending] == [200] * 6
        assert server.process.wait(10) == 0


def test_sigterm_to_all_processes_at_once_ends_them_all(tmp_path: Path) -> None:
    with started(tmp_path / "log", MASKSERVE_PROCESSES="2") as server:
        wait_until(server.answers, 30)
        os.killpg(server.process.pid, signal.SIGTERM)
        assert server.process.wait(10) == 0
        with pytest.raises(ProcessLookupError):
            os.killpg(server.process.pid, 0)


def test_a_killed_process_fails_only_its_own_requests_and_is_replaced(tmp_path: Path, png: bytes) -> None:
    with (
        running(tmp_path / "log", seconds=1, MASKSERVE_PROCESSES="2") as server,
        ThreadPoolExecutor(6) as pool,
    ):
        doomed, other = server.workers()
        pending = []
        for resting in (other, doomed):  # so each takes three
            os.kill(resting, signal.SIGSTOP)
            pending += [pool.submit(status_line, server, png) for _ in range(3)]
            time.sleep(0.3)
            os.kill(resting, signal.SIGCONT)
        os.kill(doomed, signal.SIGKILL)
        start = time.monotonic()
        outcomes = [request.result() for request in pending]
        assert time.monotonic() - start < 10  # nobody is left waiting
        assert outcomes == [b""] * 3 + [b"HTTP/1.1 200 OK"] * 3
        wait_until(lambda: len(server.workers()) == 3, 5)
        assert server.segment(png)[0] == 200


def status_line(server: Server, picture: bytes) -> bytes:
    with server.send(picture) as connection:
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
        assert re.search(r"has \d+ MiB resident, and MASKSERVE_WORKER_MEMORY is 200", server.log)
        assert server.segment(jpeg)[0] == 200
