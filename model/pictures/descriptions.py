"""Descriptions: the text that programs write into the first directory of a TIFF, and what it tells."""

from __future__ import annotations

import math
import re

from model.pictures.tiff_directory import Directory

_DESCRIPTION = 270
_MOST_BYTES = 1 << 20  # that are looked at

# As tifffile writes it, for whole numbers that fit: {"shape": [5, 160, 200], "truncated": true}
_SHAPE_OF_ALL = re.compile(rb'\{"shape": \[((?:[0-9]{1,9}, ){0,9}[0-9]{1,9})\],.*"truncated": true')
_WHOLE_NUMBER = re.compile("[0-9]{1,12}")


def description_of(directory: Directory) -> bytes:
    """The description in a directory; nothing where it has none."""
    return (directory.content(_DESCRIPTION) or b"")[:_MOST_BYTES].rstrip(b"\0")


def told_by_imagej(text: bytes) -> dict[str, str]:
    """The values of an ImageJ description by their names; none where another program wrote it."""
    if not text.startswith(b"ImageJ="):
        return {}
    return dict(line.split("=", 1) for line in _decoded(text).splitlines() if "=" in line)


def count_of_planes(text: bytes, samples: int) -> int:
    """How many pictures of so many samples are there by the description; 1 where it does not say."""
    if shape := _SHAPE_OF_ALL.match(text):
        return max(1, math.prod(map(int, shape[1].split(b", "))) // samples)
    images = told_by_imagej(text).get("images", "")
    return max(1, int(images)) if _WHOLE_NUMBER.fullmatch(images) else 1


def _decoded(text: bytes) -> str:
    """The text: programs differ in how they write the sign for micro."""
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1")
