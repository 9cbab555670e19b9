"""Schemas of request bodies: the forms of an image, and the objects that contain them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Schema = dict[str, Any]

JSON_BODY = "application/json"
FORM_BODY = "multipart/form-data"

FILE: Schema = {"type": "string", "format": "binary", "description": "an image file"}
IMAGE: Schema = {
    "type": "string",
    "contentEncoding": "base64",
    "format": "image",
    "description": "an image file in base64, or a data: URL of it",
}
URL: Schema = {"type": "string", "format": "uri", "description": "the URL of an image"}

NAMED_IMAGES: dict[str, Schema] = {
    "image": IMAGE,
    "url": URL,
    "gcs_uri": {
        "type": "string",
        "pattern": "^gs://[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]/[\\x20-\\x7e]+$",
        "maxLength": 1000,
        "description": "an image in a bucket",
    },
}
"""The members of a JSON object that can name its image; exactly one must be present."""


def object_schema(properties: Mapping[str, Schema], required: Sequence[str] = ()) -> Schema:
    """The schema of a JSON object, or of a form, with only these members."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }
