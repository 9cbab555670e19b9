"""Which uploads count as stalled: those for whose bytes the service waits, and nothing else."""

from __future__ import annotations

import io
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from app.errors import ServiceError, UploadTooSlow
from app.fetching.progress import Progress
from app.serving.arrivals import Arrival
from app.serving.streams import Stream

HEAD = b"of the request"


class Told:
    """A source that comes along as it is told."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress

    def progress(self) -> Progress | None:
        return self._progress

    def cut(self) -> None:
        pass

    def too_slow(self) -> ServiceError:
        return UploadTooSlow("Stalled.")


@pytest.mark.parametrize(
    ("progress", "pace"),
    [
        pytest.param(None, None, id="all there, or unknown"),
        pytest.param(Progress(0, waited=0.4, quiet=0.4), None, id="not for long"),
        pytest.param(Progress(0, waited=0.6, quiet=0.6), 0.0, id="silent"),
        pytest.param(Progress(1_000_000, waited=2.0, quiet=0.6), 0.0, id="silent since"),
        pytest.param(Progress(1000, waited=2.0, quiet=0.1), 500.0, id="slow"),
        pytest.param(Progress(1000, waited=2.0, quiet=0.0), 500.0, id="slow before"),
        pytest.param(Progress(80_000, waited=2.0, quiet=0.1), None, id="fast enough"),
    ],
)
def test_who_is_awaited_and_sends_little_has_stalled(progress: Progress | None, pace: float | None) -> None:
    arrival = Arrival("somebody")
    assert arrival.stalled() is None
    with arrival.awaits(Told(progress)):
        stalled = arrival.stalled()
    assert (stalled and stalled[0]) == pace


@pytest.fixture
def connection() -> Iterator[tuple[socket.socket, Stream]]:
    """The client's end, and what is read at the other after a head."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        client = socket.create_connection(listening.getsockname(), timeout=60)
        server, _ = listening.accept()
    with client, server, server.makefile("rb", buffering=0) as raw:
        client.sendall(HEAD)
        assert server.recv(len(HEAD)) == HEAD
        yield client, Stream(io.BufferedReader(raw), len(HEAD))


@contextmanager
def reading(stream: Stream, size: int) -> Iterator[None]:
    """One who reads so many bytes meanwhile."""
    reader = threading.Thread(target=stream.read, args=[size])
    reader.start()
    time.sleep(0.1)
    try:
        yield
    finally:
        reader.join()


def quiet_seconds(stream: Stream) -> float:
    progress = stream.progress()
    assert progress is not None
    return progress.quiet


def test_of_a_stream_that_is_not_read_nothing_is_awaited(connection: tuple[socket.socket, Stream]) -> None:
    client, stream = connection
    time.sleep(0.1)
    assert stream.progress() == Progress(0, 0.0, 0.0)
    client.sendall(b"xyz")
    stream.read(3)
    time.sleep(0.1)
    progress = stream.progress()
    assert progress is not None and progress.waited < 0.1 and progress.quiet == 0.0
    stream.is_whole = True
    assert stream.progress() is None


def test_only_the_time_of_waiting_counts(connection: tuple[socket.socket, Stream]) -> None:
    client, stream = connection
    client.sendall(b"xyz")
    stream.read(3)
    time.sleep(0.3)  # in which the service is busy with these
    with reading(stream, 3):
        progress = stream.progress()
        assert progress is not None
        assert progress.received == 3
        assert progress.quiet <= progress.waited < 0.3
        client.sendall(b"123")


def test_a_read_whose_bytes_have_all_come_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        client = socket.create_connection(listening.getsockname(), timeout=60)
        server, _ = listening.accept()
    goes_on = threading.Event()

    class Held(io.RawIOBase):
        """Of a thread that gets no turn with the interpreter."""

        def read(self, size: int = -1) -> bytes:
            goes_on.wait(10)
            return server.recv(size)

        def fileno(self) -> int:
            return server.fileno()

    with client, server:
        stream = Stream(Held(), 0)  # type: ignore[arg-type]
        client.sendall(b"12")
        with reading(stream, 3):
            assert quiet_seconds(stream) > 0
            client.sendall(b"3")
            time.sleep(0.1)
            assert quiet_seconds(stream) == 0
            goes_on.set()
