"""A crash is said once, with its image, and ends with the dead letters, whichever way the message came."""

from __future__ import annotations

import pytest
import requests
from chain import Chain, wait_until
from stub_origin import Origin, ok


def test_a_crash_is_said_once_with_its_image_and_ends_with_the_dead_letters(chain: Chain) -> None:
    strange = Origin({"/storage/v1/b/photos/o/a.png": ok(b"no JSON")})
    chain.deliver_at_most(5)
    chain.start(STORAGE_EMULATOR_HOST=f"127.0.0.1:{strange.port}")
    chain.cloud.publish(chain.notifications, {"gcs_uri": "gs://photos/a.png"})

    wait_until(lambda: chain.receive() or chain.dead, 60)
    strange.stop()

    assert not chain.messages
    assert chain.dead == [{"gcs_uri": "gs://photos/a.png"}]
    crashes = chain.log_of("crashed")
    assert [entry for entry in chain.log() if "stack_trace" in entry] == crashes
    assert len(crashes) >= 5 and len({entry["event"] for entry in crashes}) == 1
    for entry in crashes:
        assert (entry["severity"], entry["object"]) == ("ERROR", "gs://photos/a.png")
        assert "generation" in entry and "JSONDecodeError" in entry["stack_trace"]


@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        (ok(b"without generation"), 500, "crashed"),
        (ok(b"", status="403 Forbidden"), 503, "again"),
    ],
)
def test_a_notification_without_payload_ends_as_others_do_and_is_said_once(
    chain: Chain, answer: bytes, status: int, said: str
) -> None:
    record = f"/storage/v1/b/{chain.results}/o/photos%2Fa.png%2F1%2Fsegments.json?alt=media"
    strange = Origin({record: answer})
    chain.start(STORAGE_EMULATOR_HOST=f"127.0.0.1:{strange.port}")
    attributes = {
        "eventType": "OBJECT_FINALIZE",
        "bucketId": "photos",
        "objectId": "a.png",
        "objectGeneration": "1",
    }
    push = {"message": {"messageId": "7", "attributes": attributes}, "subscription": "s"}

    found = requests.post(chain.address, json=push, timeout=10)
    strange.stop()

    assert found.status_code == status
    (entry,) = [entry for entry in chain.log() if entry["severity"] != "INFO"]
    assert (entry["status"], entry["event"], entry["object"]) == (said, "7", "gs://photos/a.png")
    assert entry["generation"] == "1"
