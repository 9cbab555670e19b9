from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from app.errors import Busy, ServiceError, UploadTooSlow
from app.serving.places import Place, Places


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


class Slow(Place):
    """A place of somebody who receives so many bytes a second."""

    def __init__(self, caller: str, pace: float) -> None:
        super().__init__(caller)
        self.pace = pace

    def stalled(self) -> tuple[float, ServiceError] | None:
        return self.pace, UploadTooSlow("Stalled.")


class Uploading(Place):
    """A place that was taken so many seconds ago, and its caller is who keeps it."""

    def __init__(self, caller: str, seconds: float) -> None:
        super().__init__(caller)
        self._seconds = seconds

    def tenure(self) -> float:
        return self._seconds


def take(places: Places, stack: ExitStack, *callers: str) -> list[Place]:
    taken = [Place(caller) for caller in callers]
    for place in taken:
        stack.enter_context(places.hold(place))
    return taken


def is_lost(place: Place) -> bool:
    try:
        place.check()
    except ServiceError:
        return True
    return False


@pytest.mark.parametrize(
    ("callers", "newcomer", "loser"),
    [
        ("aaaa", "b", 3),  # its youngest
        ("aaab", "b", 2),
        ("aabb", "b", None),  # has its share
        ("aabb", "c", 3),
        ("aaaa", "a", None),  # takes nothing from itself
        ("abbc", "c", None),  # would only change who has two
        ("abbbc", "d", 3),
        ("abcd", "e", None),  # each has one
    ],
)
def test_places_are_shared_by_callers(
    stack: ExitStack, callers: str, newcomer: str, loser: int | None
) -> None:
    places = Places([len(callers)], ["Full."])
    taken = take(places, stack, *callers)
    if loser is None:
        with pytest.raises(Busy):
            places.check_room(newcomer)
        with pytest.raises(Busy):
            take(places, stack, newcomer)
    else:
        places.check_room(newcomer)
        take(places, stack, newcomer)
    assert [number for number, place in enumerate(taken) if is_lost(place)] == (
        [] if loser is None else [loser]
    )


def test_a_request_that_is_worked_on_keeps_its_place(stack: ExitStack) -> None:
    places = Places([3], ["Full."])
    taken = take(places, stack, "a", "a", "a")
    taken[2].settle()
    take(places, stack, "b")
    assert [is_lost(place) for place in taken] == [False, True, False]
    with pytest.raises(Busy):
        taken[1].settle()
    taken[0].settle()
    with pytest.raises(Busy):
        take(places, stack, "c")


def test_places_for_long_requests_are_fewer_and_shared_by_callers_too(stack: ExitStack) -> None:
    places = Places([6, 3, 1], ["Full.", "Full of long ones.", "Full of the longest."])
    a, b, first, second = take(places, stack, "a", "b", "c", "c")
    for place in (a, first, second):
        places.lift(place, 1)
    for level in (0, 1):
        places.check_room("new", level)
    with pytest.raises(Busy, match="long ones"):
        places.check_room("c", 1)
    places.lift(a, 1)  # has it already
    places.lift(b, 1)  # c had two
    assert [is_lost(place) for place in (a, b, first, second)] == [False, False, False, True]
    with pytest.raises(Busy):
        places.lift(second, 1)
    d, e = take(places, stack, "d", "e")
    with pytest.raises(Busy, match="long ones"):
        places.lift(d, 1)
    places.lift(first, 2)
    with pytest.raises(Busy, match="longest"):
        places.lift(d, 2)
    take(places, stack, "f")
    with pytest.raises(Busy, match="Full"):
        places.check_room("g")
    assert not any(is_lost(place) for place in (a, b, first, d, e))


def test_a_place_that_ends_leaves_room_at_its_level(stack: ExitStack) -> None:
    places = Places([2, 1], ["Full.", "Full of long ones."])
    (place,) = take(places, stack, "a")
    for _ in range(2):
        with places.hold(Place("b", level=1)), pytest.raises(Busy, match="long ones"):
            places.lift(place, 1)
    places.lift(place, 1)


def test_the_slowest_that_stalled_makes_room_for_anybody(stack: ExitStack) -> None:
    places = Places([3], ["Full."])
    slow = [Slow("a", pace) for pace in (20.0, 0.0)]
    for place in slow:
        stack.enter_context(places.hold(place))
    take(places, stack, "b", "a")
    assert [is_lost(place) for place in slow] == [False, True]
    with pytest.raises(UploadTooSlow):
        slow[1].check()


@pytest.mark.parametrize(
    ("seconds", "loser"),
    [
        pytest.param([9, 9, 9, 9, 9, 9], 5, id="all: the youngest"),
        pytest.param([9, 9, 9, 9, 9, 4], None, id="five sixths: none"),
        pytest.param([4, 4, 4, 4, 4, 4], None, id="not for much longer than the newcomer"),
    ],
)
def test_callers_who_are_long_at_it_keep_five_sixths_of_the_places_from_a_newcomer(
    stack: ExitStack, seconds: list[int], loser: int | None
) -> None:
    places = Places([len(seconds)], ["Full."])
    taken = [Uploading(caller, each) for caller, each in zip("abcdef", seconds, strict=True)]
    for place in taken:
        stack.enter_context(places.hold(place))
    if loser is None:
        with pytest.raises(Busy):
            take(places, stack, "new")
    else:
        take(places, stack, "new")
        with pytest.raises(Busy, match="have taken long"):
            taken[loser].check()
        with pytest.raises(Busy):
            take(places, stack, "newer")
    assert [number for number, place in enumerate(taken) if is_lost(place)] == (
        [] if loser is None else [loser]
    )


@pytest.mark.parametrize(("later", "is_forgotten"), [(0, False), (100, False), (130, True)])
def test_for_how_long_callers_had_places_is_forgotten_after_two_minutes(
    stack: ExitStack, monkeypatch: pytest.MonkeyPatch, later: int, is_forgotten: bool
) -> None:
    now = 1000.0
    monkeypatch.setattr("app.serving.tenure.time.monotonic", lambda: now)
    places = Places([2], ["Full."])
    for caller in "ab":
        with places.hold(Uploading(caller, 20)):
            pass
    now += later
    _, youngest = take(places, stack, "a", "b")
    if is_forgotten:
        with pytest.raises(Busy):
            take(places, stack, "new")
    else:
        take(places, stack, "new")
    assert is_lost(youngest) != is_forgotten


def test_a_lost_place_is_not_given_back_twice() -> None:
    places = Places([1], ["Full."])
    with ExitStack() as stack, ExitStack() as later:
        slow = Slow("a", 0.0)
        stack.enter_context(places.hold(slow))
        take(places, later, "b")
        stack.close()
        with pytest.raises(Busy):
            take(places, later, "b")
    with places.hold(Place("a")):
        pass


def test_a_refusal_says_after_how_long_a_place_is_likely_free(
    stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("app.serving.places.time.monotonic", lambda: now)
    places = Places([4], ["Full."])
    take(places, stack, "a", "a", "a", "a")
    assert seconds_told(places) == 1
    now += 40  # each has held its place for so long, and there are four
    assert seconds_told(places) == 10
    stack.close()
    take(places, stack, "a", "a", "a", "a")
    assert seconds_told(places) == 4  # an average, in which the short ones before count as well
    now += 4000
    assert seconds_told(places) == 60


def seconds_told(places: Places) -> int:
    with pytest.raises(Busy) as raised:
        places.check_room("a")
    return int(raised.value.headers["Retry-After"])
