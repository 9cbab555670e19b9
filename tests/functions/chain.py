"""The chain as it is deployed: bucket, Pub/Sub, the function in its own process, a stub of the service."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from free_ports import free_port
from stub_service import StubService

from scripts.local_cloud import MAX_DELIVERY_ATTEMPTS, LocalCloud
from scripts.processes import Process, accepts

ROOT = Path(__file__).parents[2]
FRAMEWORK = ROOT / ".venv" / "function" / "bin" / "functions-framework"
SECONDS_TO_COME_AGAIN = 1.5  # after which the emulator has delivered again what was refused

Message = dict[str, Any]


def wait_until(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.05)


class Chain:
    """Buckets, topics and subscriptions of one test, and the function between them.

    Attributes:
        address: of the function.
        images, results: the buckets.
        messages: all results published so far, as far as `receive` has seen them.
        dead: the dead letters, likewise.
    """

    def __init__(
        self, cloud: LocalCloud, service: StubService, name: str, notifications: str, folder: Path
    ) -> None:
        self.cloud = cloud
        self.service = service
        self.images = f"{name}-images"
        self.results = f"{name}-results"
        self.notifications = notifications
        self.messages: list[Message] = []
        self.dead: list[Any] = []
        self._name = name
        self._log = folder / "function.log"
        self._port = free_port()
        self.address = f"http://127.0.0.1:{self._port}"
        self._function: Process | None = None
        for bucket in (self.images, self.results):
            cloud.create_bucket(bucket)
        self.result_topic = cloud.create_topic(f"{name}-results")
        cloud.subscribe(f"{name}-results", self.result_topic)
        dead_letters = cloud.create_topic(f"{name}-dead")
        cloud.subscribe(f"{name}-dead", dead_letters)
        cloud.subscribe(f"{name}-all", notifications)
        self._dead_letters = dead_letters
        self._subscribe_function(MAX_DELIVERY_ATTEMPTS)

    def _subscribe_function(self, attempts: int) -> None:
        self.cloud.subscribe_function(
            f"{self._name}-push",
            self.notifications,
            self.address,
            self._dead_letters,
            attempts,
        )

    def deliver_at_most(self, attempts: int) -> None:
        """From now on; what has not been delivered by now is forgotten."""
        self.cloud.unsubscribe(f"{self._name}-push")
        self._subscribe_function(attempts)

    def start(self, **settings: str) -> None:
        """Start the function."""
        environment = {
            **self.cloud.environment,
            "RESULT_BUCKET": self.results,
            "RESULT_TOPIC": self.result_topic,
            "SERVICE_URL": self.service.url,
            **settings,
        }
        options = ["--target=segment", "--host=127.0.0.1", f"--port={self._port}"]
        source = f"--source={ROOT / 'functions' / 'main.py'}"
        self._function = Process([FRAMEWORK, source, *options], self._log, environment)
        self._function.wait_until(lambda: accepts(self._port), 20)

    def kill(self) -> None:
        """End the function in the middle of whatever it does."""
        assert self._function
        self._function.kill()

    def close(self) -> None:
        for subscription in ("push", "all"):
            self.cloud.unsubscribe(f"{self._name}-{subscription}")
        if self._function:
            self._function.kill()

    def drop(self, name: str, data: bytes) -> str:
        """Put an image into the bucket; returns its generation."""
        return self.cloud.upload(self.images, name, data)

    def receive(self) -> list[Message]:
        self.messages += [one.document for one in self.cloud.pull(f"{self._name}-results")]
        self.dead += [one.document for one in self.cloud.pull(f"{self._name}-dead")]
        return self.messages

    def wait_for(self, count: int, seconds: float = 20) -> list[Message]:
        """The messages, once there are so many."""
        wait_until(lambda: len(self.receive()) >= count, seconds)
        return self.messages

    def written(self) -> list[str]:
        """Names of results since the last call, in the order of writing, each as often as it was written."""
        seen = self.cloud.pull(f"{self._name}-all")
        mine = [one.attributes for one in seen if one.attributes.get("bucketId") == self.results]
        mine.sort(key=lambda one: int(one["objectGeneration"]))  # notifications overtake each other
        return [one["objectId"] for one in mine if one["eventType"] == "OBJECT_FINALIZE"]

    def json(self, message: Message) -> Any:
        return json.loads(self.cloud.download(message["json"]))

    def log(self) -> list[Mapping[str, Any]]:
        """The function's entries; what else it says fails the test."""
        return [json.loads(line) for line in self._log.read_text().splitlines()]

    def log_of(self, status: str) -> list[Mapping[str, Any]]:
        return [entry for entry in self.log() if entry.get("status") == status]
