from __future__ import annotations

import math
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from app.errors import Busy, ClientLeft
from app.serving import turns as turns_module
from app.serving.patience import Patience
from app.serving.turns import Request, Turns


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(turns_module, "time", clock)
    return clock


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


class Table:
    """Requests that ask for turns of given lengths, each again as soon as it has had one."""

    def __init__(self, turns: Turns, clock: Clock) -> None:
        self._turns = turns
        self._clock = clock
        self._requests: dict[Request, tuple[str, float, float, ExitStack]] = {}
        self.had: Counter[str] = Counter()

    def come(self, name: str, seconds: float, caller: str = "somebody", turns: float = math.inf) -> None:
        """A request that takes so many turns of `seconds`, and leaves."""
        stack = ExitStack()
        request = stack.enter_context(self._turns.join(caller))
        self._requests[request] = name, seconds, turns, stack
        self._turns.ask(request)

    def number_of(self, name: str) -> int:
        return sum(one == name for one, *_ in self._requests.values())

    def end_turn(self) -> str:
        """Let the present turn come to its end; says whose it was."""
        (request,) = (one for one in self._requests if one.has_begun.is_set())
        name, seconds, turns, stack = self._requests.pop(request)
        self._clock.now += seconds
        self.had[name] += seconds
        self._turns.end(request)
        if turns > 1:
            self._requests[request] = name, seconds, turns - 1, stack
            self._turns.ask(request)
        else:
            stack.close()
        return name

    def go_on(self, seconds: float) -> None:
        end = self._clock.now + seconds
        while self._clock.now < end:
            self.end_turn()


def test_turns_come_one_at_a_time_in_the_order_of_asking() -> None:
    turns = Turns()
    order: list[int] = []
    alone = threading.Lock()

    def run(number: int) -> None:
        with turns.turn("somebody"):
            assert alone.acquire(blocking=False)
            order.append(number)
            time.sleep(0.01)
            alone.release()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(6)]
    with turns.turn("somebody"):
        for number, thread in enumerate(threads):
            thread.start()
            _wait_for_line(turns, number + 1)
    for thread in threads:
        thread.join()
    assert order == list(range(6))


def test_as_many_run_at_once_as_there_are_turns(stack: ExitStack) -> None:
    turns = Turns(capacity=2)
    requests = [stack.enter_context(turns.join("somebody")) for _ in range(3)]
    begun = [turns.ask(request) for request in requests]
    assert [event.is_set() for event in begun] == [True, True, False]
    turns.end(requests[0])
    assert begun[2].is_set()
    for request in requests[1:]:
        turns.end(request)


def test_callers_share_alike_however_many_requests_they_have(clock: Clock) -> None:
    table = Table(Turns(), clock)
    for number in range(8):
        table.come(f"many {number}", 0.3, caller="many")
    table.come("one", 0.3, caller="one")
    table.go_on(60)
    assert table.had["one"] == pytest.approx(30, abs=0.5)
    assert all(table.had[f"many {number}"] == pytest.approx(30 / 8, abs=0.5) for number in range(8))


def test_a_caller_with_many_requests_does_not_take_every_one_of_several_turns(stack: ExitStack) -> None:
    turns = Turns(capacity=2)
    many = [stack.enter_context(turns.join("many")) for _ in range(4)]
    for request in many:
        turns.ask(request)
    one = stack.enter_context(turns.join("one"))
    turns.ask(one)
    turns.end(many[0])
    assert one.has_begun.is_set()
    for request in (many[1], one, many[2], many[3]):
        turns.end(request)


def test_the_last_turns_are_kept_for_callers_who_have_none(stack: ExitStack) -> None:
    turns = Turns(capacity=4, kept=1)
    many = [stack.enter_context(turns.join("many")) for _ in range(4)]
    begun = [turns.ask(request) for request in many]
    assert [event.is_set() for event in begun] == [True, True, True, False]
    assert turns.expected_wait("one") == 0

    one = stack.enter_context(turns.join("one"))
    assert turns.ask(one).is_set()  # although another caller has been waiting
    turns.end(many[0])
    assert not begun[3].is_set()
    turns.end(one)
    turns.end(many[1])
    assert begun[3].is_set()
    for request in many[2:]:
        turns.end(request)


@pytest.mark.parametrize("caller", ["somebody", "a newcomer"])
def test_a_newcomer_is_next_after_the_running_turn(clock: Clock, caller: str) -> None:
    table = Table(Turns(), clock)
    for number in range(4):
        table.come(f"long {number}", 0.3 + number / 1000)
    table.go_on(20.1)
    table.come("short", 0.1, caller)
    assert [table.end_turn() == "short" for _ in range(2)] == [False, True]


