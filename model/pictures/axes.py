"""Axes: what the pages of a TIFF stand for (channels, slices, time), and what its channels are called."""

from __future__ import annotations

import math
import re
import struct
from contextlib import suppress
from itertools import accumulate, pairwise

from model.pictures import ome
from model.pictures.descriptions import description_of, told_by_imagej
from model.pictures.limits import BrokenPicture
from model.pictures.origin import NOT_TOLD, Axes
from model.pictures.tiff_directory import Directory

_WHOLE_NUMBER = re.compile("[0-9]{1,6}")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]+")
_MOST_NAMES = 100
_LONGEST_NAME = 80  # characters; the rest is cut off

_LENGTHS, _METADATA = 50838, 50839  # ImageJ's own tags
_IMAGEJ_AXES = {"c": "channels", "z": "slices", "t": "frames"}  # the one that changes fastest first


def axes_of(first: Directory, size: tuple[int, int], pages: int, channels: int) -> Axes:
    """Return what a TIFF says about its pages and channels; nothing that contradicts the file itself.

    Args:
        first: the file's first directory, which contains the descriptions of OME and ImageJ.
        size: (width, height) of the picture.
        pages: how many pages the file has.
        channels: how many channels a page has.
    """
    with suppress(BrokenPicture):  # decoding does not need these tags
        text = description_of(first)
        sizes, names = _of_imagej(first, told) if (told := told_by_imagej(text)) else _of_ome(text, size)
        of_pages = tuple((axis, length) for axis, length in sizes if length > 1)
        if math.prod(length for _, length in of_pages) != pages:
            of_pages = ()
        named = tuple(_UNPRINTABLE.sub(" ", name).strip()[:_LONGEST_NAME] for name in names[:_MOST_NAMES])
        if not any(named) or len(named) != dict(of_pages).get("c", channels):
            named = ()
        return Axes(of_pages, named)
    return NOT_TOLD


def _of_ome(text: bytes, size: tuple[int, int]) -> tuple[list[tuple[str, int]], list[str]]:
    planes = ome.planes(text, size)
    if planes is None:
        return [], []
    sizes = {axis: _number(told) for axis, told in planes.sizes.items()}
    if planes.names:
        sizes["C"] = len(planes.names)  # SizeC counts the samples of an RGB channel separately
    return [(axis.lower(), sizes.get(axis, 1)) for axis in planes.order[2:5]], planes.names


def _of_imagej(first: Directory, told: dict[str, str]) -> tuple[list[tuple[str, int]], list[str]]:
    sizes = [(axis, _number(told.get(name, "1"))) for axis, name in _IMAGEJ_AXES.items()]
    labels = _labels(first)[: sizes[0][1]]  # those of the first slice
    return sizes, labels if len(set(labels)) == len(labels) else []


def _labels(first: Directory) -> list[str]:
    """Return the labels of the slices in ImageJ's metadata, of which the first hundred are enough."""
    lengths = first.numbers(_LENGTHS)
    data = first.content(_METADATA) or b""
    if not lengths or data[:4] not in (b"IJIJ", b"JIJI"):
        return []
    is_big = data[:4] == b"IJIJ"
    table = data[4 : lengths[0]]
    before = 1  # the first length is that of the table of kinds
    for kind, count in struct.iter_unpack(">4sI" if is_big else "<4sI", table[: len(table) // 8 * 8]):
        if kind == (b"labl" if is_big else b"lbal"):
            ends = list(accumulate(lengths[: before + min(count, _MOST_NAMES)]))[before - 1 :]
            encoding = "utf-16-be" if is_big else "utf-16-le"
            return [data[start:end].decode(encoding, "replace") for start, end in pairwise(ends)]
        before += count
    return []


def _number(text: str) -> int:
    return int(text) if _WHOLE_NUMBER.fullmatch(text) else 1
