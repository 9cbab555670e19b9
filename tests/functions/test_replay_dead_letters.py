"""scripts/replay_dead_letters.py, against the emulator of Pub/Sub."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from scripts.local_cloud import PROJECT, LocalCloud, Received
from scripts.replay_dead_letters import PubSub

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Letters:
    """A topic of images and one of dead letters, each with a subscription of the same name."""

    cloud: LocalCloud
    images: str
    dead: str

    def bury(self, *numbers: int) -> None:
        for number in numbers:
            attributes = {
                "objectId": f"{number}.png",
                "bucketId": "b",
                "eventType": "OBJECT_FINALIZE",
                "CloudPubSubDeadLetterSourceDeliveryCount": "100",
            }
            self.cloud.publish(f"projects/{PROJECT}/topics/{self.dead}", {"number": number}, attributes)

    def replay(self, *options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "scripts.replay_dead_letters", PROJECT]
        command += [f"--topic={self.images}", f"--subscription={self.dead}", *options]
        environment = {**os.environ, **self.cloud.environment}
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)

    def published(self) -> list[Received]:
        return self.cloud.pull(self.images)

    def left(self) -> int:
        time.sleep(0.2)  # until the emulator gives again what was given back
        return len(self.cloud.pull(self.dead))


@pytest.fixture
def letters(cloud: LocalCloud) -> Iterator[Letters]:
    name = f"replay-{time.monotonic_ns()}"
    made = Letters(cloud, f"{name}-images", f"{name}-dead")
    for topic in (made.images, made.dead):
        cloud.create_topic(topic)
        cloud.subscribe(topic, f"projects/{PROJECT}/topics/{topic}")
    yield made
    for topic in (made.images, made.dead):
        cloud.unsubscribe(topic)


def test_dead_letters_are_published_as_they_were_and_gone(letters: Letters) -> None:
    letters.bury(*range(130))  # more than one pull gives
    done = letters.replay()
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(f"\n130 published again to {letters.images}.\n")
    assert "gs://b/7.png\n" in done.stdout
    again = letters.published()
    assert sorted(one.document["number"] for one in again) == list(range(130))
    for one in again:
        number = one.document["number"]
        expected = {"objectId": f"{number}.png", "bucketId": "b", "eventType": "OBJECT_FINALIZE"}
        assert one.attributes == expected  # without Pub/Sub's own
    assert letters.left() == 0


def test_a_dry_run_lists_them_and_leaves_them(letters: Letters) -> None:
    letters.bury(1, 2)
    done = letters.replay("--dry-run")
    assert sorted(done.stdout.splitlines()) == [
        f"2 would be published again to {letters.images}.",
        "gs://b/1.png",
        "gs://b/2.png",
    ]
    assert letters.published() == []
    assert letters.left() == 2


def test_a_limit_leaves_the_rest(letters: Letters) -> None:
    letters.bury(1, 2, 3)
    assert letters.replay("--limit", "2").stdout.endswith(f"\n2 published again to {letters.images}.\n")
    assert len(letters.published()) == 2
    assert letters.left() == 1


def test_what_cannot_be_published_stays_a_dead_letter(letters: Letters) -> None:
    letters.bury(1)

    class Asked(requests.Session):
        calls: list[str] = []  # noqa: RUF012

        def post(self, url: Any, *arguments: Any, **wishes: Any) -> requests.Response:
            self.calls.append(str(url).rpartition(":")[2])
            return super().post(url, *arguments, **wishes)

    service = f"http://{letters.cloud.environment['PUBSUB_EMULATOR_HOST']}"
    pubsub = PubSub(Asked(), service, PROJECT, "no-such-topic", letters.dead)
    with pytest.raises(requests.HTTPError):
        list(pubsub.replay(None))
    assert Asked.calls == ["pull", "publish"]  # and nothing acknowledged