@pytest.mark.parametrize("same", [True, False], ids=["one caller", "a caller each"])
def test_a_stream_of_short_requests_leaves_a_long_one_its_share(clock: Clock, same: bool) -> None:
    table = Table(Turns(), clock)
    table.come("long", 0.3)
    for number in range(400):
        while table.number_of("short") < 2:  # there always is one that waits
            table.come("short", 0.1, "somebody" if same else f"stranger {number}", turns=1)
        table.end_turn()
    assert table.had["long"] == pytest.approx(table.had["short"] / 2, rel=0.05)


def test_what_was_not_asked_for_is_not_made_up_for(clock: Clock) -> None:
    turns = Turns()
    table = Table(turns, clock)
    with turns.join("resting") as resting:
        turns.ask(resting)
        turns.end(resting)
        table.come("busy", 0.1, caller="busy")
        table.go_on(60)
        for _ in range(10):  # its time has come, but not that of a minute
            turns.ask(resting)
            table.end_turn()
            if not resting.has_begun.is_set():
                table.end_turn()
            clock.now += 0.1
            turns.end(resting)
        assert table.had["busy"] > 60.9


def test_whoever_waits_too_long_is_refused_and_leaves_the_line() -> None:
    turns = Turns()
    with turns.turn("one"), pytest.raises(Busy) as raised, turns.turn("other", at_most=0.05):
        pass
    assert raised.value.headers == {"Retry-After": "1"}
    with turns.turn("other", at_most=0.05):
        pass


def test_a_line_that_takes_too_long_is_not_waited_in() -> None:
    turns = Turns()
    with turns.turn("one"):
        time.sleep(0.2)  # as the next ones likely will
    with turns.turn("one"), ExitStack() as stack:
        for _ in range(300):
            turns.ask(stack.enter_context(turns.join("one")))
        start = time.monotonic()
        with pytest.raises(Busy) as raised, turns.turn("one", at_most=5):
            pass
        assert time.monotonic() - start < 4
        assert 6 <= int(raised.value.headers["Retry-After"]) <= 60
        assert turns.expected_wait("other") < 5  # is next
        for request in list(turns._waiting):
            turns.end(request)


def test_a_request_whose_time_is_over_is_refused_even_where_nobody_runs() -> None:
    turns = Turns()
    with pytest.raises(Busy), turns.turn("one", Patience(until=time.monotonic() - 1)):
        pass
    with turns.turn("one", Patience(until=time.monotonic() + 10)):
        pass


def test_who_has_left_leaves_the_line_and_gets_no_turn() -> None:
    turns = Turns()
    start = time.monotonic()
    gone = Patience(has_left=lambda: time.monotonic() > start + 0.1)
    with turns.turn("one"), pytest.raises(ClientLeft), turns.turn("other", gone):
        pass
    with turns.turn("one"):
        pass


def test_a_turn_is_free_again_after_an_error() -> None:
    turns = Turns()
    for _ in range(3):
        with pytest.raises(RuntimeError), turns.turn("one"):
            raise RuntimeError
    with turns.turn("one", at_most=0.05):
        pass


def test_of_callers_that_are_gone_nothing_is_kept() -> None:
    turns = Turns()
    for number in range(100):
        with turns.turn(f"caller {number}"):
            pass
    assert not turns._callers and not turns._waiting


def _wait_for_line(turns: Turns, length: int) -> None:
    deadline = time.monotonic() + 5
    while len(turns._waiting) < length:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_turns_that_weigh_too_much_together_come_one_after_the_other(stack: ExitStack) -> None:
    turns = Turns(10)
    first, second, light = (stack.enter_context(turns.join("somebody")) for _ in range(3))
    turns.ask(first, 6)
    turns.ask(second, 5)
    turns.ask(light, 1)
    assert first.has_begun.is_set()
    assert not second.has_begun.is_set()
    assert not light.has_begun.is_set()  # or a stream of these would keep the heavy one waiting for ever
    first.lighten(5)
    assert second.has_begun.is_set()
    assert not light.has_begun.is_set()
    turns.end(first)
    assert light.has_begun.is_set()
    turns.end(second)
    turns.end(light)


def test_a_turn_heavier_than_all_that_there_is_runs_alone(stack: ExitStack) -> None:
    turns = Turns(10)
    light, heavy = (stack.enter_context(turns.join("somebody")) for _ in range(2))
    turns.ask(light)
    turns.ask(heavy, 11)
    assert not heavy.has_begun.is_set()
    turns.end(light)
    assert heavy.has_begun.is_set()
    turns.end(heavy)
