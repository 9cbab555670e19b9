"""The service: an image and parameters in, its answer and its overlay out."""

from __future__ import annotations

import binascii
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

# The service takes 32 KiB of request line and headers (the default of its MASKSERVE_MAX_HEADER_BYTES); more
# is 431. 4 KiB are more than the rest of them needs.
LONGEST_QUERY = 28 * 1024  # bytes

_PNG = b"\x89PNG\r\n\x1a\n"

# Refusals that say nothing of the image: a wrong key or role, a slow upload, too many requests.
_FOR_NOW = (401, 403, 408, 429)

# Refusals of the image or the query, for good even where something before the service says them: a proxy's
# limit on bodies is the same the next time. Others are for now: a load balancer without a route says 404.
_FOR_GOOD_BY_ANYBODY = (400, 413, 414, 415, 422, 431)


@dataclass(frozen=True)
class Answer:
    """What the service found: its JSON answer, without the overlay, and the overlay as PNG."""

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
        """Ask for the segments of the image file `data`, by one inference for both JSON and overlay.

        Raises:
            Fault: the service refuses the image or its parameters.
            TryAgain: it cannot be reached, has failed, or cannot serve it now.
        """
        # Pairs: an `include` among the parameters adds to ours.
        query = urlencode([*image.parameters.items(), ("include", "overlay")], doseq=True)
        if len(query) > LONGEST_QUERY:
            words = (
                f"As a query the parameters have more than {LONGEST_QUERY:,} bytes, the most that is sent."
            )
            raise Fault.of("bad-parameter", HTTPStatus.BAD_REQUEST, words)
        try:
            with requests.post(
                self._url,
                params=query,
                data=data,
                headers={**self._headers, "X-Request-Id": request_id},
                timeout=self._timeout,
                allow_redirects=False,  # it would become a GET, without the image
                stream=True,
            ) as response:
                return _answer_in(response)
        except requests.RequestException as error:
            raise TryAgain(f"the service cannot be asked: {error}") from error


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
            "The service's answer is not JSON with segments and an overlay as PNG: leave output and"
            " image_format out of the parameters.",
        )
    return Answer(document, overlay)


def _text_in(response: requests.Response) -> str:
    """The answer's text, without the bytes that `response.content` would keep: either may have 200 MB."""
    received = bytearray()
    for chunk in response.iter_content(_CHUNK):
        received += chunk
    return received.decode()


def _problem_in(response: requests.Response) -> dict[str, Any] | None:
    """The service's own words; None where something before it refuses."""
    try:
        problem = response.json()
    except ValueError:
        return None
    return problem if isinstance(problem, dict) and "detail" in problem else None
