"""Instances: the forms in which clients of Vertex AI and KServe V1 put an image into JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.requests.sources import NAMES, Image

BASE64_NAMES = ("b64", "content", "data", "image_bytes", "img_bytes")
"""Members that hold an image in base64, in addition to `image`."""

BINARY = "b64"
"""TensorFlow Serving's form for bytes, under any name: an object with only this member, `{"b64": …}`."""

_TYPE = "mimeType"  # AutoML's member beside content; ignored, since a file's bytes determine its type


def split_instance(instance: str | Mapping[str, Any]) -> tuple[Image, dict[str, Any]]:
    """Split an instance into its image, in the form that `Sources.read` accepts, and its parameters.

    An instance that is text is the image itself, in base64.
    """
    if isinstance(instance, str):
        return {"image": instance}, {}
    named = {name: value for name, value in instance.items() if _names_image(name, value)}
    parameters = {name: value for name, value in instance.items() if name not in (*named, _TYPE)}
    return (_in_base64(named) or named), parameters


def _names_image(name: str, value: object) -> bool:
    return name in NAMES or name in BASE64_NAMES or _is_binary(value)


def _in_base64(named: Mapping[str, Any]) -> dict[str, str] | None:
    """The only text in `named` as `image`; None if it is not text or not the only one (refused later)."""
    if len(named) != 1:
        return None
    ((name, value),) = named.items()
    if _is_binary(value):
        value = value[BINARY]
    elif name in NAMES:
        return None
    return {"image": value} if isinstance(value, str) else None


def _is_binary(value: object) -> bool:
    return isinstance(value, dict) and set(value) == {BINARY}
