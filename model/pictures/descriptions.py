"""Descriptions: reads the text that programs write into the first directory of a TIFF."""

from __future__ import annotations

import math
import re

from model.pictures.tiff_directory import Directory

_DESCRIPTION = 270
_MOST_BYTES = 1 << 20  # the rest of a description is ignored

# As tifffile writes it, with numbers of at most nine digits: {"shape": [5, 160, 200], "truncated": true}
_SHAPE_OF_ALL = re.compile(rb'\{"shape": \[((?:[0-9]{1,9}, ){0,9}[0-9]{1,9})\],.*"truncated": true')
_WHOLE_NUMBER = re.compile("[0-9]{1,12}")


def description_of(directory: Directory) -> bytes:
    """Return the description in a directory; empty if it has none."""
    return (directory.content(_DESCRIPTION) or b"")[:_MOST_BYTES].rstrip(b"\0")


def told_by_imagej(text: bytes) -> dict[str, str]:
    """Return the values of an ImageJ description by name; empty if another program wrote it."""
    if not text.startswith(b"ImageJ="):
        return {}
    return dict(line.split("=", 1) for line in _decoded(text).splitlines() if "=" in line)


def count_of_planes(text: bytes, samples: int) -> int:
    """Return how many pictures of `samples` samples each the description declares; 1 if it does not say."""
    if shape := _SHAPE_OF_ALL.match(text):
        return max(1, math.prod(map(int, shape[1].split(b", "))) // samples)
    images = told_by_imagej(text).get("images", "")
    return max(1, int(images)) if _WHOLE_NUMBER.fullmatch(images) else 1


def _decoded(text: bytes) -> str:
    """Return the text as str. Programs use different encodings for the micro sign."""
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1")
