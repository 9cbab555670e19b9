"""Processes agree on a value or keep the one before, whichever of them ends in the middle."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from versions.agreeing import take_part

from app.errors import Refused
from app.versions.agreement import Agreement

# Members are forked from a process without threads that has imported the app for all of them: forked from
# this one, they would inherit the locks that its other threads hold, for ever.
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["app.versions.agreement"])


class Member:
    """A process of agreeing.py."""

    def __init__(self, folder: Path, number: int) -> None:
        self._pipe, its_pipe = CONTEXT.Pipe()
        self.process = CONTEXT.Process(target=take_part, args=(folder, number, its_pipe), daemon=True)
        self.process.start()
        its_pipe.close()
        self.seen: list[tuple[str, Any]] = []

    def propose(self, value: str) -> None:
        self._pipe.send(value)

    def wait(self, *events: str) -> Any:
        """What one of the events, whichever comes first, says."""
        while True:
            assert self._pipe.poll(60), f"no {events}, only {self.seen}"
            self.seen.append(self._pipe.recv())
            if self.seen[-1][0] in events:
                return self.seen[-1][1]

    def end(self) -> None:
        self.process.kill()
        self.process.join()


Start = Callable[[], Member]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    members: list[Member] = []

    def start() -> Member:
        members.append(Member(tmp_path / "shared", len(members) + 1))
        return members[-1]

    yield start
    for member in members:
        member.end()


@pytest.fixture
def pair(start: Start) -> tuple[Member, Member]:
    """Two processes that have the value "first"."""
    both = start(), start()
    assert [member.wait("joined") for member in both] == ["first", "first"]
    return both


def test_all_use_a_value_when_its_proposal_returns_and_later_ones_begin_with_it(
    pair: tuple[Member, Member], start: Start
) -> None:
    one, other = pair
    one.propose("second")
    assert one.wait("agreed", "refused") == "second"
    assert other.wait("adopt") == "second"
    other.propose("third")
    assert other.wait("agreed", "refused") == "third"
    assert one.wait("adopt") == "third"

    later = start()

    assert later.wait("joined") == "third"
    assert ("adopt", "third") in later.seen


def test_nobody_uses_a_value_that_one_refuses(pair: tuple[Member, Member]) -> None:
    one, other = pair
    one.propose("bad")
    assert one.wait("agreed", "refused") == ("Refused", "no good")
    one.propose("second")
    assert one.wait("agreed", "refused") == "second"
    assert other.wait("adopt") == "second"
    assert ("adopt", "bad") not in [*one.seen, *other.seen]


def test_a_process_that_ends_while_it_prepares_blocks_nobody(
    pair: tuple[Member, Member], start: Start
) -> None:
    one, _ = pair
    one.propose("die 2")
    kind, detail = one.wait("agreed", "refused")
    assert kind == "NotAgreed"
    assert "ended while it prepared" in detail

    replacement = start()

    assert replacement.wait("joined") == "first"
    one.propose("second")
    assert one.wait("agreed", "refused") == "second"
    assert replacement.wait("adopt") == "second"


def test_a_proposal_ends_with_the_process_that_made_it(pair: tuple[Member, Member], start: Start) -> None:
    one, other = pair
    one.propose("slow")
    assert other.wait("prepare") == "slow"
    one.end()
    other.wait("discard")
    other.propose("second")
    assert other.wait("agreed", "refused") == "second"
    assert start().wait("joined") == "second"


def test_a_process_that_starts_during_a_proposal_takes_part(
    pair: tuple[Member, Member], start: Start
) -> None:
    one, _ = pair
    late = start()
    one.propose("slow")
    assert one.wait("agreed", "refused") == "slow"
    late.wait("joined")
    late.propose("second")
    assert late.wait("agreed", "refused") == "second"
    assert one.wait("adopt") in ("slow", "second")


class Alone:
    """The part of the only process."""

    used: Any = None

    def prepare(self, value: Any) -> None:
        if value == "bad":
            raise ValueError("no good")

    def adopt(self, value: Any) -> None:
        self.used = value

    def discard(self) -> None:
        pass


def test_a_process_without_others_needs_no_folder() -> None:
    part = Alone()
    agreement = Agreement("test", None, part)
    agreement.join({"share": 10})
    agreement.propose(lambda now: {"share": now["share"] + 1})
    assert part.used == agreement.value == {"share": 11}
    with pytest.raises(Refused, match="no good"):
        agreement.propose(lambda _: "bad")
    assert part.used == agreement.value == {"share": 11}
