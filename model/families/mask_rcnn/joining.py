"""Joining: merges the parts of objects that were cut by the borders of tiles."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from model.pictures.tiles import Tile
from model.results.segments import Segments

Box = tuple[int, int, int, int]
"""x1 y1 x2 y2 in pixels of the picture, half-open."""

SAME_OBJECT_IOU = 0.5
"""Two segments of one class are the same object from this IoU on, measured where their tiles overlap."""
REMNANT_INSIDE = 0.75
"""If a tile's border cuts one of two segments: they are one object if this share of the smaller one lies in
the other."""


def join(tiles: Sequence[Tile], answers: Sequence[Segments], size: tuple[int, int]) -> Segments:
    """The objects of the whole picture, from those of its tiles.

    Two segments of different tiles are one object if they agree where both tiles overlap: by IoU, or, if the
    border of a tile cuts one of them, by the share of the smaller one that lies in the other. The object gets
    the union of their pixels and the better score. A segment that agrees with no other is kept unchanged.

    Args:
        tiles: the position of each answer.
        answers: the segments of each tile, in its pixels.
        size: (width, height) of the picture.
    """
    origin_of = np.repeat(np.arange(len(tiles)), [len(answer) for answer in answers])
    boxes = np.concatenate(
        [
            answer.boxes + np.array([tile.x1, tile.y1] * 2, np.int32)
            for tile, answer in zip(tiles, answers, strict=True)
        ]
    )
    masks = [mask for answer in answers for mask in answer.masks]
    class_ids = np.concatenate([answer.class_ids for answer in answers])
    scores = np.concatenate([answer.scores for answer in answers])
    cut_by_tile = _cut_by_tile(tiles, origin_of, boxes, size)
    groups = _groups(tiles, origin_of, boxes, masks, class_ids, cut_by_tile)

    whole_boxes, whole_masks = [], []
    for members in groups:
        box, mask = _union(boxes[members], [masks[index] for index in members])
        whole_boxes.append(box)
        whole_masks.append(mask)
    best = np.array([scores[members].max() for members in groups], np.float32)
    order = np.argsort(-best, kind="stable")
    return Segments(
        size=size,
        boxes=np.array(whole_boxes, np.int32).reshape(-1, 4)[order],
        class_ids=np.array([class_ids[members[0]] for members in groups], np.int32)[order],
        scores=best[order],
        masks=[whole_masks[index] for index in order],
    )


def _groups(
    tiles: Sequence[Tile],
    origin_of: npt.NDArray[np.int64],
    boxes: npt.NDArray[np.int32],
    masks: Sequence[npt.NDArray[np.uint8]],
    class_ids: npt.NDArray[np.int32],
    cut_by_tile: npt.NDArray[np.bool_],
) -> list[list[int]]:
    """Indices of segments grouped by object (connected components of "is the same object")."""
    leader = list(range(len(boxes)))

    def find(index: int) -> int:
        while leader[index] != index:
            leader[index] = leader[leader[index]]
            index = leader[index]
        return index

    corners: list[Box] = list(map(tuple, boxes.tolist()))
    for first, second, seen_by_both in _meeting(tiles, origin_of, boxes, class_ids):
        iou, inside = _agreement(seen_by_both, corners[first], masks[first], corners[second], masks[second])
        is_cut = cut_by_tile[first] or cut_by_tile[second]
        if iou >= SAME_OBJECT_IOU or (is_cut and inside >= REMNANT_INSIDE):
            leader[find(second)] = find(first)
    groups: dict[int, list[int]] = {}
    for index in range(len(boxes)):
        groups.setdefault(find(index), []).append(index)
    return list(groups.values())


def _meeting(
    tiles: Sequence[Tile],
    origin_of: npt.NDArray[np.int64],
    boxes: npt.NDArray[np.int32],
    class_ids: npt.NDArray[np.int32],
) -> Iterator[tuple[int, int, Tile]]:
    """Pairs of segments of one class whose boxes meet where their two tiles overlap, with that overlap.

    Only segments in the overlap of two tiles are compared: comparing all pairs would be quadratic, and a
    large picture of tissue has tens of thousands of segments.
    """
    ends = np.searchsorted(origin_of, np.arange(len(tiles) + 1))
    for one, other in itertools.combinations(range(len(tiles)), 2):
        both = _intersection(tiles[one], tiles[other])
        if both.x1 >= both.x2 or both.y1 >= both.y2:
            continue
        limits = np.array([both.x1, both.y1, both.x2, both.y2], np.int32)
        firsts = _inside(limits, boxes, ends[one], ends[one + 1])
        seconds = _inside(limits, boxes, ends[other], ends[other + 1])
        low = np.maximum(boxes[firsts, None, :2], boxes[seconds, :2])
        high = np.minimum(boxes[firsts, None, 2:], boxes[seconds, 2:])
        meet = (np.maximum(low, limits[:2]) < np.minimum(high, limits[2:])).all(axis=2)
        meet &= class_ids[firsts, None] == class_ids[seconds]
        for first, second in zip(*np.nonzero(meet), strict=True):
            yield int(firsts[first]), int(seconds[second]), both


def _inside(
    limits: npt.NDArray[np.int32], boxes: npt.NDArray[np.int32], start: int, end: int
) -> npt.NDArray[np.int64]:
    """Indices of those of boxes[start:end] that have a part within `limits` (x1 y1 x2 y2)."""
    some = boxes[start:end]
    return start + np.flatnonzero(
        (some[:, :2] < limits[2:]).all(axis=1) & (some[:, 2:] > limits[:2]).all(axis=1)
    )


def _cut_by_tile(
    tiles: Sequence[Tile],
    origin_of: npt.NDArray[np.int64],
    boxes: npt.NDArray[np.int32],
    size: tuple[int, int],
) -> npt.NDArray[np.bool_]:
    """Bool (N,): whether a segment ends at a border of its tile that is not a border of the picture."""
    limits = np.array([(tile.x1, tile.y1, tile.x2, tile.y2) for tile in tiles], np.int32)[origin_of]
    return ((boxes == limits) & (limits != np.array([0, 0, *size]))).any(axis=1)


def _intersection(first: Tile, second: Tile) -> Tile:
    return Tile(
        max(first.x1, second.x1),
        max(first.y1, second.y1),
        min(first.x2, second.x2),
        min(first.y2, second.y2),
    )


def _agreement(
    region: Tile,
    first_box: Box,
    first_mask: npt.NDArray[np.uint8],
    second_box: Box,
    second_mask: npt.NDArray[np.uint8],
) -> tuple[float, float]:
    """IoU, and intersection over the smaller area, of two box-local masks; only pixels in `region` count."""
    seen = (region.x1, region.y1, region.x2, region.y2)
    window = _common(seen, _common(first_box, second_box))
    common = cv2.countNonZero(
        cv2.bitwise_and(
            _part(first_mask, first_box, window),
            _part(second_mask, second_box, window),
        )
    )
    if not common:
        return 0.0, 0.0
    first = cv2.countNonZero(_part(first_mask, first_box, _common(seen, first_box)))
    second = cv2.countNonZero(_part(second_mask, second_box, _common(seen, second_box)))
    return common / (first + second - common), common / min(first, second)


def _common(one: Box, other: Box) -> Box:
    return (
        max(one[0], other[0]),
        max(one[1], other[1]),
        min(one[2], other[2]),
        min(one[3], other[3]),
    )


def _part(mask: npt.NDArray[np.uint8], box: Box, window: Box) -> npt.NDArray[np.uint8]:
    """The part of a box-local mask that is in `window`, which lies in the box."""
    left, top = box[:2]
    return mask[window[1] - top : window[3] - top, window[0] - left : window[2] - left]


def _union(
    boxes: npt.NDArray[np.int32], masks: Sequence[npt.NDArray[np.uint8]]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8]]:
    if len(masks) == 1:
        return boxes[0], masks[0]
    whole = np.concatenate([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)])
    x1, y1, x2, y2 = whole.tolist()
    united = np.zeros((y2 - y1, x2 - x1), np.uint8)
    for (left, top, right, bottom), mask in zip(boxes.tolist(), masks, strict=True):
        united[top - y1 : bottom - y1, left - x1 : right - x1] |= mask
    return whole, united
