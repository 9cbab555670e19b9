"""A deadline ends what it can, leaves what it cannot, and changes nothing of what is in time."""

from __future__ import annotations

import contextvars
import socket
import threading
import time

import pytest

from app.errors import FetchTimedOut
from app.fetching.transfer_deadline import TransferDeadline


def fail(error: Exception) -> None:
    raise error


def test_what_is_in_time_is_returned() -> None:
    with TransferDeadline(5) as deadline:
        assert deadline.call(divmod, 7, 2) == (3, 1)


@pytest.mark.parametrize("error", [ValueError("own"), TimeoutError("own")])
def test_what_a_call_raises_in_time_is_raised(error: Exception) -> None:
    with TransferDeadline(5) as deadline, pytest.raises(type(error), match="own"):
        deadline.call(fail, error)


def test_a_call_that_takes_longer_is_left_to_itself() -> None:
    released = threading.Event()
    started = time.monotonic()
    with TransferDeadline(0.1) as deadline:
        with pytest.raises(FetchTimedOut, match=r"within 0\.1 seconds"):
            deadline.call(released.wait, 10)
        with pytest.raises(FetchTimedOut):
            deadline.call(time.monotonic)  # nothing new is begun
    released.set()

    assert time.monotonic() - started < 8


def test_a_call_sees_the_context_that_it_is_made_in() -> None:
    traced = contextvars.ContextVar("traced", default="nothing")
    traced.set("this request")

    assert TransferDeadline(5).call(traced.get) == "this request"


def test_reading_ends_with_the_time_and_the_connection_before_is_let_be() -> None:
    before, before_peer = socket.socketpair()
    now, now_peer = socket.socketpair()
    with before, before_peer, now, now_peer, TransferDeadline(0.2) as deadline:
        deadline.watch(before)
        deadline.watch(now)
        now.settimeout(5)

        assert now.recv(1) == b""  # as if it had ended

        with pytest.raises(FetchTimedOut):
            deadline.remaining()
        before_peer.sendall(b"x")
        assert before.recv(1) == b"x"


def test_a_transfer_can_be_cut_short_while_it_reads() -> None:
    line, peer = socket.socketpair()
    with line, peer, TransferDeadline(30) as deadline:
        deadline.watch(line)
        threading.Timer(0.1, deadline.cut).start()

        assert line.recv(1) == b""

        with pytest.raises(FetchTimedOut):
            deadline.remaining()


@pytest.mark.parametrize("fails", [False, True])
def test_a_transfer_can_be_cut_short_while_it_calls(fails: bool) -> None:
    released = threading.Event()

    def wait() -> None:
        released.wait(30)
        if fails:
            raise ValueError

    started = time.monotonic()
    with TransferDeadline(30) as deadline, pytest.raises(FetchTimedOut):
        threading.Timer(0.1, deadline.cut).start()
        deadline.call(wait)
    released.set()

    assert time.monotonic() - started < 10


def test_progress_is_the_bytes_and_the_time_without_any() -> None:
    with TransferDeadline(30) as deadline:
        time.sleep(0.1)
        assert deadline.progress().received == 0 and deadline.progress().quiet >= 0.1
        deadline.count(3)
        progress = deadline.progress()
        assert progress.received == 3 and progress.waited >= 0.1 and progress.quiet < 0.1


def test_nothing_is_shut_once_it_is_over() -> None:
    line, peer = socket.socketpair()
    with line, peer:
        with TransferDeadline(0.1) as deadline:
            deadline.watch(line)
        time.sleep(0.2)
        line.settimeout(1)
        peer.sendall(b"x")

        assert line.recv(1) == b"x"

        line.close()
        assert peer.recv(1) == b""  # and nothing of it is held open
