"""The service: an image and parameters in, its answer and its overlay out."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import requests

from faults import Fault, TryAgain
from messages import Image
from settings import Settings

_SECONDS_TO_CONNECT = 10
_PNG = b"\x89PNG\r\n\x1a\n"

# Refusals that say nothing of the image: a wrong key or role, a slow upload, too many requests.
_FOR_NOW = (401, 403, 408, 429)


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
        wishes = [*image.parameters.items(), ("include", "overlay")]
        try:
            response = requests.post(
                self._url,
                params=wishes,
                data=data,
                headers={**self._headers, "X-Request-Id": request_id},
                timeout=self._timeout,
                allow_redirects=False,  # it would become a GET, without the image
            )
        except requests.RequestException as error:
            raise TryAgain(f"the service cannot be asked: {error}") from error
        status = response.status_code
        if 400 <= status < 500 and status not in _FOR_NOW:
            raise Fault(_problem_in(response))
        if status != requests.codes.ok:
            raise TryAgain(f"the service answered {status}: {response.text[:300]}")
        return _answer_in(response)


def _answer_in(response: requests.Response) -> Answer:
    try:
        document = response.json()
        overlay = base64.b64decode(document.pop("overlay"), validate=True)
    except (ValueError, binascii.Error, KeyError, TypeError, AttributeError):
        overlay = b""
    if not overlay.startswith(_PNG):
        raise Fault.of(
            "bad-parameter",
            HTTPStatus.BAD_REQUEST,
            "The service's answer is not JSON with an overlay as PNG: leave output and image_format out of"
            " the parameters.",
        )
    return Answer(document, overlay)


def _problem_in(response: requests.Response) -> dict[str, Any]:
    """The service's own words, or those for a refusal by something before it."""
    try:
        problem = response.json()
    except ValueError:
        problem = None
    if isinstance(problem, dict) and "detail" in problem:
        return problem
    words = f"The service answered with status {response.status_code}."
    return Fault.of("refused", response.status_code, words).problem
