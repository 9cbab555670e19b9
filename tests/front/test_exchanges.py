"""The front between real sockets: clients on one side, a worker that does as the test says on the other."""

from __future__ import annotations

import asyncio
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest
from free_ports import free_port

ROOT = Path(__file__).parents[2]
HANG = 60  # seconds that nothing takes but a hang, however slow the machine
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Front:
    """A front that runs, and the workers' socket."""

    def __init__(
        self,
        folder: Path,
        patience: float = 300,
        finds: bool = False,
        files: int | None = None,
        log: IO[str] | None = None,
    ) -> None:
        self.port = free_port()
        self.workers = socket.create_server(("127.0.0.1", 0))
        self.workers.settimeout(HANG)
        self.log = log or (folder / "log").open("w+")
        door = self.workers.getsockname()[1]
        limit = ["prlimit", f"--nofile={files}"] if files else []
        command = [
            *limit,
            sys.executable,
            "-m",
            "front",
            str(self.port),
            str(patience),
            *(() if finds else (str(door),)),
        ]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=self.log)
        while True:
            try:
                self.connect().close()
                return
            except ConnectionRefusedError:
                assert self.process.poll() is None
                time.sleep(0.02)

    def connect(self, *sent: bytes, address: str = "127.0.0.1") -> socket.socket:
        connection = socket.create_connection(
            ("127.0.0.1", self.port), timeout=HANG, source_address=(address, 0)
        )
        connection.sendall(b"".join(sent))
        return connection

    def worker(self) -> socket.socket:
        """The worker's side of the next request, which it has read the head of."""
        connection, _ = self.workers.accept()
        connection.settimeout(HANG)
        _, *length, _ = read(connection, 4)
        read(connection, int.from_bytes(bytes(length), "little"))
        return connection


