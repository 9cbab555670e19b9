from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count

import pytest

from app.errors import Busy
from app.serving.admission import Admission, Inference, places_by_level
from app.serving.patience import Patience
from model.stopwatch import Stopwatch

SMALL, MEDIUM, LARGE = 1_000_000, 12_000_000, 50_000_000


@contextmanager
def inference(
    admission: Admission, caller: str = "somebody", stopwatch: Stopwatch | None = None
) -> Iterator[Inference]:
    with admission.admit(caller) as place:
        yield Inference(admission, place, stopwatch or Stopwatch(), Patience(check_place=place.check))


def test_a_place_is_free_again_after_an_error() -> None:
    admission = Admission(queue=0, timeout=1)
    for _ in range(3):
        with (
            pytest.raises(RuntimeError),
            inference(admission) as one,
            one.lane(SMALL),
            one.turn(),
        ):
            raise RuntimeError
    with inference(admission) as one, one.lane(SMALL), one.turn():
        pass


def test_a_full_queue_refuses_at_once() -> None:
    admission = Admission(queue=1, timeout=60)
    with admission.admit("one"), admission.admit("one"):
        start = time.monotonic()
        with pytest.raises(Busy), admission.admit("one"):
            pass
        assert time.monotonic() - start < 30
    with admission.admit("one"):
        pass


def test_uploads_take_no_place_and_are_bounded_themselves() -> None:
    admission = Admission(queue=1, timeout=60)
    with admission.upload("one"), admission.upload("one"):
        with pytest.raises(Busy, match="uploads"), admission.upload("one"):
            pass
        with admission.admit("one"), admission.admit("one"):
            pass
    with admission.upload("one"):
        pass


def test_an_upload_for_a_full_queue_is_refused_before_it_is_read_unless_it_would_get_a_place() -> None:
    admission = Admission(queue=1, timeout=60)
    with admission.admit("one"), admission.admit("one"):
        with pytest.raises(Busy, match="queue"), admission.upload("one"):
            pass
        with admission.upload("other"):
            pass
    with admission.upload("one"):
        pass


def test_large_pictures_of_many_callers_leave_places_to_smaller_ones() -> None:
    admission = Admission(queue=8, timeout=60)
    with ExitStack() as stack:

        def enter(weight: float, is_large: bool = False) -> None:
            one = stack.enter_context(inference(admission, f"caller {next(callers)}"))
            one.measured(int(weight), is_large)

        callers = count()
        for _ in range(3):
            enter(50e6)
        enter(1e6, is_large=True)
        for _ in range(2):
            with inference(admission, "another") as late, pytest.raises(Busy, match="of this size"):
                late.measured(50_000_000, True)
        for _ in range(2):
            enter(10e6)
        with inference(admission, "another") as late, pytest.raises(Busy, match="of this size"):
            late.measured(10_000_000, False)
        enter(3e6)
        for _ in range(2):
            enter(1e6)
        with pytest.raises(Busy, match="queue is full"), admission.admit("another"):
            pass


@pytest.mark.parametrize("queue", range(20))
def test_some_place_is_for_pictures_of_any_size(queue: int) -> None:
    numbers = places_by_level(1 + queue)
    assert numbers[0] == 1 + queue
    assert sorted(numbers, reverse=True) == list(numbers)
    assert min(numbers) >= 1


def test_a_large_body_is_refused_before_its_upload_where_large_pictures_have_no_place_left() -> None:
    admission = Admission(queue=1, timeout=60)
    with admission.admit("one", 2**24):
        with pytest.raises(Busy, match="batches"), admission.upload("other", 2**24):
            pass
        with admission.upload("other", 2**20):
            pass
    with admission.upload("other", 2**24):
        pass


def test_of_several_images_in_one_request_nobody_knows_how_large_they_are() -> None:
    admission = Admission(queue=1, timeout=60)
    with admission.admit("one", images=2):
        with pytest.raises(Busy, match="batches"), admission.admit("other", images=2):
            pass
        with admission.admit("other"):
            pass


def test_large_uploads_leave_room_to_small_ones() -> None:
    admission = Admission(queue=1, timeout=60)
    with admission.upload("one", 2**24):
        with pytest.raises(Busy, match="uploads"), admission.upload("other", 2**24):
            pass
        with admission.upload("other", 2**20):
            pass


def test_an_upload_that_turns_out_to_be_large_has_no_place_of_small_ones() -> None:
    admission = Admission(queue=1, timeout=60)
    with admission.upload("one") as first, admission.upload("other") as second:
        for arrival in (first, second):
            admission.lift_upload(arrival, 2**22)
        for length in (2**23, 2**24):
            admission.lift_upload(first, length)
        with pytest.raises(Busy, match="uploads"):
            admission.lift_upload(second, 2**23)


