"""Run lengths: COCO's, seen to be sound before pycocotools reads them: of others it makes random pixels."""

from __future__ import annotations

from typing import Any

from pycocotools import mask as coco_mask

from model.data.sample import DataError


def checked(segmentation: dict[str, Any], height: int, width: int) -> dict[str, Any]:
    """COCO's compressed run lengths of run lengths as a list or compressed.

    Raises:
        DataError: they do not cover the image's pixels.
    """
    if isinstance(segmentation["counts"], list):
        return coco_mask.frPyObjects(segmentation, height, width)
    runs = _uncompressed(segmentation["counts"])
    if not runs or min(runs) < 0 or sum(runs) != height * width:
        raise DataError("has run lengths that are damaged: they do not add up to the image's pixels")
    return segmentation


def _uncompressed(counts: str) -> list[int]:
    """The run lengths in COCO's text, which has six bits a character; empty if it is none of COCO's.

    The lowest five bits first; the sixth says that more follow. From the fourth on, a length is written as
    its difference from the last but one (`rleFrString` in COCO's maskApi.c).
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
