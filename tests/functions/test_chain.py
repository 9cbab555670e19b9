"""An image in a bucket has its results, and once. On the emulators, with the function's own process."""

from __future__ import annotations

import base64
import json
import time

import pytest
import requests
from chain import SECONDS_TO_COME_AGAIN, Chain, wait_until
from stub_service import PNG

SEGMENTS = {"segments": [{"id": number} for number in range(4)]}


def test_an_image_in_the_bucket_gets_json_and_overlay_by_one_call(chain: Chain) -> None:
    chain.start(SERVICE_API_KEY="secret\n")

    generation = chain.drop("plates/ü 1#?.png", b"cell")

    (message,) = chain.wait_for(1)
    folder = f"gs://{chain.results}/{chain.images}/plates/ü 1#?.png/{generation}"
    assert message == {
        "source": f"gs://{chain.images}/plates/ü 1#?.png",
        "generation": generation,
        "status": "done",
        "segments": 4,
        "overlay": f"{folder}/overlay.png",
        "json": f"{folder}/segments.json",
        "error": None,
    }
    assert chain.json(message) == SEGMENTS  # without the overlay
    assert chain.cloud.download(message["overlay"]) == PNG + b"cell"
    assert [name.rpartition("/")[2] for name in chain.written()] == ["overlay.png", "segments.json"]
    assert chain.service.queries == [[("include", "overlay")]]
    assert chain.service.headers[0]["X-API-Key"] == "secret"


def test_an_event_in_its_own_envelope_is_understood_too(chain: Chain) -> None:
    """As a trigger of Eventarc sends it, in place of a push of Pub/Sub."""
    chain.start()
    chain.drop("cells.png", b"cell")
    chain.wait_for(1)
    data = base64.b64encode(json.dumps({"gcs_uri": f"gs://{chain.images}/cells.png"}).encode()).decode()
    message = {"data": data, "messageId": "7", "publishTime": "2026-11-21T19:34:38.123456789Z"}
    headers = {
        "ce-id": "7",
        "ce-source": "//pubsub.googleapis.com/projects/local/topics/requests",
        "ce-type": "google.cloud.pubsub.topic.v1.messagePublished",
        "ce-specversion": "1.0",
    }

    answer = requests.post(chain.address, json={"message": message}, headers=headers, timeout=5)

    assert answer.ok
    first, second = chain.wait_for(2)
    assert second == first


def test_a_request_by_name_has_its_parameters_in_the_query(chain: Chain) -> None:
    generation = chain.drop("cells.png", b"cell")
    chain.start()
    chain.wait_for(1)
    chain.cloud.delete(chain.results, f"{chain.images}/cells.png/{generation}/segments.json")

    uri = f"gs://{chain.images}/cells.png"
    parameters = {"threshold": 0.7, "classes": ["cell", "fibre"], "page": 2}
    chain.cloud.publish(chain.notifications, {"gcs_uri": uri, "parameters": parameters})

    assert chain.wait_for(2)[1]["generation"] == generation
    assert chain.service.queries[1] == [
        ("threshold", "0.7"),
        ("classes", "cell"),
        ("classes", "fibre"),
        ("page", "2"),
        ("include", "overlay"),
    ]


def test_a_notification_without_payload_is_enough(chain: Chain) -> None:
    """Of such a push the framework makes no event."""
    generation = chain.drop("cells.png", b"cell")
    attributes = {
        "eventType": "OBJECT_FINALIZE",
        "bucketId": chain.images,
        "objectId": "cells.png",
        "objectGeneration": generation,
        "payloadFormat": "NONE",
    }
    chain.cloud.publish(chain.notifications, attributes=attributes)

    chain.start()

    messages = chain.wait_for(2)
    assert [message["status"] for message in messages] == ["done", "done"]
    assert len([name for name in chain.written() if name.endswith("segments.json")]) == 1


def test_what_is_done_is_published_again_and_not_done_again(chain: Chain) -> None:
    chain.start()
    chain.drop("cells.png", b"cell")
    chain.wait_for(1)

    chain.cloud.publish(chain.notifications, {"gcs_uri": f"gs://{chain.images}/cells.png"})

    first, second = chain.wait_for(2)
    assert second == first
    assert chain.service.calls[b"cell"] == 1


