"""Segments on which formats go wrong: at edges, with holes, in parts, tiny, huge, many and none."""

from __future__ import annotations

import numpy as np

from model.results.segments import Segments

BLOCK = np.ones((3, 4), np.uint8)
RING = np.pad(np.zeros((2, 3), np.uint8), 1, constant_values=1)
TWO_PARTS = np.array([[1, 1, 0, 0], [1, 0, 0, 1], [0, 0, 1, 1]], np.uint8)
DIAGONAL = np.eye(4, dtype=np.uint8)  # pixels that touch at their corners only
TWO_HALVES = np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]], np.uint8)  # touch at two corners, around a hole
ISLAND = np.pad(np.pad(np.ones((1, 2), np.uint8), 1), 1, constant_values=1)  # a part inside a hole


def placed(size: tuple[int, int], *parts: tuple[int, int, np.ndarray]) -> Segments:
    """Segments of a picture of `size`, (width, height); each part is (left, top, mask)."""
    boxes = [(x, y, x + mask.shape[1], y + mask.shape[0]) for x, y, mask in parts]
    count = len(parts)
    return Segments(
        size=size,
        boxes=np.array(boxes, np.int32).reshape(count, 4),
        class_ids=np.ones(count, np.int32),
        scores=np.linspace(0.99, 0.1, count, dtype=np.float32),
        masks=[mask.copy() for _, _, mask in parts],
    )


def _thousand() -> Segments:
    """1000 random masks, each overlapping some of the others."""
    random = np.random.default_rng(0)
    width, height = 400, 300
    sides = random.integers(1, 30, (1000, 2))
    corners = random.integers(0, (width, height) - sides)
    masks = [(random.random((h, w)) < 0.7).astype(np.uint8) for w, h in sides]
    return placed((width, height), *((x, y, mask) for (x, y), mask in zip(corners, masks, strict=True)))


HARD: dict[str, Segments] = {
    "none": Segments.none((10, 8)),
    "none in a strip": Segments.none((20_000, 100)),
    "top": placed((10, 8), (3, 0, BLOCK)),
    "left": placed((10, 8), (0, 2, BLOCK)),
    "bottom": placed((10, 8), (3, 5, BLOCK)),
    "right": placed((10, 8), (6, 2, BLOCK)),
    "top left": placed((10, 8), (0, 0, BLOCK)),
    "top right": placed((10, 8), (6, 0, BLOCK)),
    "bottom left": placed((10, 8), (0, 5, BLOCK)),
    "bottom right": placed((10, 8), (6, 5, BLOCK)),
    "whole picture": placed((4, 3), (0, 0, BLOCK)),
    "one pixel": placed((10, 8), (4, 4, np.ones((1, 1), np.uint8))),
    "empty mask": placed((10, 8), (4, 4, np.zeros((2, 2), np.uint8))),
    "hole": placed((10, 8), (2, 2, RING)),
    "hole at the edge": placed((5, 4), (0, 0, RING)),
    "two parts": placed((10, 8), (5, 3, TWO_PARTS)),
    "diagonal": placed((10, 8), (1, 1, DIAGONAL)),
    "two halves": placed((10, 8), (1, 1, TWO_HALVES)),
    "diagonal holes": placed((10, 8), (1, 1, np.pad(1 - DIAGONAL, 1, constant_values=1))),
    "island in a hole": placed((10, 8), (1, 1, ISLAND)),
    "overlap": placed((10, 8), (1, 1, BLOCK), (2, 2, BLOCK), (3, 3, BLOCK)),
    "1 x 1": placed((1, 1), (0, 0, np.ones((1, 1), np.uint8))),
    "wide strip": placed((20_000, 100), (0, 0, BLOCK), (19_990, 97, BLOCK), (10_000, 50, RING)),
    "whole wide strip": placed((20_000, 100), (0, 0, np.ones((100, 20_000), np.uint8))),
    "high strip": placed((100, 20_000), (0, 0, BLOCK), (96, 19_997, BLOCK), (50, 10_000, RING)),
    "thousand": _thousand(),
}


def filled(rings: list[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """What rings along the edges of pixels enclose by the even-odd rule: uint8 (height, width) of 0 and 1."""
    crossed = np.zeros((shape[0], shape[1] + 1), np.uint8)
    for ring in rings:
        columns, rows = np.asarray(ring).astype(int).T
        lengths = np.roll(rows, -1) - rows
        starts, lengths = np.minimum(rows, rows + lengths), np.abs(lengths)
        along = np.arange(lengths.sum()) - np.repeat(lengths.cumsum() - lengths, lengths)
        np.bitwise_xor.at(crossed, (np.repeat(starts, lengths) + along, np.repeat(columns, lengths)), 1)
    return np.bitwise_xor.accumulate(crossed, axis=1)[:, :-1]


def full_frames(segments: Segments) -> list[np.ndarray]:
    """What each mask is in the whole picture: uint8 (height, width) of 0 and 1."""
    width, height = segments.size
    frames = []
    for (x1, y1, x2, y2), mask in zip(segments.boxes, segments.masks, strict=True):
        frame = np.zeros((height, width), np.uint8)
        frame[y1:y2, x1:x2] = mask
        frames.append(frame)
    return frames
