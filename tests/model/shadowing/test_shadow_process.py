"""The process of a shadow: a real one, which loads the shipped model."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.checking.finite import NotFinite
from model.pictures import read
from model.pictures.isolation.wire import file_in_memory, receive, send
from model.results.result import Result, Wishes
from model.results.segments import Segments
from model.segmenter import Segmenter, load
from model.shadowing import child
from model.shadowing.picture import AnsweredPicture
from model.shadowing.process import ShadowBroken, ShadowFailed, ShadowProcess, Unsuitable

SAMPLE = Path(__file__).parents[3] / "app" / "static" / "samples" / "fluorescence.png"


@pytest.fixture(scope="module")
def nuclei() -> Segmenter:
    return load("nuclei")


@pytest.fixture(scope="module")
def picture(nuclei: Segmenter) -> AnsweredPicture:
    image = read(SAMPLE)[:256, :256]
    return AnsweredPicture(image, Wishes(), nuclei.predict(image), nuclei.bundle.manifest.classes)


def started(model: str) -> ShadowProcess:
    process = ShadowProcess(model, None, None, 1)
    process.load()
    return process


@pytest.fixture(scope="module")
def shared() -> Iterator[ShadowProcess]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MASKSERVE_API_KEYS", "secret-key")
        process = started("nuclei")
    yield process
    process.end()


def test_the_same_version_agrees_with_itself(shared: ShadowProcess, picture: AnsweredPicture) -> None:
    agreement, infer_ms = shared.compare(picture)
    assert agreement.count == agreement.shadow_count > 10
    assert agreement.matched == 1
    assert agreement.score_difference == pytest.approx(0, abs=0.02)
    assert infer_ms is not None and infer_ms > 1


def test_a_semantic_model_is_compared_by_its_classes() -> None:
    people = load("people")
    image = read(SAMPLE)[:256, :256]
    answered = AnsweredPicture(image, Wishes(), people.predict(image), people.bundle.manifest.classes)
    process = started("people")
    agreement, _ = process.compare(answered)
    process.end()
    assert agreement.matched is None
    assert agreement.dice == pytest.approx(1, abs=0.01)


def test_it_has_the_lowest_priority_and_is_killed_first(shared: ShadowProcess) -> None:
    assert os.getpriority(os.PRIO_PROCESS, shared.pid) == 19
    assert os.sched_getscheduler(shared.pid) == os.SCHED_IDLE
    assert Path(f"/proc/{shared.pid}/oom_score_adj").read_text().strip() == "1000"


def test_a_model_that_cannot_be_used_is_broken() -> None:
    with pytest.raises(ShadowBroken, match="there is no model 'nothing'"):
        started("nothing")


def test_a_pause_while_it_is_loaded_ends_so_that_it_is_loaded_some_time() -> None:
    process = ShadowProcess("nuclei", None, None, 1)
    process.pause()
    process.load(pauses=0.5)
    process.pause()  # as usual again
    deadline = time.monotonic() + 10
    while "State:\tT" not in Path(f"/proc/{process.pid}/status").read_text():
        assert time.monotonic() < deadline, "it runs on"
        time.sleep(0.01)
    process.end()


def test_it_knows_no_keys_of_the_service(shared: ShadowProcess) -> None:
    assert b"MASKSERVE_API_KEYS" not in Path(f"/proc/{shared.pid}/environ").read_bytes()


def test_a_pause_takes_effect_at_once_and_is_not_counted_as_time(
    shared: ShadowProcess, picture: AnsweredPicture
) -> None:
    compared = threading.Event()

    def compare() -> None:
        assert shared.compare(picture, seconds=30).infer_ms is None  # it says nothing about its speed
        compared.set()

    thread = threading.Thread(target=compare)
    thread.start()
    shared.pause()
    assert not compared.wait(1.5)
    assert "T (stopped)" in Path(f"/proc/{shared.pid}/status").read_text()
    shared.resume()
    assert compared.wait(20)
    thread.join()


def test_what_it_cannot_process_is_unsuitable(shared: ShadowProcess, picture: AnsweredPicture) -> None:
    with pytest.raises(Unsuitable, match="spore"):
        shared.compare(replace(picture, wishes=Wishes(classes=["spore"])))
    assert shared.compare(picture).agreement.matched == 1


@pytest.mark.parametrize(
    ("number", "kind", "message"),
    [
        (signal.SIGSEGV, "crash", "its process ended with status -11"),
        (signal.SIGSTOP, "hang", "it did not answer within 1 seconds"),
    ],
)
def test_a_crash_and_a_hang_are_failures_and_leave_no_process(
    picture: AnsweredPicture, number: int, kind: str, message: str
) -> None:
    process = started("gate")  # which is loaded sooner
    os.kill(process.pid, number)
    with pytest.raises(ShadowFailed, match=message) as raised:
        process.compare(picture, seconds=1)
    assert raised.value.kind == kind
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)


def test_it_ends_with_the_thread_that_started_it_even_if_it_is_paused() -> None:
    processes: list[ShadowProcess] = []

    def start() -> None:
        processes.append(started("gate"))
        processes[0].pause()

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    deadline = time.monotonic() + 10
    while processes[0]._process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_nan_is_a_failure_and_not_a_result(picture: AnsweredPicture) -> None:
    class Broken:
        def predict(self, *_: object, **__: object) -> Result:
            raise NotFinite("model nuclei is broken: 3.0% of the values are NaN")

    ours, theirs = socket.socketpair()
    with ours, theirs, file_in_memory(memoryview(picture.packed())) as file:
        send(ours, {}, file)
        child._obey(theirs, Broken())  # type: ignore[arg-type]
        assert receive(ours).values == {"failed": "model nuclei is broken: 3.0% of the values are NaN"}


def test_the_size_of_a_picture_counts_its_masks() -> None:
    result = Result(
        Segments(
            size=(8, 8),
            boxes=np.array([[0, 0, 4, 4]], np.int32),
            class_ids=np.array([1], np.int32),
            scores=np.array([0.5], np.float32),
            masks=[np.ones((4, 4), np.uint8)],
        )
    )
    assert AnsweredPicture(np.zeros((8, 8, 3), np.uint8), Wishes(), result, []).size == 8 * 8 * 3 + 16
