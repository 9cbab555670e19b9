"""Overlay and segments.json of one image are of one answer, whichever tries overlapped or died before."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from overlays import FOLDER, OURS, leave_overlay, let_it_be_old
from stub_service import PNG, Reply, StubService

from cloud import Cloud
from faults import AnotherTry, Fault, TryAgain
from messages import Image
from results import Results
from scripts.local_cloud import LocalCloud
from service import Answer
from settings import Settings
from work import Worker

OVERLAPS = 60


def worker_for(cloud: LocalCloud, bucket: str, service: StubService) -> Worker:
    settings = {
        "RESULT_BUCKET": bucket,
        "RESULT_TOPIC": cloud.create_topic(bucket),
        "SERVICE_URL": service.url,
    }
    return Worker(Settings.from_environment(settings), Cloud(cloud.environment))


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


def test_what_is_done_by_another_try_counts_however_long_this_one_took(
    ours: Cloud, bucket: str, results: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = results.keep(Answer({"segments": []}, b"another"), None)
    let_it_be_old(monkeypatch)

    assert results.keep(OURS, None) == done

    found = ours.read(bucket, f"{FOLDER}/overlay.png")
    assert found and found[0] == b"another"


def test_beside_another_try_an_old_event_is_not_given_up(
    cloud: LocalCloud, ours: Cloud, bucket: str, service: StubService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one may publish a result yet: both would be told."""
    cloud.create_bucket(f"{bucket}-images")
    image = Image(f"{bucket}-images", "a.png", cloud.upload(f"{bucket}-images", "a.png", b"cell"))
    overlay = f"{image.bucket}/{image.name}/{image.generation}/overlay.png"
    ours.write(bucket, overlay, b"another", "image/png")
    worker = worker_for(cloud, bucket, service)

    with pytest.raises(AnotherTry):
        worker.finish(image, "7", timedelta(hours=13))

    assert cloud.names(bucket) == [overlay]
    let_it_be_old(monkeypatch)
    assert worker.finish(image, "7", timedelta(hours=13)).status == "done"


def test_requests_that_overlap_end_with_overlay_and_json_of_one_call(
    cloud: LocalCloud, bucket: str, service: StubService
) -> None:
    both_asked = Barrier(2)

    def by_threshold(_: bytes, query: Mapping[str, str]) -> Reply:
        if not tries_again:
            both_asked.wait(10)
        overlay = base64.b64encode(PNG + query["threshold"].encode()).decode()
        return 200, {"segments": [], "threshold": query["threshold"], "overlay": overlay}

    service.reply = by_threshold
    worker = worker_for(cloud, bucket, service)

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

    with pytest.raises(Fault, match=f"gs://{bucket}/{FOLDER}/segments.json was not written by this function"):
        results.record()
