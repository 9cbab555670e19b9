"""Overlay and segments.json of one image are of one answer, whichever tries overlapped or died before."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from stub_service import PNG, Reply, StubService

import results as results_module
from cloud import Cloud
from faults import Fault, TryAgain
from messages import Image
from results import Results
from scripts.local_cloud import LocalCloud
from service import Answer
from settings import Settings
from work import Worker

OVERLAPS = 60
FOLDER = "photos/a.png/1"
OURS = Answer({"segments": [{"id": 1}]}, b"our overlay")


@pytest.fixture
def ours(cloud: LocalCloud) -> Cloud:
    return Cloud(cloud.environment)


@pytest.fixture
def bucket(cloud: LocalCloud) -> str:
    name = f"bucket-{time.monotonic_ns()}"
    cloud.create_bucket(name)
    return name


@pytest.fixture
def results(ours: Cloud, bucket: str) -> Results:
    return Results(ours, bucket, Image("photos", "a.png", "1"))


def leave_overlay(cloud: Cloud, bucket: str, data: bytes) -> str | None:
    """As a try does that ends before it writes segments.json; returns its generation."""
    return cloud.write(bucket, f"{FOLDER}/overlay.png", data, "image/png")


def let_it_be_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results_module, "_LONGEST_TRY", timedelta())


def test_an_overlay_of_the_same_bytes_is_kept(ours: Cloud, bucket: str, results: Results) -> None:
    generation = leave_overlay(ours, bucket, OURS.overlay)

    assert results.keep(OURS, None).document == OURS.document

    assert ours.read(bucket, f"{FOLDER}/overlay.png") == (OURS.overlay, generation)


def test_beside_the_young_overlay_of_another_answer_it_is_tried_again(
    ours: Cloud, bucket: str, results: Results
) -> None:
    generation = leave_overlay(ours, bucket, b"another")

    with pytest.raises(TryAgain, match="another try"):
        results.keep(OURS, None)

    assert ours.read(bucket, f"{FOLDER}/overlay.png") == (b"another", generation)
    assert results.record() is None


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
    assert results.record() is None


def test_what_is_done_by_another_try_counts_however_long_this_one_took(
    ours: Cloud, bucket: str, results: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = results.keep(Answer({"segments": []}, b"another"), None)
    let_it_be_old(monkeypatch)

    assert results.keep(OURS, None) == done

    found = ours.read(bucket, f"{FOLDER}/overlay.png")
    assert found and found[0] == b"another"


def test_requests_that_overlap_end_with_overlay_and_json_of_one_call(
    cloud: LocalCloud, ours: Cloud, bucket: str, service: StubService
) -> None:
    both_asked = Barrier(2)

    def by_threshold(_: bytes, query: Mapping[str, str]) -> Reply:
        if not tries_again:
            both_asked.wait(10)
        overlay = base64.b64encode(PNG + query["threshold"].encode()).decode()
        return 200, {"segments": [], "threshold": query["threshold"], "overlay": overlay}

    service.reply = by_threshold
    topic = cloud.create_topic(bucket)
    worker = Worker(
        Settings.from_environment(
            {"RESULT_BUCKET": bucket, "RESULT_TOPIC": topic, "SERVICE_URL": service.url}
        ),
        ours,
    )

    def finish(image: Image) -> bool:
        try:
            return worker.finish(image, image.parameters["threshold"], timedelta()).status == "done"
        except TryAgain:
            return False

    cloud.create_bucket(f"{bucket}-images")
    with ThreadPoolExecutor(2) as pool:
        for number in range(OVERLAPS):
            name = f"{number}.png"
            generation = cloud.upload(f"{bucket}-images", name, b"cell")
            images = [Image(f"{bucket}-images", name, generation, {"threshold": t}) for t in ("0.1", "0.9")]
            tries_again = False
            done = list(pool.map(finish, images))
            tries_again = True
            assert any(done) and all(map(finish, images))

            folder = f"{bucket}-images/{name}/{generation}"
            overlay = cloud.download(f"gs://{bucket}/{folder}/overlay.png").removeprefix(PNG).decode()
            assert json.loads(cloud.download(f"gs://{bucket}/{folder}/segments.json"))["threshold"] == overlay


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no JSON",
        b"\xff",
        b"[" * 100_000,  # too deep
        b"[]",
        b"{}",
        b'{"segments": 5}',
        b'{"segments": [], "error": {"detail": "both"}}',
        b'{"error": 5, "status": "failed"}',
        b'{"error": {"detail": "no status"}}',
    ],
)
def test_a_segments_json_by_somebody_else_is_a_fault_that_says_where_it_is(
    ours: Cloud, bucket: str, results: Results, data: bytes
) -> None:
    ours.write(bucket, f"{FOLDER}/segments.json", data, "application/json")

    with pytest.raises(Fault, match=f"gs://{bucket}/{FOLDER}/segments.json is not by this function"):
        results.record()
