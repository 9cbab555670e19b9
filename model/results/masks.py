"""Mask arithmetic on box-local masks, so that its cost depends on the objects and not on the picture."""

from __future__ import annotations

from functools import lru_cache
from typing import TypedDict

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco_mask

Mask = npt.NDArray[np.uint8]


class RunLengths(TypedDict):
    """A mask of the whole image in COCO's compressed run-length encoding: size is [height, width]."""

    size: list[int]
    counts: str


def paste(probabilities: npt.NDArray[np.float32], width: int, height: int, threshold: float = 0.5) -> Mask:
    """Resize a network's small map of probabilities to its box, and apply a threshold.

    This is Matterport's `unmold_mask` without scikit-image: a bilinear resize with zeros outside the map,
    then a threshold. A resize that repeats the edge, as cv2.resize does, enlarges objects at the sides of the
    box.

    >>> paste(np.array([[0.9, 0.1]], np.float32), width=4, height=1)
    array([[1, 1, 0, 0]], dtype=uint8)

    Args:
        probabilities: float32 (rows, columns), 0 to 1; 28 x 28 in Mask R-CNN.
        width: width of the box in pixels, at least 1.
        height: height of the box in pixels, at least 1.
        threshold: the lowest probability that belongs to the object, above 0.

    Returns:
        uint8 (height, width) of 0 and 1.
    """
    if probabilities.min() >= threshold:
        # scikit-image clips to the range of the map, so that the zeros outside never round such corners.
        return np.ones((height, width), np.uint8)
    rows, columns = probabilities.shape
    resized = _bilinear_weights(height, rows) @ probabilities @ _bilinear_weights(width, columns).T
    return (resized >= threshold).view(np.uint8)


# 128 sizes of 28 columns take 3 MB at 200 pixels a side, as most boxes have, and 100 MB at 7,000.
@lru_cache(maxsize=128)
def _bilinear_weights(target: int, source: int) -> npt.NDArray[np.float32]:
    """Return float32 (target, source): row i holds the weight of each source pixel in target pixel i."""
    centres = (np.arange(target) + 0.5) * (source / target) - 0.5
    distances = np.abs(centres[:, np.newaxis] - np.arange(source))
    weights = np.maximum(0, 1 - distances).astype(np.float32)
    weights.setflags(write=False)  # all callers share the array
    return weights


def to_rle(mask: Mask, box_xyxy: npt.NDArray[np.int32], size: tuple[int, int]) -> RunLengths:
    """Return COCO's compressed RLE of a box-local mask, for the whole image.

    >>> to_rle(np.ones((2, 3), np.uint8), np.array([10, 20, 13, 22]), (640, 480))
    {'size': [480, 640], 'counts': 'df42n>000\\\\lU9'}

    Args:
        mask: uint8 (y2 - y1, x2 - x1) of 0 and 1.
        box_xyxy: int32 (4,), the box of the mask in the image, in pixels.
        size: (width, height) of the image in pixels.

    Returns:
        The same as `pycocotools.mask.encode` of the full-frame mask, with `counts` as a str for JSON.
    """
    width, height = size
    edges = _run_edges(mask, box_xyxy, height)
    # An empty final run is not written. An empty first run is, because COCO's runs start with background.
    ends = edges if edges.size and edges[-1] == width * height else np.append(edges, width * height)
    counts = np.diff(ends, prepend=0)
    encoded = coco_mask.frPyObjects({"size": [height, width], "counts": counts.tolist()}, height, width)
    return {"size": [height, width], "counts": encoded["counts"].decode("ascii")}


def _run_edges(mask: Mask, box_xyxy: npt.NDArray[np.int32], image_height: int) -> npt.NDArray[np.int64]:
    """Return int64 (2 x runs,): start and end of each run of ones, counted down the columns of the image."""
    x1, y1 = int(box_xyxy[0]), int(box_xyxy[1])
    height, width = mask.shape
    framed = np.zeros((width, height + 2), np.uint8)  # zeros at both ends of each column end its runs there
    framed[:, 1:-1] = mask.T
    # On the flat array, because np.nonzero takes several times as long in two dimensions.
    columns, rows = np.divmod(np.flatnonzero(framed[:, 1:] != framed[:, :-1]), height + 1)
    edges = (columns + x1) * image_height + rows + y1
    if height < image_height:
        return edges
    # In a mask as high as the image, a run at the bottom of a column may continue at the top of the next.
    seams = edges[1:-1].reshape(-1, 2)
    kept = seams[seams[:, 0] != seams[:, 1]]
    return np.concatenate([edges[:1], kept.ravel(), edges[-1:]])


def from_label_map(labels: npt.NDArray[np.uint16]) -> tuple[npt.NDArray[np.int32], list[Mask]]:
    """Return the instances of a label map, in the order of their labels.

    >>> boxes, masks = from_label_map(np.array([[0, 7, 7], [0, 0, 7]], np.uint16))
    >>> boxes.tolist(), masks[0].tolist()
    ([[1, 0, 3, 2]], [[1, 1], [0, 1]])

    Args:
        labels: uint16 (H, W), 0 background; every other value is one instance. Labels may be missing.

    Returns:
        boxes: int32 (N, 4), the smallest boxes, xyxy in pixels.
        masks: N arrays uint8 of 0 and 1, each with the shape of its box.
    """
    rows, columns = np.nonzero(labels)
    instances = labels[rows, columns]
    # Tables by label avoid sorting. They are int64 like the positions, or `at` takes 20 times as long.
    lowest = np.full((2, int(labels.max(initial=0)) + 1), max(labels.shape), np.int64)
    highest = np.zeros_like(lowest)
    for axis, positions in enumerate((columns, rows)):
        np.minimum.at(lowest[axis], instances, positions)
        np.maximum.at(highest[axis], instances, positions + 1)
    present = np.flatnonzero(highest[0])
    boxes = np.concatenate([lowest[:, present], highest[:, present]]).T.astype(np.int32, order="C")
    masks = [
        (labels[y1:y2, x1:x2] == label).view(np.uint8)
        for label, (x1, y1, x2, y2) in zip(present, boxes, strict=True)
    ]
    return boxes, masks
