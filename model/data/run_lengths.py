"""Run lengths: validates COCO's before pycocotools, which decodes invalid ones to random pixels."""

from __future__ import annotations

from typing import Any

from pycocotools import mask as coco_mask

from model.data.sample import DataError


def checked(segmentation: dict[str, Any], height: int, width: int) -> dict[str, Any]:
    """COCO's compressed run lengths, from run lengths that are a list or compressed.

    Raises:
        DataError: they do not add up to the image's pixels.
    """
    if isinstance(segmentation["counts"], list):
        return coco_mask.frPyObjects(segmentation, height, width)
    runs = _uncompressed(segmentation["counts"])
    if not runs or min(runs) < 0 or sum(runs) != height * width:
        raise DataError("has invalid run lengths: they do not add up to the image's pixels")
    return segmentation


def _uncompressed(counts: str) -> list[int]:
    """The run lengths in COCO's text, which has six bits per character; empty if the text is invalid.

    The lowest five bits come first; the sixth bit tells that more follow. From the fourth length on, a length
    is stored as its difference from the last but one (`rleFrString` in COCO's maskApi.c).
    """
    runs: list[int] = []
    value = shift = 0
    for character in counts:
        bits = ord(character) - 48
        if not 0 <= bits < 64:
            return []
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:  # negative
            value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        value = shift = 0
    return [] if shift else runs
