"""How the service ends, as a whole and a process at a time."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from encoded import encode
from server import Server, needs_uwsgi, running, started, wait_until

pytestmark = needs_uwsgi


@pytest.mark.parametrize("processes", [1, 2])
def test_sigterm_serves_what_is_here_and_exits_0(tmp_path: Path, jpeg: bytes, processes: int) -> None:
    gate = tmp_path / "gate"
    with (
        running(
            tmp_path / "log", seconds=0.1, STUB_GATE=str(gate), MASKSERVE_PROCESSES=str(processes)
        ) as server,
        ThreadPoolExecutor(8) as pool,
    ):
        workers = server.workers()
        assert len(workers) == processes
        pending = [pool.submit(server.segment, jpeg, "?output=overlay") for _ in range(8)]
        server.wait_for("requests_in_flight", 8)
        server.process.terminate()
        gate.touch()
        for request in pending:
            status, headers, body = request.result()
            assert status == 200
            assert len(body) == int(headers["Content-Length"])
        assert server.process.wait(20) == 0
        for worker in workers:
            with pytest.raises(ProcessLookupError):
                os.kill(worker, 0)


def test_sigterm_waits_for_clients_that_read_slowly(tmp_path: Path) -> None:
    large = encode(2000, 2000, "PNG")
    with running(tmp_path / "log", seconds=0) as server:
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**16)  # most of the answer has to wait
        connection.connect(("127.0.0.1", server.port))
        connection.sendall(server.head(large, "?output=overlay&image_format=png") + large)
        connection.settimeout(30)
        answer = connection.recv(1000)
        server.process.terminate()
        for _ in range(6):  # three seconds in all: the service gives its clients twenty
            time.sleep(0.5)
            answer += connection.recv(1000)
        assert server.process.poll() is None
        while piece := connection.recv(2**20):
            answer += piece
        head, _, body = answer.partition(b"\r\n\r\n")
        assert f"Content-Length: {len(body)}\r\n".encode() in head
        assert server.process.wait(20) == 0


@pytest.mark.alone
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
    gate = tmp_path / "gate"
    module = "stub_server:create_loading_app()"
    with (
        started(tmp_path / "log", module=module, STUB_LOADED=str(gate)) as server,
        ThreadPoolExecutor(1) as pool,
    ):
        wait_until(server.answers, 30)
        pending = pool.submit(server.segment, png)
        server.wait_for("requests_in_flight", 1)
        server.process.terminate()
        wait_until(lambda: "asked to stop" in server.log, 30)
        gate.touch()
        assert pending.result()[0] == 200
        assert server.process.wait(20) == 0


def test_who_comes_while_it_ends_is_told(tmp_path: Path, png: bytes) -> None:
    gate = tmp_path / "gate"
    with (
        running(tmp_path / "log", seconds=0, STUB_GATE=str(gate)) as server,
        ThreadPoolExecutor(1) as pool,
    ):
        pending = pool.submit(server.segment, png)
        server.wait_for("inferences_running", 1)
        server.process.terminate()
        wait_until(lambda: server.request("GET", "/readyz")[0] == 503, 30)
        wait_until(lambda: server.segment(b"no picture")[0] == 503, 30)  # a while later
        assert server.request("GET", "/livez")[0] == 200
        status, headers, _ = server.segment(png)
        assert status == 503
        assert "Retry-After" in headers
        gate.touch()
        assert pending.result()[0] == 200
        assert server.process.wait(20) == 0


@pytest.mark.parametrize("processes", [1, 2])
def test_whoever_comes_until_it_has_ended_is_answered_or_refused(
    tmp_path: Path, png: bytes, processes: int
) -> None:
    with (
        running(tmp_path / "log", seconds=0.02, MASKSERVE_PROCESSES=str(processes)) as server,
        ThreadPoolExecutor(8) as pool,
    ):
        outcomes: list[bytes] = []

        def ask_until_refused() -> None:
            while outcome := status_line_unless_refused(server, png):
                outcomes.append(outcome)

        asking = [pool.submit(ask_until_refused) for _ in range(8)]
        wait_until(lambda: bool(outcomes), 30)
        server.process.terminate()
        for client in asking:
            client.result(30)
        assert b"HTTP/1.1 200 OK" in outcomes
        assert {outcome.upper() for outcome in outcomes} <= {
            b"HTTP/1.1 200 OK",
            b"HTTP/1.1 503 SERVICE UNAVAILABLE",
        }
        assert server.process.wait(20) == 0


def status_line_unless_refused(server: Server, picture: bytes) -> bytes | None:
    """That of the answer; None where the system refused the connection, or dropped it as the port closed.

    Whoever has read a line was let in, and must be answered.
    """
    try:
        connection = server.send(picture, headers="Expect: 100-continue\r\n")
        answer = connection.makefile("rb")
        first = answer.readline().rstrip()
    except ConnectionError:
        return None
    with connection, answer:
        if first == b"HTTP/1.1 100 Continue":
            assert answer.readline() == b"\r\n"
            first = answer.readline().rstrip()
        return first or b"no answer"


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_all_processes_at_once_serves_what_is_here(
    tmp_path: Path, png: bytes, end: signal.Signals
) -> None:
    # As systemd sends the first, and a terminal that closes the second.
    gate = tmp_path / "gate"
    with (
        running(tmp_path / "log", seconds=0.1, STUB_GATE=str(gate), MASKSERVE_PROCESSES="2") as server,
        ThreadPoolExecutor(6) as pool,
    ):
        pending = [pool.submit(server.segment, png) for _ in range(6)]
        server.wait_for("requests_in_flight", 6)
        os.killpg(server.process.pid, end)
        gate.touch()
        assert [request.result()[0] for request in pending] == [200] * 6
        assert server.process.wait(20) == 0


def test_sigterm_to_all_processes_at_once_ends_them_all(tmp_path: Path) -> None:
    with started(tmp_path / "log", MASKSERVE_PROCESSES="2") as server:
        wait_until(server.answers, 30)
        os.killpg(server.process.pid, signal.SIGTERM)
        assert server.process.wait(10) == 0
        with pytest.raises(ProcessLookupError):
            os.killpg(server.process.pid, 0)


def test_a_killed_process_fails_only_its_own_requests_and_is_replaced(tmp_path: Path, png: bytes) -> None:
    gate = tmp_path / "gate"
    with (
        running(tmp_path / "log", seconds=0, STUB_GATE=str(gate), MASKSERVE_PROCESSES="2") as server,
        ThreadPoolExecutor(6) as pool,
    ):
        doomed, other = server.workers()
        stop(other)
        pending = [pool.submit(status_line, server, png) for _ in range(3)]
        server.wait_for("requests_in_flight", 3)  # all with the only one that can take them
        stop(doomed)
        os.kill(other, signal.SIGCONT)
        pending += [pool.submit(status_line, server, png) for _ in range(3)]
        server.wait_for("requests_in_flight", 6)
        os.kill(doomed, signal.SIGKILL)
        assert [request.result(30) for request in pending[:3]] == [b"HTTP/1.1 502 Bad Gateway"] * 3
        gate.touch()
        assert [request.result(30) for request in pending[3:]] == [b"HTTP/1.1 200 OK"] * 3
        wait_until(lambda: len(server.ready_workers()) == 3, 30)
        assert server.segment(png)[0] == 200


def stop(process: int) -> None:
    """Stop a process; on return none of its threads runs any more."""
    os.kill(process, signal.SIGSTOP)
    states = [path / "stat" for path in Path(f"/proc/{process}/task").iterdir()]
    wait_until(lambda: all(path.read_text().rpartition(") ")[2][0] == "T" for path in states), 30)


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
        wait_until(lambda: server.answers() and len(server.workers()) == 2, 30)
        assert re.search(r"stub_server.py\", line \d+ in predict", server.log)
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
        wait_until(lambda: len(server.workers()) > 1, 30)
        assert re.search(r"has \d+ MiB resident, and MASKSERVE_WORKER_MEMORY is 200", server.log)
        assert server.segment(jpeg)[0] == 200
