"""Pub/Sub: publishes messages to one topic by its REST interface, which needs no further library."""

from __future__ import annotations

import base64
import json
import os
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from requests import Session

_SCOPES = ("https://www.googleapis.com/auth/pubsub",)
_TIMEOUT = (3, 5)  # seconds to connect, and between two packets: callers wait for it
_AT_ONCE = 4  # uwsgi.ini has eight threads more than uploads and queue can occupy, and probes need some


class PublishingFailed(Exception):
    """A message was not published; the message says why, for operators."""


class Topic:
    """A topic; that of an emulator, which needs no credentials, if PUBSUB_EMULATOR_HOST names one."""

    def __init__(self, name: str) -> None:
        """`name`: projects/PROJECT/topics/TOPIC."""
        self.name = name
        self._places = threading.BoundedSemaphore(_AT_ONCE)
        self._lock = threading.Lock()
        self._session: Session | None = None

    def publish(self, document: Mapping[str, Any], attributes: Mapping[str, str]) -> None:
        """Publish `document` as JSON. Raises PublishingFailed, also if other messages are taking too long."""
        if not self._places.acquire(timeout=1):
            raise PublishingFailed(f"{_AT_ONCE} messages are being published already")
        try:
            self._publish(document, attributes)
        finally:
            self._places.release()

    def _publish(self, document: Mapping[str, Any], attributes: Mapping[str, str]) -> None:
        import requests  # these imports take a while, and most services never need them
        from google.auth.exceptions import GoogleAuthError

        data = base64.b64encode(json.dumps(document).encode()).decode("ascii")
        emulator = os.environ.get("PUBSUB_EMULATOR_HOST")
        address = f"http://{emulator}" if emulator else "https://pubsub.googleapis.com"
        try:
            response = self._opened(emulator).post(
                f"{address}/v1/{self.name}:publish",
                json={"messages": [{"data": data, "attributes": dict(attributes)}]},
                timeout=_TIMEOUT,
            )
        except (requests.RequestException, GoogleAuthError) as error:
            raise PublishingFailed(f"{type(error).__name__}: {error}") from error
        if response.status_code != requests.codes.ok:
            raise PublishingFailed(f"Pub/Sub answered {response.status_code}: {response.text[:300]}")

    def _opened(self, emulator: str | None) -> Session:
        """One session for all messages, which keeps connections and credentials."""
        import requests

        with self._lock:
            if self._session is None:
                self._session = requests.Session() if emulator else _authorized()
            return self._session


def _authorized() -> Session:
    import google.auth
    from google.auth.transport.requests import AuthorizedSession

    credentials, _ = google.auth.default(scopes=_SCOPES)
    return AuthorizedSession(credentials)
