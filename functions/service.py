"""Client of the service: sends an image with parameters, receives segments and overlay."""

from __future__ import annotations

import binascii
import hashlib
import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import requests

from faults import Fault, TryAgain
from messages import Image
from settings import Settings

_SECONDS_TO_CONNECT = 10
_CHUNK = 256 * 1024  # bytes

# The service accepts 32 KiB of request line and headers (default of MASKSERVE_MAX_HEADER_BYTES); beyond that
# it answers 431. 4 KiB are enough for everything but the query.
LONGEST_QUERY = 28 * 1024  # bytes

_PNG = b"\x89PNG\r\n\x1a\n"

# Temporary refusals, not caused by the image: a wrong key or role, a slow upload, too many requests.
_FOR_NOW = (401, 403, 408, 429)

# Permanent refusals of the image or the query, even if a proxy in front of the service answers: its size
# limit will not change. Others are temporary then: a load balancer answers 404 while it has no route.
_FOR_GOOD_BY_ANYBODY = (400, 413, 414, 415, 422, 431)


@dataclass(frozen=True)
class Answer:
    """The answer of the service: JSON without the overlay, and the overlay as PNG."""

    document: dict[str, Any]
    overlay: bytes


class Service:
    """The segmentation service."""

    def __init__(self, settings: Settings) -> None:
        self._url = f"{settings.service_url}/api/v1/segment"
        self._timeout = (_SECONDS_TO_CONNECT, settings.service_timeout)
        key = settings.service_api_key
        self._headers = {
            "Content-Type": "application/octet-stream",
            "Accept": "application/json",
            **({"X-API-Key": key} if key else {}),
        }

    def segment(self, data: bytes, image: Image, request_id: str) -> Answer:
        """Request the segments of the image file `data`: one inference for both JSON and overlay.

        Raises:
            Fault: the service rejects the image or its parameters.
            TryAgain: the service cannot be reached, has failed, or has no capacity now.
        """
        # A list of pairs, so that an `include` in the parameters adds to ours.
        query = urlencode([*image.parameters.items(), ("include", "overlay")], doseq=True)
        if len(query) > LONGEST_QUERY:
            words = f"The parameters have more than {LONGEST_QUERY:,} bytes as a query string, the maximum."
            raise Fault.of("bad-parameter", HTTPStatus.BAD_REQUEST, words)
        try:
            with requests.post(
                self._url,
                params=query,
                data=data,
                headers={**self._headers, "X-Request-Id": request_id, "X-Session": _session_of(image)},
                timeout=self._timeout,
                allow_redirects=False,  # a redirect turns POST into GET, without the image
                stream=True,
            ) as response:
                return _answer_in(response)
        except requests.RequestException as error:
            raise TryAgain(f"the service could not be reached: {error}") from error


def _session_of(image: Image) -> str:
    """The session of an object's events: a service that splits its traffic answers all with one version.

    It is a hash, because a name may have characters that a header cannot have.
    """
    return hashlib.sha256(image.uri.encode()).hexdigest()[:32]


def _answer_in(response: requests.Response) -> Answer:
    status = response.status_code
    if 400 <= status < 500 and status not in _FOR_NOW:
        problem = _problem_in(response)
        if problem:
            raise Fault(problem)
    if status in _FOR_GOOD_BY_ANYBODY:
        raise Fault.of("refused", status, f"The service answered with status {status}.")
    if status != requests.codes.ok:
        raise TryAgain(f"the service answered {status}: {response.text[:300]}")
    try:
        document = json.loads(_text_in(response))
        overlay = binascii.a2b_base64(document.pop("overlay"), strict_mode=True)
        expected = overlay.startswith(_PNG) and isinstance(document["segments"], list)
    except (ValueError, KeyError, TypeError, AttributeError):
        expected = False
    if not expected:
        raise Fault.of(
            "bad-parameter",
            HTTPStatus.BAD_REQUEST,
            "The service's answer is not JSON with segments and a PNG overlay. Remove output and image_format"
            " from the parameters.",
        )
    return Answer(document, overlay)


def _text_in(response: requests.Response) -> str:
    """The text of the response. Not `response.text`, which also keeps the bytes: each can have 200 MB."""
    received = bytearray()
    for chunk in response.iter_content(_CHUNK):
        received += chunk
    return received.decode()


def _problem_in(response: requests.Response) -> dict[str, Any] | None:
    """The problem document of the service; None if something in front of it has answered."""
    try:
        problem = response.json()
    except ValueError:
        return None
    return problem if isinstance(problem, dict) and "detail" in problem else None
