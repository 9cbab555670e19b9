"""Who takes over from a try that seems dead: it may be asleep, and whoever takes over may die as well."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from threading import Event
from typing import Any

import pytest
from overlays import FOLDER, IMAGE, OURS, leave_overlay, let_it_be_old

from cloud import Cloud
from faults import AnotherTry, TryAgain
from results import Record, Results
from scripts.local_cloud import LocalCloud
from service import Answer


class Interrupted(Cloud):
    """Cloud Storage for a try that something happens to before one of its writes, counted from 0.

    One that takes over writes the overlay, in vain, its claim, the overlay, segments.json.
    """

    def __init__(self, environment: Mapping[str, str], write: int, happens: Callable[[], object]) -> None:
        super().__init__(environment)
        self._writes_left = write
        self._happens = happens

    def write(self, *what: Any, **wishes: Any) -> str | None:
        if self._writes_left == 0:
            self._happens()
        self._writes_left -= 1
        return super().write(*what, **wishes)


@pytest.mark.parametrize("left", [b"another", OURS.overlay])
def test_the_overlay_of_a_try_that_has_died_is_replaced(
    ours: Cloud, bucket: str, results: Results, left: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even by the same bytes: a third try sees by its age that somebody is at it."""
    generation = leave_overlay(ours, bucket, left)
    let_it_be_old(monkeypatch)

    assert results.keep(OURS, None).document == OURS.document

    found = ours.read(bucket, f"{FOLDER}/overlay.png")
    assert found and found[0] == OURS.overlay and found[1] != generation


def test_of_two_that_replace_a_dead_tries_overlay_one_is_tried_again(
    ours: Cloud, bucket: str, results: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_overlay(ours, bucket, b"another")
    let_it_be_old(monkeypatch)
    look_up = ours.look_up

    def look_up_too_early(*which: str) -> object:
        """And then the other one replaces it."""
        found = look_up(*which)
        assert found
        ours.write(*which, b"the third", "image/png", replacing=found.generation)
        return found

    monkeypatch.setattr(ours, "look_up", look_up_too_early)

    with pytest.raises(TryAgain):
        results.keep(OURS, None)

    found = ours.read(bucket, f"{FOLDER}/overlay.png")
    assert found and found[0] == b"the third"
    claim = results.record()
    assert claim and not claim.is_final_for("7")


@pytest.mark.parametrize(
    ("writes", "winner"),
    [
        (0, b"frozen"),
        (1, b"frozen"),  # the other one has found an old overlay
        (2, b"other"),  # it has claimed segments.json
        (3, b"other"),  # it has replaced the overlay
        (4, b"other"),  # it is done
    ],
)
def test_a_frozen_try_that_wakes_up_beside_another_leaves_overlay_and_json_of_one_answer(
    cloud: LocalCloud,
    bucket: str,
    results: Results,
    writes: int,
    winner: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    let_it_be_old(monkeypatch)
    frozen, awake = Event(), Event()

    def freeze() -> None:
        frozen.set()
        awake.wait(10)

    def wake_up() -> None:
        awake.set()
        wait([woken])

    def keep(overlay: bytes, cloud_of_it: Cloud) -> Record:
        answer = Answer({"segments": [], "by": overlay.decode()}, overlay)
        return Results(cloud_of_it, bucket, IMAGE).keep(answer, None)

    with ThreadPoolExecutor(1) as pool:
        woken = pool.submit(keep, b"frozen", Interrupted(cloud.environment, 1, freeze))
        frozen.wait(10)
        ended = keep(b"other", Interrupted(cloud.environment, writes, wake_up))
        awake.set()
        wait([woken])

    record = results.record()
    assert record == ended and record.document["by"] == winner.decode()
    assert cloud.download(results.overlay) == winner
    if writes in (2, 3):
        assert isinstance(woken.exception(), AnotherTry)
    else:
        assert woken.result() == record


@pytest.mark.parametrize("write", [2, 3])  # after the claim; after the overlay
def test_where_who_took_over_has_died_too_the_next_delivery_goes_on(
    cloud: LocalCloud, ours: Cloud, bucket: str, results: Results, write: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_overlay(ours, bucket, b"another")

    def die() -> None:
        raise SystemExit

    with monkeypatch.context() as then:
        let_it_be_old(then)
        with pytest.raises(SystemExit):
            Results(Interrupted(cloud.environment, write, die), bucket, IMAGE).keep(OURS, None)

    claim = results.record()
    assert claim and claim.status == "failed" and not claim.is_final_for("7")
    assert claim.problem and claim.problem["type"] == "urn:maskserve:taken-over"
    with pytest.raises(AnotherTry):
        results.keep(Answer({"segments": []}, b"of other bytes"), claim)
    if write == 2:
        let_it_be_old(monkeypatch)

    done = results.keep(OURS, claim)

    assert done.document == OURS.document and results.record() == done
    assert cloud.download(results.overlay) == OURS.overlay