def read(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size and (piece := connection.recv(size - len(data))):
        data += piece
    return data


def read_all(connection: socket.socket) -> bytes:
    with connection.makefile("rb") as stream:
        return stream.read()


def reset(connection: socket.socket) -> None:
    """Close it at once, so that its port is free for the next front."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()


def is_answered(connection: socket.socket) -> bool:
    poll = select.poll()  # unlike select.select, of any number of files
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))


def problem(answer: bytes) -> tuple[int, dict[str, object]]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"Content-Type: application/problem+json\r\n" in head
    assert f"Content-Length: {len(body)}".encode() in head
    return int(head.split()[1]), json.loads(body)


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    yield from run(tmp_path)


@pytest.fixture
def hasty(tmp_path: Path) -> Iterator[Front]:
    yield from run(tmp_path, patience=0.5)


def run(folder: Path, **how: Any) -> Iterator[Front]:
    front = Front(folder, **how)
    yield front
    front.process.kill()
    front.process.wait()
    front.workers.close()
    front.log.close()


def test_a_request_goes_to_a_worker_and_its_answer_back(front: Front) -> None:
    client = front.connect(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", b"and more")
    worker = front.worker()
    assert read(worker, 5) == b"hello"
    worker.sendall(b"HTTP/1.1 200 OK\r\n\r\nfine")
    worker.close()
    assert read_all(client) == b"HTTP/1.1 200 OK\r\n\r\nfine"


def test_the_workers_are_found_where_the_parent_listens(tmp_path: Path) -> None:
    for front in run(tmp_path, finds=True):
        client = front.connect(GET)
        front.worker().close()
        assert problem(read_all(client))[0] == 502


def test_a_body_of_any_size_arrives_whole_and_so_does_an_answer(front: Front) -> None:
    large = os.urandom(5_000_000)
    client = front.connect(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(large))
    worker = front.worker()

    async def at_once() -> tuple[bytes, bytes]:
        send = asyncio.to_thread(client.sendall, large)
        _, received = await asyncio.gather(send, asyncio.to_thread(read, worker, len(large)))
        answer = asyncio.to_thread(worker.sendall, large)
        _, answered = await asyncio.gather(answer, asyncio.to_thread(read, client, len(large)))
        return received, answered

    assert asyncio.run(at_once()) == (large, large)


def test_a_client_that_speaks_tls_is_told_so_at_once(front: Front) -> None:
    hello = b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"
    status, said = problem(read_all(front.connect(hello)))  # which has no end of a line
    assert (status, "without TLS" in str(said["detail"])) == (400, True)


WAITS = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"


def test_a_client_that_waits_is_told_to_go_on_when_the_worker_says_so(front: Front) -> None:
    client = front.connect(WAITS)
    worker = front.worker()
    assert not select.select([client], [], [], 0.1)[0]
    worker.sendall(GO_ON)
    assert read(client, 25) == GO_ON
    client.sendall(b"ok")
    assert read(worker, 2) == b"ok"
    worker.sendall(b"HTTP/1.1 200 OK\r\n\r\nfine")
    worker.close()
    assert read_all(client) == b"HTTP/1.1 200 OK\r\n\r\nfine"


def test_a_client_that_waits_and_is_refused_is_not_told_to_go_on(front: Front) -> None:
    client = front.connect(WAITS)
    worker = front.worker()
    worker.sendall(b"HTTP/1.1 413 Too Large\r\n\r\n")
    worker.close()
    assert read_all(client) == b"HTTP/1.1 413 Too Large\r\n\r\n"


def test_a_worker_that_ends_after_it_has_asked_for_the_body_is_502(front: Front) -> None:
    client = front.connect(WAITS)
    worker = front.worker()
    worker.sendall(GO_ON)
    assert read(client, 25) == GO_ON
    worker.close()
    assert problem(read_all(client))[0] == 502


@pytest.mark.parametrize("end", ["closed", "reset"])
def test_a_worker_that_ends_before_it_answers_is_502(front: Front, end: str) -> None:
    client = front.connect(
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n", b"x" * 50 * (end == "reset")
    )
    front.worker().close()
    assert problem(read_all(client))[0] == 502


def test_a_worker_that_ends_within_its_answer_ends_it(front: Front) -> None:
    client = front.connect(GET)
    worker = front.worker()
    worker.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhal")
    worker.close()
    assert read_all(client).endswith(b"\r\nhal")


def test_a_client_that_resets_frees_its_worker(front: Front) -> None:
    client = front.connect(GET)
    worker = front.worker()
    reset(client)
    assert worker.recv(1) == b""


def test_a_client_that_has_closed_its_side_is_answered(front: Front) -> None:
    client = front.connect(GET)
    client.shutdown(socket.SHUT_WR)
    worker = front.worker()
    worker.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    worker.close()
    assert read_all(client) == b"HTTP/1.1 200 OK\r\n\r\n"


def test_a_body_that_breaks_off_is_400_and_frees_its_worker(front: Front) -> None:
    client = front.connect(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
    worker = front.worker()
    assert read(worker, 3) == b"abc"
    client.shutdown(socket.SHUT_WR)
    assert problem(read_all(client))[0] == 400
    assert worker.recv(1) == b""


CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_a_body_in_chunks_goes_to_a_worker_in_chunks(front: Front) -> None:
    client = front.connect(CHUNKED, b"2;a\r\nhe\r\n3\r\nl")
    worker = front.worker()
    assert read(worker, 8) == b"3\r\nhel\r\n"
    client.sendall(b"lo\r\n0\r\nA: trailer\r\n\r\nand more")
    assert read(worker, 12) == b"2\r\nlo\r\n0\r\n\r\n"
    worker.sendall(b"HTTP/1.1 200 OK\r\n\r\nfine")
    worker.close()
    assert read_all(client) == b"HTTP/1.1 200 OK\r\n\r\nfine"


@pytest.mark.parametrize("sent", [b"3\r\nhel\r\n", b"3\r\nhe", b"3", b""])
def test_chunks_that_break_off_are_400_and_free_their_worker(front: Front, sent: bytes) -> None:
    client = front.connect(CHUNKED, sent)
    worker = front.worker()
    client.shutdown(socket.SHUT_WR)
    assert problem(read_all(client))[0] == 400
    assert not read_all(worker).endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("before", [b"", b"1\r\nx\r\n"], ids=["at once", "later"])
def test_what_is_not_in_chunks_is_400(front: Front, before: bytes) -> None:
    client = front.connect(CHUNKED + before)
    if before:
        worker = front.worker()
        assert read(worker, 6) == before
    client.sendall(b"nonsense\r\n")
    assert problem(read_all(client))[0] == 400


def test_an_answer_that_has_begun_is_not_broken_by_chunks_that_are_none(front: Front) -> None:
    client = front.connect(CHUNKED)
    worker = front.worker()
    worker.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    assert read(client, 19) == b"HTTP/1.1 200 OK\r\n\r\n"
    client.sendall(b"nonsense\r\n")
    time.sleep(0.2)
    worker.sendall(b"fine")
    worker.close()
    assert read_all(client) == b"fine"


def test_an_answer_to_head_has_no_body(front: Front) -> None:
    client = front.connect(GET.replace(b"GET", b"HEAD"))
    front.worker().close()
    assert read_all(client).endswith(b"\r\n\r\n")


def test_a_log_that_is_full_costs_nobody_an_answer(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        for front in run(tmp_path, log=full):
            for _ in range(2):
                assert problem(read_all(front.connect(b"nonsense\r\n\r\n")))[0] == 400


def test_where_files_run_short_the_oldest_idle_client_gives_way(tmp_path: Path) -> None:
    for front in run(tmp_path, files=100):
        idle = [front.connect() for _ in range(60)]
        with front.connect(GET) as client, front.worker() as worker:
            worker.sendall(b"HTTP/1.1 200 OK\r\n\r\nfine")
            worker.shutdown(socket.SHUT_RDWR)
            assert client.recv(100).endswith(b"fine")
        assert idle[0].recv(1) == b""  # or it would wait
        idle[-1].sendall(GET)
        front.worker().close()
        for one in idle:
            one.close()


def test_a_client_that_still_sends_reads_the_answer(front: Front) -> None:
    client = front.connect(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n\r\n")
    worker = front.worker()
    worker.sendall(b"HTTP/1.1 413 Too Large\r\n\r\n")
    worker.close()
    client.sendall(b"x" * 3_000_000)
    assert read_all(client) == b"HTTP/1.1 413 Too Large\r\n\r\n"


def test_the_answer_of_a_worker_that_reads_no_more_is_not_lost(front: Front) -> None:
    for _ in range(10):
        client = front.connect(
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\r\n", b"x" * 1_000_000
        )
        worker = front.worker()
        assert worker.recv(1)  # and no more
        worker.sendall(b"HTTP/1.1 503 Busy\r\n\r\n")
        worker.close()
        client.sendall(b"x" * 3_000_000)
        assert read_all(client) == b"HTTP/1.1 503 Busy\r\n\r\n"


@pytest.mark.parametrize(
    "sent", [b"\n", b"\r\n\r\n", b"GET / HTTP/1.1\r\nno colon\r\n\r\n", b"GET / HTTP/1.1\n", b"x" * 70_000]
)
def test_what_is_refused_is_answered_and_logged(front: Front, sent: bytes) -> None:
    status, body = problem(read_all(front.connect(sent)))
    assert status == (431 if len(sent) > 65535 else 400)
    assert {"type", "title", "status", "detail", "request_id"} == set(body)
    front.log.seek(0)
    (entry,) = map(json.loads, front.log)
    assert entry["httpRequest"] == {"status": status, "remoteIp": "127.0.0.1"}


@pytest.mark.parametrize(
    ("target", "speaks_open_inference"),
    [
        (b"/v2", True),
        (b"/v2/", True),
        (b"/v2?x", True),
        (b"/v2/models/nuclei/infer", True),
        (b"http://x/v2/health/live", True),
        (b"/v2x", False),
        (b"/v1/models", False),
        (b"/api/v1/segment?next=/v2/", False),
        (b"http://x/api/v2/", False),
    ],
)
@pytest.mark.parametrize("fault", ["in its head", "of its worker"])
def test_kserve_v2_has_errors_in_its_own_form(
    front: Front, target: bytes, speaks_open_inference: bool, fault: str
) -> None:
    if fault == "in its head":
        answer = read_all(front.connect(b"GET %b HTTP/1.1\r\nno colon\r\n\r\n" % target))
    else:
        client = front.connect(b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % target)
        front.worker().close()
        answer = read_all(client)
    assert answer.split()[1] == (b"400" if fault == "in its head" else b"502")
    if not speaks_open_inference:
        problem(answer)
        return
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"Content-Type: application/json\r\n" in head and b"X-Request-Id: " in head
    assert list(json.loads(body)) == ["error"]


def test_a_head_that_breaks_off_is_400(front: Front) -> None:
    client = front.connect(b"GET / HT")
    client.shutdown(socket.SHUT_WR)
    assert problem(read_all(client))[0] == 400


def test_requests_wait_until_there_are_workers(front: Front) -> None:
    clients = [front.connect(GET) for _ in range(20)]
    for _ in clients:
        worker = front.worker()
        worker.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        worker.close()
    assert {read_all(client) for client in clients} == {b"HTTP/1.1 200 OK\r\n\r\n"}


def test_a_silent_worker_is_504_and_a_silent_client_is_left(hasty: Front) -> None:
    idle = hasty.connect()
    begun = hasty.connect(b"GET / HT")
    client = hasty.connect(GET)
    worker = hasty.worker()
    assert problem(read_all(client))[0] == 504
    assert worker.recv(1) == b""
    assert idle.recv(1) == begun.recv(1) == b""


def test_an_answer_that_nobody_reads_is_left_and_holds_up_the_worker_alone(hasty: Front) -> None:
    client = hasty.connect(GET)
    worker = hasty.worker()
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        worker.sendall(bytes(100_000_000))  # no memory takes it all
    client.close()


def test_at_the_end_who_waits_is_503_and_who_reads_gets_the_rest(front: Front) -> None:
    idle, waiting = front.connect(), front.connect(GET)
    silent = front.worker()
    reading = front.connect(GET)
    worker = front.worker()
    worker.sendall(bytes(3_000_000))
    worker.close()
    front.process.send_signal(signal.SIGTERM)  # for workers alone
    assert read(reading, 1000) == bytes(1000)
    for _ in range(2):
        front.process.send_signal(signal.SIGUSR2)
    status, _ = problem(read_all(waiting))
    assert status == 503
    assert silent.recv(1) == b""
    assert len(read_all(reading)) == 3_000_000 - 1000
    with pytest.raises(ConnectionRefusedError):
        front.connect()
    for connection in (idle, waiting, reading):
        connection.close()
    assert front.process.wait(10) == 0


@pytest.mark.parametrize("addresses", [1, 700])
def test_heads_that_never_end_are_bounded_together_and_cost_nobody_else_an_answer(
    front: Front, addresses: int
) -> None:
    slow = front.connect(b"POST / HTTP/1.1\r\nHost: x\r\n")
    endless = b"GET / HTTP/1.1\r\nX: " + b"x" * 60_000
    numbers = [i % addresses for i in range(700)]  # 42 MB
    held = [front.connect(endless, address=f"127.1.{n // 250}.{1 + n % 250}") for n in numbers]
    assert held[0].recv(100).startswith(b"HTTP/1.1 503")  # the oldest
    body = bytes(200_000)  # more than any of the others holds
    with slow, front.connect(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n", body) as client:
        slow.sendall(b"Content-Length: 200000\r\n\r\n" + body)
        for _ in range(2):
            with front.worker() as worker:
                assert read(worker, len(body)) == body
                worker.sendall(b"HTTP/1.1 200 OK\r\n\r\nfine")
                worker.shutdown(socket.SHUT_RDWR)
        assert client.recv(100).endswith(b"fine")
        assert slow.recv(100).endswith(b"fine")
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{front.process.pid}/status").read_text())
    assert peak
    assert int(peak[1]) < 120_000
    ended = [is_answered(one) for one in held]
    assert 0 < sum(ended) < 400
    assert not any(ended[-100:])
    for one in held:
        reset(one)


def test_requests_that_wait_for_a_worker_are_bounded_together(front: Front) -> None:
    front.workers.close()
    head = b"POST / HTTP/1.1\r\nHost: x\r\nX: %b\r\nContent-Length: 60000\r\n\r\n" % (b"x" * 60_000)
    waiting = [front.connect(head, bytes(60_000), address="127.0.1.1") for _ in range(600)]
    other = front.connect(GET)
    assert problem(read_all(waiting[0]))[0] == 503
    time.sleep(0.2)
    assert not is_answered(other) and not is_answered(waiting[-1])
    for one in (*waiting, other):
        reset(one)


def test_answers_that_nobody_reads_are_bounded_together(front: Front) -> None:
    silent, workers = [], []
    for _ in range(500):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)  # it is the front that holds its answer
        client.connect(("127.0.0.1", front.port))
        client.sendall(GET)
        silent.append(client)
        worker = front.worker()
        worker.setblocking(False)
        worker.send(b"HTTP/1.1 200 OK\r\n\r\n" + bytes(250_000))
        workers.append(worker)
    reading = front.connect(GET, address="127.0.1.1")
    with front.worker() as worker:
        worker.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + bytes(250_000))
    assert read_all(reading).endswith(bytes(250_000))
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{front.process.pid}/status").read_text())
    assert peak
    assert int(peak[1]) < 120_000
    assert select.select(workers[:1], [], [], HANG)[0]  # the oldest is given up, and its worker free
    assert not any(map(is_answered, workers[-100:]))
    for one in (*silent, *workers, reading):
        reset(one)
