"""Messages: which image a Pub/Sub message asks for, as a Cloud Storage notification or as a request."""

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
    """A valid message that needs no work.

    Attributes:
        level: the severity for the log.
    """

    level = logging.INFO


class AboutResult(Ignored):
    """A message about an object in RESULT_BUCKET, which has a notification by mistake."""

    level = logging.WARNING


class Malformed(Exception):
    """A message that cannot be parsed. A redelivery would not help."""


@dataclass(frozen=True)
class Image:
    """An image to segment.

    Attributes:
        generation: of the object; None: the live one.
        parameters: query parameters for the service.
    """

    bucket: str
    name: str
    generation: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def uri(self) -> str:
        return f"gs://{self.bucket}/{self.name}"


def image_in(message: Mapping[str, Any]) -> Image:
    """The image that `message` (a PubsubMessage as JSON) asks for.

    Raises:
        Ignored: a notification of anything but a new object.
        Malformed: neither a notification nor a request.
    """
    attributes = message.get("attributes") or {}
    if not isinstance(attributes, Mapping):
        raise Malformed("attributes must be an object")
    image = _notified(attributes) if "eventType" in attributes else _requested(message.get("data"))
    if image.name.endswith("/"):
        raise Ignored(f"{image.uri} is a folder placeholder")
    return image


def _notified(attributes: Mapping[str, Any]) -> Image:
    """The attributes are enough, so notifications may come without payload."""
    if attributes["eventType"] != "OBJECT_FINALIZE":
        raise Ignored(f"notification of type {attributes['eventType']!r}, not OBJECT_FINALIZE")
    bucket, name, generation = (
        str(attributes.get(key, "")) for key in ("bucketId", "objectId", "objectGeneration")
    )
    if not (is_bucket(bucket) and is_object(name) and re.fullmatch("[0-9]{1,19}", generation)):
        raise Malformed("a notification must have a valid bucketId, objectId and objectGeneration")
    return Image(bucket, name, generation)


def _requested(data: object) -> Image:
    try:
        document = json.loads(base64.b64decode(str(data or ""), validate=True))
        json.dumps(document, ensure_ascii=False).encode()  # rejects lone surrogates, which cannot be encoded
    except (binascii.Error, ValueError, RecursionError):
        raise Malformed(
            "expected a request (data: JSON in base64) or a notification (attributes with eventType)"
        ) from None
    if not isinstance(document, dict):
        raise Malformed('the JSON must be an object such as {"gcs_uri": "gs://bucket/photo.jpg"}')
    uri = str(document.get("gcs_uri", ""))
    bucket, _, name = uri.removeprefix("gs://").partition("/")
    if not (uri.startswith("gs://") and is_bucket(bucket) and is_object(name)):
        raise Malformed("the JSON must have a valid gcs_uri, such as gs://bucket/folder/photo.jpg")
    parameters = document.get("parameters") or {}
    if not isinstance(parameters, dict) or not all(map(_fits_a_query, parameters.values())):
        raise Malformed("parameters must be an object whose values are strings, numbers or lists of these")
    return Image(bucket, name, parameters=parameters)


def _fits_a_query(value: object) -> bool:
    values = value if isinstance(value, list) else [value]
    return all(isinstance(one, str | int | float) for one in values)
