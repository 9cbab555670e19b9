"""Messages: the image that a message of Pub/Sub asks for, a notification of Cloud Storage or a request."""

from __future__ import annotations

import base64
import binascii
import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from names import is_bucket, is_object


class Ignored(Exception):
    """A message that asks for nothing that this function does.

    Attributes:
        level: how much it matters, as logging says it.
    """

    level = logging.INFO


class AboutResult(Ignored):
    """A message about an object in the bucket of results, which somebody has subscribed by mistake."""

    level = logging.WARNING


class Malformed(Exception):
    """A message that cannot be understood, now or later."""


@dataclass(frozen=True)
class Image:
    """An image to segment.

    Attributes:
        generation: which of those that the object had or has; None: the one it has.
        parameters: of the service.
    """

    bucket: str
    name: str
    generation: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def uri(self) -> str:
        return f"gs://{self.bucket}/{self.name}"


def image_in(message: Mapping[str, Any]) -> Image:
    """The image that `message`, a PubsubMessage as JSON, asks to segment.

    Raises:
        Ignored: a notification of something else than a new object.
        Malformed: neither a notification nor a request.
    """
    attributes = message.get("attributes") or {}
    if not isinstance(attributes, Mapping):
        raise Malformed("attributes must be an object")
    image = _notified(attributes) if "eventType" in attributes else _requested(message.get("data"))
    if image.name.endswith("/"):
        raise Ignored(f"{image.uri} stands for a folder")
    return image


def _notified(attributes: Mapping[str, Any]) -> Image:
    """All that is needed is in the attributes, so it does not matter whether there is a payload."""
    if attributes["eventType"] != "OBJECT_FINALIZE":
        raise Ignored(f"a notification of {attributes['eventType']!r}")
    bucket, name, generation = (
        str(attributes.get(key, "")) for key in ("bucketId", "objectId", "objectGeneration")
    )
    if not (is_bucket(bucket) and is_object(name) and re.fullmatch("[0-9]{1,19}", generation)):
        raise Malformed("a notification must have a valid bucketId, objectId and objectGeneration")
    return Image(bucket, name, generation)


def _requested(data: object) -> Image:
    try:
        document = json.loads(base64.b64decode(str(data or ""), validate=True))
        json.dumps(document, ensure_ascii=False).encode()  # half a surrogate pair fits no query and no name
    except (binascii.Error, ValueError, RecursionError):
        raise Malformed("data must be JSON in base64, or attributes those of a notification") from None
    if not isinstance(document, dict):
        raise Malformed('the JSON must be an object such as {"gcs_uri": "gs://bucket/photo.jpg"}')
    uri = str(document.get("gcs_uri", ""))
    bucket, _, name = uri.removeprefix("gs://").partition("/")
    if not (uri.startswith("gs://") and is_bucket(bucket) and is_object(name)):
        raise Malformed("the JSON must have a valid gcs_uri, such as gs://bucket/folder/photo.jpg")
    parameters = document.get("parameters") or {}
    if not isinstance(parameters, dict) or not all(map(_fits_a_query, parameters.values())):
        raise Malformed("parameters must be an object of texts, numbers and lists of them")
    return Image(bucket, name, parameters=parameters)


def _fits_a_query(value: object) -> bool:
    values = value if isinstance(value, list) else [value]
    return all(isinstance(one, str | int | float) for one in values)