def test_an_upload_that_turns_out_to_be_large_is_refused_where_large_pictures_have_no_place_left() -> None:
    admission = Admission(queue=1, timeout=60)
    with (
        admission.admit("one", 2**24),
        admission.upload("other") as arrival,
        pytest.raises(Busy, match="batches"),
    ):
        admission.lift_upload(arrival, 2**24)


def test_closed_to_uploads_what_has_begun_goes_on() -> None:
    admission = Admission(queue=1, timeout=60)
    with inference(admission) as one:
        admission.close()
        with pytest.raises(Busy, match="shutting down"), admission.upload("one"):
            pass
        with one.lane(SMALL), one.turn():
            pass


def test_pictures_of_a_lane_are_worked_on_one_after_another_and_their_wait_is_measured() -> None:
    admission = Admission(queue=10, timeout=10)
    order: list[int] = []
    stopwatches = [Stopwatch() for _ in range(4)]
    alone = threading.Lock()

    def run(number: int) -> None:
        with inference(admission, stopwatch=stopwatches[number]) as one, one.lane(LARGE):
            assert alone.acquire(blocking=False)
            order.append(number)
            for _ in range(3):
                with one.turn():
                    time.sleep(0.01)
            alone.release()

    with ExitStack() as stack:
        first = stack.enter_context(inference(admission))
        stack.enter_context(first.lane(LARGE))
        threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
        watched = _watch(admission)
        for number, thread in enumerate(threads):
            thread.start()
            _wait_until(lambda number=number: watched["waiting"] == number + 1)  # type: ignore[misc]
    for thread in threads:
        thread.join()
    assert order == list(range(4))
    assert stopwatches[3].milliseconds["queue"] > 80


def test_a_small_picture_passes_a_large_one_between_two_of_its_tiles() -> None:
    admission = Admission(queue=10, timeout=10)
    told: list[str] = []
    begun = threading.Event()

    def run_small() -> None:
        with inference(admission) as small, small.lane(SMALL), small.turn():
            told.append("small")

    stopwatch = Stopwatch()
    with inference(admission, stopwatch=stopwatch) as large, large.lane(LARGE):
        watched = _watch(admission)
        thread = threading.Thread(target=run_small)
        for tile in range(3):
            with large.turn():
                told.append(f"tile {tile}")
                if tile == 0:
                    thread.start()
                    _wait_until(lambda: watched["waiting"] == 1)
                begun.set()
    thread.join()
    assert told == ["tile 0", "small", "tile 1", "tile 2"]
    assert len(stopwatch.laps) == 2  # its lane, and the tile that had to wait


def test_what_computes_nothing_now_keeps_nobody_from_computing() -> None:
    admission = Admission(queue=10, timeout=10)
    with inference(admission) as large, large.lane(LARGE):
        for weight in (SMALL, MEDIUM):
            with inference(admission) as other, other.lane(weight), other.turn():
                pass


def test_whoever_waits_too_long_for_a_lane_is_refused() -> None:
    admission = Admission(queue=1, timeout=0.05)
    with inference(admission) as one, one.lane(SMALL):
        with inference(admission) as other, pytest.raises(Busy, match="turn"), other.lane(SMALL):
            pass
        with inference(admission) as other, other.lane(LARGE):
            pass


def test_a_request_that_waits_loses_its_place_to_a_caller_who_has_none() -> None:
    admission = Admission(queue=2, timeout=10)
    outcomes: list[str] = []

    def wait(caller: str) -> None:
        try:
            with inference(admission, caller) as one, one.lane(SMALL):
                outcomes.append(f"{caller} is served")
        except Busy as error:
            outcomes.append(f"{caller}: {error.detail}")

    watched = _watch(admission)
    with inference(admission, "many") as running, running.lane(SMALL):
        threads = [threading.Thread(target=wait, args=("many",)) for _ in range(2)]
        threads.append(threading.Thread(target=wait, args=("one",)))
        for number, thread in enumerate(threads):
            thread.start()
            if number < 2:
                _wait_until(lambda number=number: watched["waiting"] == number + 1)  # type: ignore[misc]
        _wait_until(lambda: len(outcomes) == 1)
    for thread in threads:
        thread.join()
    assert "made room for another caller" in outcomes[0] and outcomes[0].startswith("many")
    assert outcomes[1:] == ["one is served", "many is served"]


def _watch(admission: Admission) -> Counter[str]:
    watched: Counter[str] = Counter()
    lock = threading.Lock()

    @contextmanager
    def watch(state: str) -> Iterator[None]:
        with lock:
            watched[state] += 1
        try:
            yield
        finally:
            with lock:
                watched[state] -= 1

    admission.watch = watch  # type: ignore[method-assign]
    return watched


def _wait_until(condition: object) -> None:
    deadline = time.monotonic() + 5
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.001)
