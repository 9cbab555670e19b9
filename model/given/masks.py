"""Masks of given objects: read from run lengths, rings or PNGs, which may be wrong or hostile."""

from __future__ import annotations

import base64
import binascii
import io
import math
from collections.abc import Sequence
from typing import Any, overload

import numpy as np
import numpy.typing as npt
from PIL import Image

from model.given.complaints import UnusableObjects
from model.given.rings import Crossings, of_rings, vertices_of
from model.given.run_lengths import Box, of_runs
from model.results.masks import Mask


class PackedMasks(Sequence[Mask]):
    """Masks with a bit for each pixel, unpacked on access: large objects that overlap have many pixels."""

    def __init__(self) -> None:
        self._packed: list[tuple[tuple[int, ...], npt.NDArray[np.uint8]]] = []

    def append(self, mask: Mask) -> None:
        """Add a mask, uint8 of 0 and 1."""
        self._packed.append((mask.shape, np.packbits(mask)))

    def in_order(self, indices: Sequence[int]) -> PackedMasks:
        """The masks at `indices`."""
        chosen = PackedMasks()
        chosen._packed = [self._packed[index] for index in indices]
        return chosen

    def __len__(self) -> int:
        return len(self._packed)

    @overload
    def __getitem__(self, index: int) -> Mask: ...

    @overload
    def __getitem__(self, index: slice) -> PackedMasks: ...

    def __getitem__(self, index: int | slice) -> Mask | PackedMasks:
        if isinstance(index, slice):
            return self.in_order(range(len(self))[index])
        shape, bits = self._packed[index]
        return np.unpackbits(bits, count=math.prod(shape)).reshape(shape)


def mask_of(value: Any, box: Box, size: tuple[int, int], crossings: Crossings) -> Mask:
    """The mask of an object, uint8 (height, width) of 0 and 1, of its box.

    Args:
        value: the member `mask` of a segment: run lengths, rings, or a PNG in base64.
        box: within the image.
        size: (width, height) of the image.
        crossings: the crossings that are left.

    Raises:
        UnusableObjects: the value is none of these, is damaged, or has pixels outside the box.
        TooManyObjects: its rings have too many crossings.
    """
    match value:
        case {"size": list(sides), "counts": str(counts)}:
            if sides != [size[1], size[0]]:
                raise UnusableObjects(
                    f"its run lengths must have the image's size, [height, width] = [{size[1]}, {size[0]}]"
                )
            return of_runs(counts, box, size)
        case list(rings):
            return of_rings([vertices_of(ring) for ring in rings], box, crossings)
        case str(text):
            return _of_png(text, box)
    raise UnusableObjects(
        "its mask must be run lengths, a list of rings or a PNG in base64, as in an answer with mask_format"
        " rle, polygon or png"
    )


def _of_png(text: str, box: Box) -> Mask:
    """The mask in a PNG of the box, in base64."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise UnusableObjects("its mask is text, but not base64") from error
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            if image.size != box[2:] or image.mode not in ("1", "L"):
                raise UnusableObjects(
                    f"its mask must be a black and white PNG of its box, {box[2]} x {box[3]} pixels"
                )
            return (np.asarray(image.convert("L")) >= 128).astype(np.uint8)
    except UnusableObjects:
        raise
    # Hostile bytes make Pillow raise nearly anything.
    except Exception as error:
        raise UnusableObjects("its mask is not a PNG that can be read") from error
