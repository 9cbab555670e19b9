"""The work on one image, where the cloud changes between one step and the next."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from stub_origin import Origin, ok

from app.configuration.settings import Settings as ServiceSettings
from cloud import Cloud
from faults import TryAgain
from messages import Image
from service import LONGEST_QUERY
from settings import Settings
from work import Worker

SOURCE = "/storage/v1/b/photos/o/a.png"
UPLOAD = "/upload/storage/v1/b/results/o?uploadType=multipart&ifGenerationMatch=0"
RECORD = "/storage/v1/b/results/o/photos%2Fa.png%2F1%2Fsegments.json?alt=media"
PUBLISH = "/v1/projects/a-project/topics/results:publish"
NO_TIME = timedelta()


def found(generation: int) -> bytes:
    document = {"generation": str(generation), "size": "4", "timeCreated": "2026-11-21T22:37:40.02393Z"}
    return ok(json.dumps(document).encode())


@pytest.fixture
def origin() -> Iterator[Origin]:
    """Cloud Storage and Pub/Sub; there is no object but what tests put there."""
    origin = Origin({UPLOAD: found(7), PUBLISH: ok(b"{}")})
    yield origin
    origin.stop()


@pytest.fixture
def worker(origin: Origin) -> Worker:
    settings = Settings.from_environment(
        {
            "RESULT_BUCKET": "results",
            "RESULT_TOPIC": "projects/a-project/topics/results",
            "SERVICE_URL": "http://127.0.0.1:1",
        }
    )
    address = f"127.0.0.1:{origin.port}"
    return Worker(settings, Cloud({"STORAGE_EMULATOR_HOST": address, "PUBSUB_EMULATOR_HOST": address}))


def test_an_object_overwritten_just_before_it_is_read_is_superseded(worker: Worker, origin: Origin) -> None:
    origin.answers[f"{SOURCE}?generation=1"] = found(1)
    origin.answers[SOURCE] = found(2)

    outcome = worker.finish(Image("photos", "a.png", "1"), "7", NO_TIME)

    assert outcome.status == "superseded"
    assert outcome.problem and "Generation 2" in outcome.problem["detail"]
    assert outcome.json == "gs://results/photos/a.png/1/segments.json"


def test_an_object_deleted_just_before_it_is_read_is_a_failure(worker: Worker, origin: Origin) -> None:
    origin.answers[f"{SOURCE}?generation=1"] = found(1)

    outcome = worker.finish(Image("photos", "a.png", "1"), "7", NO_TIME)

    assert outcome.status == "failed"
    assert outcome.problem and outcome.problem["status"] == 404


def test_where_another_delivery_was_faster_its_result_counts(worker: Worker, origin: Origin) -> None:
    """It is written between this one's first look and its own writing."""

    def refuse(line: object) -> None:
        answer = json.dumps({"segments": [{}, {}]}).encode()
        origin.answers[RECORD] = ok(answer, "X-Goog-Generation: 8")
        line.sendall(ok(b"", status="412 Precondition Failed"))  # type: ignore[attr-defined]

    origin.answers[UPLOAD] = refuse

    outcome = worker.finish(Image("photos", "a.png", "1"), "7", NO_TIME)

    assert (outcome.status, outcome.segments, outcome.problem) == ("done", 2, None)


@pytest.mark.parametrize(("room", "status"), [(-1, "failed"), (0, "asked")])
def test_parameters_that_the_service_would_hang_up_on_are_not_sent(
    worker: Worker, origin: Origin, room: int, status: str
) -> None:
    origin.answers[f"{SOURCE}?generation=1"] = found(1)
    origin.answers[f"{SOURCE}?alt=media&generation=1"] = ok(b"cell", "X-Goog-Generation: 1")
    rest = len("classes=&include=overlay")
    image = Image("photos", "a.png", "1", {"classes": "x" * (LONGEST_QUERY - room - rest)})

    try:
        outcome = worker.finish(image, "7", NO_TIME)
    except TryAgain as asked:
        assert status == "asked" and "the service could not be reached" in str(asked.description)
    else:
        assert outcome.status == status
        assert outcome.problem and outcome.problem["type"] == "urn:maskserve:bad-parameter"


def test_the_longest_query_leaves_room_for_the_headers() -> None:
    default = ServiceSettings.__dataclass_fields__["max_header_bytes"].metadata["default"]
    assert int(default) >= LONGEST_QUERY + 4096
