"""Cloud Storage and Pub/Sub: the few calls that the function needs."""

from __future__ import annotations

import base64
import json
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import google.auth
import requests
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import AuthorizedSession
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from faults import Fault, TryAgain, too_large

_SCOPES = (
    "https://www.googleapis.com/auth/devstorage.read_write",
    "https://www.googleapis.com/auth/pubsub",
)
_CHUNK = 256 * 1024  # bytes
_TIMEOUT = (10, 60)  # seconds to connect, and between two packets

# Short failures are retried right here, because a redelivery would repeat the inference. All calls are safe
# to repeat: writes have a precondition, and messages are published at least once anyway.
_RETRY = Retry(
    total=3,
    backoff_factor=0.3,
    status_forcelist=(429, 500, 502, 503, 504),
    allowed_methods=None,
    raise_on_status=False,
)


@dataclass(frozen=True)
class Object:
    """Metadata of an object in Cloud Storage.

    Attributes:
        size: in bytes.
        created: when this generation was written.
        md5: of its content, in base64; None for composite objects.
    """

    generation: str
    size: int
    created: datetime
    md5: str | None


class Cloud:
    """Cloud Storage and Pub/Sub, or the emulators that the environment names.

    Every call raises TryAgain if there is no response, or an unexpected one.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._storage = _at(environment.get("STORAGE_EMULATOR_HOST")) or "https://storage.googleapis.com"
        self._pubsub = _at(environment.get("PUBSUB_EMULATOR_HOST")) or "https://pubsub.googleapis.com"
        self._open = _prepared(requests.Session())
        self._authorized: requests.Session | None = None

    def look_up(self, bucket: str, name: str, generation: str | None = None) -> Object | None:
        """The metadata of an object, by default of its live generation; None if it does not exist.

        Raises:
            Fault: Cloud Storage answers 400, so a retry is pointless.
        """
        response = self._storage_call("GET", _path(bucket, name), {"generation": generation})
        if response is None:
            return None
        found = response.json()
        return Object(
            str(found["generation"]),
            int(found["size"]),
            datetime.fromisoformat(found["timeCreated"]),
            found.get("md5Hash"),
        )

    def read(
        self, bucket: str, name: str, generation: str | None = None, max_bytes: int = sys.maxsize
    ) -> tuple[bytes, str] | None:
        """An object's content and generation; None if it does not exist.

        Raises:
            Fault: it has more than `max_bytes` (an object stored compressed can exceed its reported size); or
                Cloud Storage answers 400, so a retry is pointless.
        """
        parameters = {"alt": "media", "generation": generation}
        response = self._storage_call("GET", _path(bucket, name), parameters, stream=True)
        if response is None:
            return None
        with response:
            received = bytearray()
            try:
                for chunk in response.iter_content(_CHUNK):
                    received += chunk
                    if len(received) > max_bytes:
                        raise too_large(max_bytes)
            except requests.RequestException as error:
                raise TryAgain(f"the download from Cloud Storage was interrupted: {error}") from error
            return bytes(received), response.headers["X-Goog-Generation"]

    def write(
        self, bucket: str, name: str, data: bytes, content_type: str, replacing: str = "0"
    ) -> str | None:
        """Write an object, if its live generation is `replacing`; "0": if it does not exist.

        Returns:
            The new generation; None if the live generation is another one.
        """
        boundary = secrets.token_hex(16)
        metadata = json.dumps({"name": name, "contentType": content_type}).encode()
        body = b"".join(
            (
                f"--{boundary}\r\nContent-Type: application/json\r\n\r\n".encode(),
                metadata,
                f"\r\n--{boundary}\r\nContent-Type: {content_type}\r\n\r\n".encode(),
                data,
                f"\r\n--{boundary}--\r\n".encode(),
            )
        )
        response = self._call(
            "POST",
            f"{self._storage}/upload/storage/v1/b/{bucket}/o",
            params={"uploadType": "multipart", "ifGenerationMatch": replacing},
            data=body,
            headers={"Content-Type": f"multipart/related; boundary={boundary}"},
        )
        if response.status_code == requests.codes.precondition_failed:
            return None
        _check(response, f"writing gs://{bucket}")
        return str(response.json()["generation"])

    def publish(self, topic: str, document: Mapping[str, Any], attributes: Mapping[str, str]) -> None:
        """Publish `document` as JSON."""
        data = base64.b64encode(json.dumps(document).encode()).decode("ascii")
        message = {"data": data, "attributes": dict(attributes)}
        response = self._call("POST", f"{self._pubsub}/v1/{topic}:publish", json={"messages": [message]})
        _check(response, f"publishing to {topic}")

    def _storage_call(
        self, method: str, path: str, parameters: Mapping[str, str | None], stream: bool = False
    ) -> requests.Response | None:
        """The response of Cloud Storage; None if the object does not exist."""
        response = self._call(method, f"{self._storage}/storage/v1/{path}", params=parameters, stream=stream)
        if response.status_code == requests.codes.not_found:
            return None
        if response.status_code == requests.codes.bad_request:
            words = f"Cloud Storage rejected the request for {path}: {response.text[:300]}"
            raise Fault.of("refused", HTTPStatus.BAD_REQUEST, words)
        _check(response, "reading from Cloud Storage")
        return response

    def _call(self, method: str, url: str, **wishes: Any) -> requests.Response:
        try:
            return self._session(url).request(method, url, timeout=_TIMEOUT, **wishes)
        except (requests.RequestException, GoogleAuthError) as error:
            raise TryAgain(f"{url} could not be reached: {error}") from error

    def _session(self, url: str) -> requests.Session:
        """One session for all requests: it reuses connections and, except for emulators, the access token."""
        if url.startswith("http:"):
            return self._open
        if self._authorized is None:
            credentials, _ = google.auth.default(scopes=_SCOPES)
            self._authorized = _prepared(AuthorizedSession(credentials))
        return self._authorized


def _at(host: str | None) -> str | None:
    """An emulator's address; the scheme defaults to http."""
    return host if not host or "://" in host else f"http://{host}"


def _prepared(session: requests.Session) -> requests.Session:
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=_RETRY, pool_maxsize=64))
    return session


def _path(bucket: str, name: str) -> str:
    return f"b/{bucket}/o/{quote(name, safe='')}"


def _check(response: requests.Response, what: str) -> None:
    """Raise TryAgain on any error: even a missing role may have been granted by the next try."""
    if not response.ok:
        raise TryAgain(f"{what}: status {response.status_code}: {response.text[:300]}")
