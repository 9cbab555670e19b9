"""Joining: objects that the borders of tiles have cut are made whole again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from model.segments import Segments
from model.tiles import Tile

SAME_OBJECT_IOU = 0.5
"""From this IoU on, within what both tiles saw, two segments of one class are the same object."""
REMNANT_INSIDE = 0.75
"""Where a tile's border cuts one of two segments: it is part of the other if so much of it lies inside."""


def join(tiles: Sequence[Tile], answers: Sequence[Segments], size: tuple[int, int]) -> Segments:
    """The objects of the whole picture, from those of its tiles.

    Two segments of different tiles are one object where they agree within what both tiles saw: by IoU, or,
    where the border of a tile cuts one of them, by how much of the smaller one lies in the other. It gets
    the union of their pixels and the better score. A segment that agrees with none stays as it is.

    Args:
        tiles: where each answer lies.
        answers: segments in the pixels of their tile.
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


def best(answers: Sequence[Segments], most: int) -> list[Segments]:
    """The answers, with only the `most` best of all their segments; about as many, where scores are equal."""
    scores = np.concatenate([answer.scores for answer in answers])
    if len(scores) <= most:
        return list(answers)
    least = np.partition(scores, -most)[-most]
    return [answer.select(np.flatnonzero(answer.scores >= least)) for answer in answers]


def _groups(
    tiles: Sequence[Tile],
    origin_of: npt.NDArray[np.int64],
    boxes: npt.NDArray[np.int32],
    masks: Sequence[npt.NDArray[np.uint8]],
    class_ids: npt.NDArray[np.int32],
    cut_by_tile: npt.NDArray[np.bool_],
) -> list[list[int]]:
    """Indices of segments by the object they belong to (connected components of "is the same")."""
    leader = list(range(len(boxes)))

    def find(index: int) -> int:
        while leader[index] != index:
            leader[index] = leader[leader[index]]
            index = leader[index]
        return index

    for first in range(len(boxes)):
        meets = (boxes[:, :2] < boxes[first, 2:]).all(axis=1) & (boxes[:, 2:] > boxes[first, :2]).all(axis=1)
        meets &= (origin_of > origin_of[first]) & (class_ids == class_ids[first])
        for second in np.flatnonzero(meets).tolist():
            seen_by_both = _intersection(tiles[origin_of[first]], tiles[origin_of[second]])
            iou, inside = _agreement(seen_by_both, boxes[first], masks[first], boxes[second], masks[second])
            is_cut = cut_by_tile[first] or cut_by_tile[second]
            if iou >= SAME_OBJECT_IOU or (is_cut and inside >= REMNANT_INSIDE):
                leader[find(second)] = find(first)
    groups: dict[int, list[int]] = {}
    for index in range(len(boxes)):
        groups.setdefault(find(index), []).append(index)
    return list(groups.values())


def _cut_by_tile(
    tiles: Sequence[Tile],
    origin_of: npt.NDArray[np.int64],
    boxes: npt.NDArray[np.int32],
    size: tuple[int, int],
) -> npt.NDArray[np.bool_]:
    """Bool (N,): whether a segment ends where its tile does and the picture does not."""
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
    first_box: npt.NDArray,
    first_mask: npt.NDArray[np.uint8],
    second_box: npt.NDArray,
    second_mask: npt.NDArray[np.uint8],
) -> tuple[float, float]:
    """IoU, and intersection over the smaller, of two box-local masks; only pixels in `region` count."""
    low = np.maximum(np.minimum(first_box[:2], second_box[:2]), (region.x1, region.y1))
    high = np.minimum(np.maximum(first_box[2:], second_box[2:]), (region.x2, region.y2))
    if (low >= high).any():
        return 0.0, 0.0
    window = np.concatenate([low, high])
    first, second = _seen_in(window, first_box, first_mask), _seen_in(window, second_box, second_mask)
    common = np.count_nonzero(first & second)
    if not common:
        return 0.0, 0.0
    smaller = min(np.count_nonzero(first), np.count_nonzero(second))
    return common / np.count_nonzero(first | second), common / smaller


def _seen_in(window: npt.NDArray, box: npt.NDArray, mask: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The box-local mask laid into `window` (x1 y1 x2 y2), cut where it reaches beyond."""
    x1, y1, x2, y2 = window
    canvas = np.zeros((y2 - y1, x2 - x1), np.uint8)
    left, top = max(box[0], x1), max(box[1], y1)
    right, bottom = min(box[2], x2), min(box[3], y2)
    if left < right and top < bottom:
        canvas[top - y1 : bottom - y1, left - x1 : right - x1] = mask[
            top - box[1] : bottom - box[1], left - box[0] : right - box[0]
        ]
    return canvas


def _union(
    boxes: npt.NDArray[np.int32], masks: Sequence[npt.NDArray[np.uint8]]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8]]:
    if len(masks) == 1:
        return boxes[0], masks[0]
    whole = np.concatenate([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)])
    mask = np.bitwise_or.reduce([_seen_in(whole, box, mask) for box, mask in zip(boxes, masks, strict=True)])
    return whole, mask
