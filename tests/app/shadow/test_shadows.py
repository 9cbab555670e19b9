"""Shadows of a service, whose processes are stand-ins; tests/model/shadowing has the real ones."""

from __future__ import annotations

import io
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from stub_process import StubProcess
from stub_segmenter import StubSegmenter
from werkzeug.test import TestResponse

import app.shadow.shadow
import app.shadow.shadows
from app import create_app
from app.configuration.settings import Settings
from app.configuration.traffic import shadows_in
from app.shadow.quiet import Quiet
from app.shadow.shadows import Shadows
from app.versions.shadow_states import Known, ShadowStates
from model.shadowing.process import ShadowBroken, ShadowFailed, Unsuitable

SHADOW = shadows_in("stub@2")


def wait_until(condition: Callable[[], object], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> StubProcess:
    """The process of every shadow that is started."""
    process = StubProcess()
    monkeypatch.setattr(app.shadow.shadows, "ShadowProcess", lambda *_: process)
    return process


@pytest.fixture
def app_(segmenter: StubSegmenter) -> Flask:
    return create_app({"stub": segmenter}, Settings(shadow_log="on", queue=4))


@pytest.fixture
def client_(app_: Flask) -> Iterator[FlaskClient]:
    with app_.test_client() as client:
        yield client


@pytest.fixture
def shadows(app_: Flask, process: StubProcess) -> Iterator[Shadows]:
    shadows: Shadows = app_.extensions["maskserve_shadows"]
    shadows.use(SHADOW, 1)
    wait_until(lambda: shadows.all()[0].state == "on")
    yield shadows
    shadows.use((), 1)


def ask(client: FlaskClient, png: bytes, query: str = "") -> TestResponse:
    response = client.post(f"/api/v1/segment{query}", data=png, content_type="image/png", buffered=True)
    response.close()
    return response


def counted(client: FlaskClient, name: str, **labels: str) -> float:
    """The value of a metric with these labels, 0 if there is none."""
    for line in client.get("/metrics").text.splitlines():
        if line.startswith(f"maskserve_{name}{{") and all(f'{k}="{v}"' in line for k, v in labels.items()):
            return float(line.rpartition(" ")[2])
    return 0.0


def test_a_shadow_gets_the_answered_picture_and_the_comparison_is_reported(
    client_: FlaskClient,
    shadows: Shadows,
    process: StubProcess,
    png: bytes,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    answer = ask(client_, png, "?threshold=0.7").json
    assert answer is not None
    wait_until(lambda: counted(client_, "shadow_compared_total", version="1", shadow_version="2"))
    (picture,) = process.pictures
    assert picture.image.shape == (48, 64, 3)
    assert picture.wishes.threshold == 0.7
    assert len(picture.result.segments) == len(answer["segments"])
    (entry,) = [record.entry for record in caplog.records if "shadow" in getattr(record, "entry", {})]
    infer_ms = entry["shadow"].pop("infer_ms")
    assert infer_ms >= 0
    assert entry["shadow"] == {
        "request_id": answer["request_id"],
        "image": 0,
        "model": "stub",
        "version": "1",
        "shadow_version": "2",
        "matched": 1.0,
        "count": 2,
        "shadow_count": 2,
        "score_difference": 0.0,
        "shadow_infer_ms": 12.0,
    }


def test_each_picture_of_a_batch_has_its_place_in_the_request(
    client_: FlaskClient, shadows: Shadows, process: StubProcess, png: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    images = [(io.BytesIO(png), f"{number}.png") for number in range(2)]
    client_.post("/api/v1/batch", data={"image": images}, buffered=True).close()
    wait_until(lambda: len(process.pictures) == 2)
    wait_until(lambda: counted(client_, "shadow_compared_total") == 2)
    entries = [getattr(record, "entry", {}) for record in caplog.records]
    assert [entry["shadow"]["image"] for entry in entries if "shadow" in entry] == [0, 1]


def test_the_shadow_begins_only_after_the_answer(
    client_: FlaskClient, shadows: Shadows, process: StubProcess, png: bytes
) -> None:
    response = client_.post("/api/v1/segment", data=png, content_type="image/png")
    assert response.status_code == 200
    time.sleep(0.2)
    assert not process.pictures  # the client still reads
    response.close()
    wait_until(lambda: process.pictures)


def test_a_request_that_arrives_pauses_the_shadow_at_once_until_it_is_answered(
    client_: FlaskClient, shadows: Shadows, process: StubProcess, segmenter: StubSegmenter, png: bytes
) -> None:
    process.may_finish.clear()
    ask(client_, png)
    assert process.begun.acquire(timeout=60)
    segmenter.may_finish.clear()
    thread = threading.Thread(target=ask, args=(client_.application.test_client(), png))
    thread.start()
    segmenter.running.acquire()
    wait_until(lambda: segmenter.running.acquire(timeout=10))
    assert process.is_paused
    segmenter.may_finish.set()
    thread.join()
    assert not process.is_paused
    process.may_finish.set()


def test_under_load_pictures_are_dropped_and_callers_answered(
    client_: FlaskClient, shadows: Shadows, process: StubProcess, png: bytes
) -> None:
    process.may_finish.clear()
    assert [ask(client_, png).status_code for _ in range(6)] == [200] * 6
    assert counted(client_, "shadow_dropped_total", reason="busy") == 4
    process.may_finish.set()
    wait_until(lambda: counted(client_, "shadow_compared_total") == 2)


def test_a_shadow_that_keeps_failing_is_switched_off_and_answers_stay_the_same(
    client_: FlaskClient, shadows: Shadows, process: StubProcess, png: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    process.failures = [ShadowFailed("crash", "status -11"), ShadowFailed("hang", "120 s")]
    process.failures += [ShadowFailed("error", "NaN")]
    before = ask(client_, png).json
    for number in (2, 3):
        wait_until(lambda n=number: len(process.pictures) == n - 1 and not process.is_paused)
        wait_until(lambda: shadows.all()[0]._process is not None and not shadows.all()[0]._waiting._pictures)
        ask(client_, png)
    wait_until(lambda: shadows.all()[0].state == "off")
    assert "it failed 3 times in a row; the last time, NaN" in caplog.text
    after = ask(client_, png).json
    assert before and after and before["segments"] == after["segments"]
    for kind in ("crash", "hang", "error"):
        assert counted(client_, "shadow_failures_total", kind=kind) == 1
    assert counted(client_, "shadow_off", model="stub", shadow_version="2") == 1
    assert counted(client_, "shadow_dropped_total", reason="off") == 1

    shadows.use(SHADOW, 1)  # set again, it is tried again
    wait_until(lambda: shadows.all()[0].state == "on")
    assert counted(client_, "shadow_off", model="stub", shadow_version="2") == 0


def test_failures_with_successes_in_between_do_not_switch_it_off(
    client_: FlaskClient, shadows: Shadows, process: StubProcess, png: bytes
) -> None:
    for number in range(1, 9):
        if number % 3:
            process.failures = [ShadowFailed("crash", "status -11")]
        ask(client_, png)
        wait_until(lambda n=number: len(process.pictures) == n)
        wait_until(lambda: shadows.all()[0]._process is not None and not shadows.all()[0]._waiting._pictures)
    assert shadows.all()[0].state == "on"


def test_a_version_that_cannot_be_used_is_off_with_the_reason(
    app_: Flask, client_: FlaskClient, monkeypatch: pytest.MonkeyPatch, png: bytes
) -> None:
    def broken(*_: object) -> StubProcess:
        raise ShadowBroken("model stub fails its self-test")

    monkeypatch.setattr(app.shadow.shadows, "ShadowProcess", broken)
    shadows: Shadows = app_.extensions["maskserve_shadows"]
    shadows.use(SHADOW, 1)
    wait_until(lambda: shadows.all()[0].state == "off")
    assert shadows.all()[0].reason == "model stub fails its self-test"
    assert ask(client_, png).status_code == 200


def test_an_unsuitable_picture_is_dropped_and_no_failure(
    client_: FlaskClient, shadows: Shadows, process: StubProcess, png: bytes
) -> None:
    process.failures = [Unsuitable("no such class")] * 5
    for number in range(1, 6):
        ask(client_, png)
        wait_until(lambda n=number: counted(client_, "shadow_dropped_total", reason="unsuitable") == n)
    assert shadows.all()[0].state == "on"


@pytest.mark.parametrize(("share", "least", "most"), [(0.0, 0, 0), (0.5, 5, 35), (1.0, 40, 40)])
def test_only_a_share_of_the_pictures_is_taken(
    app_: Flask, process: StubProcess, png: bytes, share: float, least: int, most: int
) -> None:
    shadows: Shadows = app_.extensions["maskserve_shadows"]
    shadows.use(SHADOW, share)
    if share:
        wait_until(lambda: shadows.all()[0].state == "on")
    client = app_.test_client()
    for _ in range(40):
        ask(client, png)
    seen = counted(client, "shadow_compared_total") + counted(client, "shadow_dropped_total")
    wait_until(lambda: not shadows.all() or not shadows.all()[0]._waiting._pictures)
    seen = counted(client, "shadow_compared_total") + counted(client, "shadow_dropped_total")
    assert least <= seen <= most
    shadows.use((), 1)


def test_a_service_that_is_never_idle_has_its_shadow_all_the_same(
    app_: Flask, process: StubProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.shadow.shadow, "LONGEST_WAIT", 0.3)
    shadows: Shadows = app_.extensions["maskserve_shadows"]
    with shadows.working():
        shadows.use(SHADOW, 1)
        (shadow,) = shadows.all()
        time.sleep(0.1)
        assert shadow.state == "starting"
        wait_until(lambda: shadow.state == "on")
    shadows.use((), 1)


def test_a_pause_at_the_very_end_of_a_comparison_does_not_last(process: StubProcess) -> None:
    quiet = Quiet()
    with quiet.used(process.pause, process.resume, 1):
        request = quiet.disturbed()
        request.__enter__()
    request.__exit__(None, None, None)
    assert process.is_paused  # nobody listened any more
    with quiet.used(process.pause, process.resume, 1):
        assert not process.is_paused


def test_a_picture_that_its_own_version_answered_is_not_compared(
    app_: Flask, process: StubProcess, png: bytes
) -> None:
    shadows: Shadows = app_.extensions["maskserve_shadows"]
    shadows.use(shadows_in("stub@1"), 1)
    wait_until(lambda: shadows.all()[0].state == "on")
    ask(app_.test_client(), png)
    time.sleep(0.1)
    assert not process.pictures
    shadows.use((), 1)


def test_a_shadow_that_is_taken_away_ends_its_process(
    client_: FlaskClient, shadows: Shadows, process: StubProcess, png: bytes
) -> None:
    process.may_finish.clear()
    ask(client_, png)
    assert process.begun.acquire(timeout=60)
    shadows.use((), 1)
    wait_until(lambda: process.is_ended)
    assert ask(client_, png).status_code == 200


def test_administrators_see_how_the_shadows_are(
    app_: Flask, shadows: Shadows, monkeypatch: pytest.MonkeyPatch
) -> None:
    states: ShadowStates = app_.extensions["maskserve"].traffic.shadow_states

    def known() -> list[tuple[str, str, str | None]]:
        return [(one.shadow, one.state, one.reason) for one in states.all()]

    assert known() == [("stub@2", "ready", None)]

    def broken(*_: object) -> StubProcess:
        raise ShadowBroken("model stub fails its self-test")

    monkeypatch.setattr(app.shadow.shadows, "ShadowProcess", broken)
    with shadows.working():  # it waits for a moment without requests
        shadows.use(shadows_in("stub@3"), 1)
        assert known() == [("stub@3", "loading", None)]
    wait_until(lambda: known() == [("stub@3", "failed", "model stub fails its self-test")])
    shadows.use((), 1)
    assert known() == []


def test_each_process_tells_the_others_how_its_shadows_are(tmp_path: Path) -> None:
    shadow = SimpleNamespace(version="stub@2", state="off", reason="it crashed")
    processes = SimpleNamespace(folder=tmp_path, alone=nullcontext, living=lambda: [os.getpid(), 0, 1])
    states = ShadowStates(processes, lambda: [shadow])  # type: ignore[arg-type, list-item]
    states.tell()
    (tmp_path / f"{os.getpid()}.shadows").rename(tmp_path / "0.shadows")  # process 1 has told nothing yet
    shadow.state, shadow.reason = "on", None
    assert states.all() == [Known("stub@2", "failed", {"ready": 1, "failed": 1}, "it crashed")]
