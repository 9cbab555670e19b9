"""What the pages of a stack stand for, and what its channels are called: told by OME and ImageJ."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import tifffile

from model.pictures import decode_reduced, whole
from model.pictures.origin import Axes


def axes_in(data: bytes, **how: Any) -> Axes:
    return decode_reduced(data, whole, **how).origin.axes


def stack(axes: str, shape: tuple[int, ...], **options: Any) -> bytes:
    file = io.BytesIO()
    metadata = {"axes": axes, **options.pop("metadata", {})}
    tifffile.imwrite(file, np.zeros(shape, np.uint16), metadata=metadata, **options)
    return file.getvalue()


NAMES = ("DAPI", "GFP")
OME: dict[str, Any] = {"ome": True, "photometric": "minisblack", "metadata": {"Channel": {"Name": [*NAMES]}}}
LABELS = {"metadata": {"Labels": [*NAMES] * 3}}

TOLD: dict[str, tuple[bytes, Axes]] = {
    "OME, slices first": (stack("CZYX", (2, 3, 6, 8), **OME), Axes((("z", 3), ("c", 2)), NAMES)),
    "OME, channels first": (stack("ZCYX", (3, 2, 6, 8), **OME), Axes((("c", 2), ("z", 3)), NAMES)),
    "OME, names beyond ASCII": (
        stack("CYX", (2, 6, 8), **{**OME, "metadata": {"Channel": {"Name": ["α-tubulin", ""]}}}),
        Axes((("c", 2),), ("α-tubulin", "")),
    ),
    "OME, a channel of RGB": (
        stack("YXS", (6, 8, 3), ome=True, photometric="rgb", metadata={"Channel": {"Name": "H&E"}}),
        Axes(),
    ),
    "ImageJ": (stack("ZCYX", (3, 2, 6, 8), imagej=True, **LABELS), Axes((("c", 2), ("z", 3)), NAMES)),
    "ImageJ, big-endian": (
        stack("ZCYX", (3, 2, 6, 8), imagej=True, byteorder=">", **LABELS),
        Axes((("c", 2), ("z", 3)), NAMES),
    ),
    "ImageJ, one label for all": (
        stack("CYX", (2, 6, 8), imagej=True, metadata={"Labels": ["a.tif", "a.tif"]}),
        Axes((("c", 2),)),
    ),
    "ImageJ without labels": (stack("TYX", (4, 6, 8), imagej=True), Axes((("t", 4),))),
    "neither": (stack("CYX", (2, 6, 8), photometric="minisblack"), Axes()),
}


@pytest.mark.parametrize("name", TOLD)
def test_a_stack_says_what_its_pages_stand_for(name: str) -> None:
    data, axes = TOLD[name]
    assert axes_in(data) == axes
    assert axes_in(data, page=axes.of_pages[0][1] - 1 if axes.of_pages else 0) == axes


def test_what_contradicts_the_file_is_not_believed() -> None:
    data = stack("ZCYX", (3, 2, 6, 8), **OME)
    assert axes_in(data.replace(b'SizeZ="3"', b'SizeZ="4"')) == Axes()
    assert axes_in(data.replace(b'SizeZ="3"', b'SizeZ="x"')) == Axes()
    assert axes_in(data.replace(b"<OME ", b"<!DOCTYPE a><OME ")[: len(data)]) == Axes()


@pytest.mark.parametrize(
    "damage", [b"JIJI\xff\xff\xff\xff\xff\xff\xff\xff", b"JIJIlbal\xff\xff\xff\xff", b"????"]
)
def test_damaged_metadata_of_imagej_costs_the_names_alone(damage: bytes) -> None:
    data = stack("ZCYX", (3, 2, 6, 8), imagej=True, **LABELS)
    begin = data.index(b"JIJI")
    assert axes_in(data[:begin] + damage + data[begin + len(damage) :]).of_pages == (("c", 2), ("z", 3))


def test_a_name_is_plain_text_of_sensible_length() -> None:
    metadata = {"Channel": {"Name": ["a\tb" + "c" * 1000, "d"]}}
    first, _ = axes_in(stack("CYX", (2, 6, 8), **{**OME, "metadata": metadata})).channel_names
    assert first == ("a b" + "c" * 100)[:80]