def test_a_result_half_written_is_completed(chain: Chain) -> None:
    """The try before it was ended between overlay and segments.json."""
    chain.start()
    generation = chain.drop("cells.png", b"cell")
    chain.wait_for(1)
    folder = f"{chain.images}/cells.png/{generation}"
    chain.cloud.delete(chain.results, f"{folder}/segments.json")
    chain.written()

    chain.cloud.publish(chain.notifications, {"gcs_uri": f"gs://{chain.images}/cells.png"})

    assert chain.json(chain.wait_for(2)[1]) == SEGMENTS
    assert chain.written() == [f"{folder}/segments.json"]  # the overlay was not written again


def test_its_own_results_do_not_trigger_it(chain: Chain) -> None:
    """The notifications here are of all buckets."""
    chain.start()
    chain.drop("cells.png", b"cell")
    chain.wait_for(1)

    uri = f"gs://{chain.results}/{chain.images}/cells.png"
    chain.cloud.publish(chain.notifications, {"gcs_uri": uri})
    chain.drop("more.png", b"more")
    chain.wait_for(2)

    time.sleep(SECONDS_TO_COME_AGAIN)
    assert chain.service.calls == {b"cell": 1, b"more": 1}
    assert len(chain.receive()) == 2
    ignored = chain.log_of("ignored")
    assert len(ignored) == 5  # overlay and JSON of both, and the request
    for entry in ignored:  # somebody must have subscribed the wrong bucket
        assert entry["severity"] == "WARNING"
        assert f"gcloud storage buckets notifications delete gs://{chain.results}" in entry["message"]


def test_what_stands_for_a_folder_is_ignored(chain: Chain) -> None:
    """The console makes an empty object of each."""
    chain.start()
    chain.drop("plates/", b"")
    chain.drop("cells.png", b"cell")

    chain.wait_for(1)
    wait_until(lambda: [one for one in chain.log_of("ignored") if one["severity"] == "INFO"])
    (entry,) = [one for one in chain.log_of("ignored") if one["severity"] == "INFO"]
    assert "plates/" in entry["message"]
    assert chain.service.calls == {b"cell": 1}


def test_malformed_messages_are_said_in_the_log_and_never_come_again(chain: Chain) -> None:
    chain.start()
    chain.cloud.publish(chain.notifications, b"no JSON")
    chain.cloud.publish(chain.notifications, {"gcs_uri": "cells.png"})
    chain.cloud.publish(chain.notifications, attributes={"about": "nothing"})
    chain.drop("cells.png", b"cell")

    chain.wait_for(1)
    time.sleep(SECONDS_TO_COME_AGAIN)

    entries = chain.log_of("malformed")
    assert len({entry["event"] for entry in entries}) == len(entries) == 3
    assert {entry["severity"] for entry in entries} == {"ERROR"}
    assert len(chain.receive()) == 1 and not chain.dead


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, b""),
        ({}, b"no JSON"),
        ({}, b"[]"),
        ({}, b'{"message": 5}'),
        ({}, b'{"message": {"messageId": "1", "attributes": 5}, "subscription": "s"}'),
        ({"ce-id": "1", "ce-source": "s", "ce-type": "t", "ce-specversion": "1.0"}, b"no JSON"),
        ({"ce-id": "1", "ce-source": "s", "ce-type": "t", "ce-specversion": "1.0"}, b"{}"),
    ],
)
def test_a_broken_push_is_acknowledged(chain: Chain, headers: dict[str, str], body: bytes) -> None:
    chain.start()

    answer = requests.post(
        chain.address, body, headers={"Content-Type": "application/json", **headers}, timeout=5
    )

    assert answer.ok
    assert len(chain.log_of("malformed")) == 1


def test_an_object_that_goes_is_ignored(chain: Chain) -> None:
    chain.start()
    chain.drop("cells.png", b"cell")
    chain.wait_for(1)

    chain.cloud.delete(chain.images, "cells.png")
    chain.drop("more.png", b"more")

    chain.wait_for(2)
    assert [entry["message"] for entry in chain.log_of("ignored") if "DELETE" in entry["message"]]
    assert {message["status"] for message in chain.messages} == {"done"}
