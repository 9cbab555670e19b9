from __future__ import annotations

import threading
import time

import pytest

from app.errors import Busy, ClientLeft
from app.serving.patience import Patience
from app.serving.workers import Workers
from model.stopwatch import Stopwatch


def test_a_place_is_free_again_after_an_error() -> None:
    workers = Workers(queue=0, timeout=1)
    for _ in range(3):
        with pytest.raises(RuntimeError), workers.admit(), workers.turn(Stopwatch()):
            raise RuntimeError
    with workers.admit(), workers.turn(Stopwatch()):
        pass


def test_a_full_queue_refuses_at_once() -> None:
    workers = Workers(queue=1, timeout=60)
    with workers.admit(), workers.admit():
        start = time.monotonic()
        with pytest.raises(Busy), workers.admit():
            pass
        assert time.monotonic() - start < 30
    with workers.admit():
        pass


def test_uploads_take_no_place_and_are_bounded_themselves() -> None:
    workers = Workers(queue=1, timeout=60)
    with workers.upload(), workers.upload():
        with pytest.raises(Busy, match="uploads"), workers.upload():
            pass
        with workers.admit(), workers.admit():
            pass
    with workers.upload():
        pass


def test_an_upload_for_a_full_line_is_refused_before_it_is_read() -> None:
    workers = Workers(queue=0, timeout=60)
    with workers.admit(), workers.turn(Stopwatch()), pytest.raises(Busy, match="queue"), workers.upload():
        pass
    with workers.upload():
        pass


def test_who_waits_too_long_is_refused_and_leaves_the_line() -> None:
    workers = Workers(queue=1, timeout=0.05)
    with workers.turn(Stopwatch()), pytest.raises(Busy), workers.turn(Stopwatch()):
        pass
    with workers.turn(Stopwatch()):
        pass


def test_whose_time_is_over_is_refused_even_where_nobody_runs() -> None:
    workers = Workers(queue=1, timeout=60)
    with pytest.raises(Busy), workers.turn(Stopwatch(), Patience(until=time.monotonic())):
        pass
    with workers.turn(Stopwatch(), Patience(until=time.monotonic() + 1)):
        pass


def test_who_has_left_leaves_the_line_and_runs_nothing() -> None:
    workers = Workers(queue=1, timeout=60)
    start = time.monotonic()
    with (
        workers.turn(Stopwatch()),
        pytest.raises(ClientLeft),
        workers.turn(Stopwatch(), Patience(has_left=lambda: time.monotonic() > start + 0.2)),
    ):
        pass
    assert time.monotonic() - start < 30
    with workers.turn(Stopwatch()):
        pass


def test_closed_to_uploads_what_has_begun_goes_on() -> None:
    workers = Workers(queue=1, timeout=60)
    with workers.admit():
        workers.close()
        with pytest.raises(Busy, match="ending"), workers.upload():
            pass
        with workers.turn(Stopwatch()):
            pass


def test_turns_come_one_at_a_time_in_order_and_the_wait_is_measured() -> None:
    workers = Workers(queue=10, timeout=10)
    order: list[int] = []
    stopwatches = [Stopwatch() for _ in range(6)]
    alone = threading.Lock()

    def run(number: int) -> None:
        with workers.admit(), workers.turn(stopwatches[number]):
            assert alone.acquire(blocking=False)
            order.append(number)
            time.sleep(0.02)
            alone.release()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(6)]
    with workers.turn(Stopwatch()):
        for number, thread in enumerate(threads):
            thread.start()
            _wait_for_line(workers, number + 2)
    for thread in threads:
        thread.join()
    assert order == list(range(6))
    waits = [stopwatch.milliseconds["queue"] for stopwatch in stopwatches]
    assert waits[5] > 80


def _wait_for_line(workers: Workers, length: int) -> None:
    deadline = time.monotonic() + 5
    while len(workers._line) < length:
        assert time.monotonic() < deadline
        time.sleep(0.001)
