"""Segments: the objects that a model found in one image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Segments:
    """N segments of one image, as parallel arrays, best score first.

    >>> segments = Segments(
    ...     size=(640, 480),
    ...     boxes=np.array([[10, 20, 12, 23]], np.int32),
    ...     class_ids=np.array([1], np.int32),
    ...     scores=np.array([0.9], np.float32),
    ...     masks=[np.array([[1, 0], [1, 1], [1, 1]], np.uint8)],
    ... )
    >>> len(segments), segments.areas().tolist()
    (1, [5])

    Attributes:
        size: (width, height) of the image in pixels, after EXIF orientation.
        boxes: int32 (N, 4), x1 y1 x2 y2 in pixels, half-open: 0 <= x1 < x2 <= width.
        class_ids: int32 (N,), index into the model's class names; 0 is background and never occurs.
        scores: float32 (N,), 0 to 1, highest first.
        masks: N arrays uint8 of 0 and 1, mask i of shape (y2 - y1, x2 - x1) of box i.
        edited: bool (N,), which of them a person has corrected or drawn; None: none.
        numbers: int32 (N,), what each is called in answers and files, different, 1 to 65535; None: 1 to N.
    """

    size: tuple[int, int]
    boxes: npt.NDArray[np.int32]
    class_ids: npt.NDArray[np.int32]
    scores: npt.NDArray[np.float32]
    masks: Sequence[npt.NDArray[np.uint8]]
    edited: npt.NDArray[np.bool_] | None = None
    numbers: npt.NDArray[np.int32] | None = None

    def __post_init__(self) -> None:
        count = len(self.boxes)
        if self.boxes.shape != (count, 4):
            raise ValueError(f"boxes must have shape (N, 4), not {self.boxes.shape}")
        for name in ("class_ids", "scores"):
            shape = getattr(self, name).shape
            if shape != (count,):
                raise ValueError(f"{name} must have shape ({count},) like the boxes, not {shape}")
        if self.edited is not None and self.edited.shape != (count,):
            raise ValueError(f"edited must have shape ({count},) like the boxes, not {self.edited.shape}")
        if self.numbers is not None and self.numbers.shape != (count,):
            raise ValueError(f"numbers must have shape ({count},) like the boxes, not {self.numbers.shape}")
        if len(self.masks) != count:
            raise ValueError(f"{count} boxes need {count} masks, not {len(self.masks)}")
        if count == 0:
            return
        width, height = self.size
        x1, y1, x2, y2 = self.boxes.T
        outside = (x1 < 0) | (y1 < 0) | (x2 > width) | (y2 > height) | (x1 >= x2) | (y1 >= y2)
        if outside.any():
            box = self.boxes[outside][0].tolist()
            raise ValueError(f"box {box} is empty or exceeds the image of {width} x {height} pixels")
        if (self.class_ids < 1).any():
            raise ValueError("class 0 is background: a segment's class id starts at 1")
        if (np.diff(self.scores) > 0).any():
            raise ValueError("segments must be sorted by score, highest first")
        for index, mask in enumerate(self.masks):
            expected = (y2[index] - y1[index], x2[index] - x1[index])
            if mask.shape != expected:
                raise ValueError(f"mask {index} must have its box's shape {expected}, not {mask.shape}")

    def __len__(self) -> int:
        return len(self.boxes)

    @classmethod
    def none(cls, size: tuple[int, int]) -> Segments:
        """Return the result for an image of `size` (width, height) in which nothing was found."""
        return cls(
            size=size,
            boxes=np.zeros((0, 4), np.int32),
            class_ids=np.zeros(0, np.int32),
            scores=np.zeros(0, np.float32),
            masks=[],
        )

    def select(self, indices: npt.NDArray[np.integer]) -> Segments:
        """Return the segments at `indices`, which must keep the order by score.

        >>> segments = Segments.none((640, 480))
        >>> len(segments.select(np.flatnonzero(segments.scores >= 0.5)))
        0
        """
        return Segments(
            size=self.size,
            boxes=self.boxes[indices],
            class_ids=self.class_ids[indices],
            scores=self.scores[indices],
            masks=[self.masks[index] for index in indices],
            edited=None if self.edited is None else self.edited[indices],
            numbers=None if self.numbers is None else self.numbers[indices],
        )

    def ids(self) -> list[int]:
        """Return the number of each segment: those given, or 1 to N."""
        return list(range(1, len(self) + 1)) if self.numbers is None else self.numbers.tolist()

    def areas(self) -> npt.NDArray[np.int64]:
        """Return int64 (N,), the number of pixels of each mask."""
        return np.array([int(np.count_nonzero(mask)) for mask in self.masks], np.int64)

    def are_edited(self) -> list[bool]:
        """Return for each segment whether a person has corrected or drawn it."""
        return [False] * len(self) if self.edited is None else self.edited.tolist()

    def written_scores(self) -> list[float]:
        """Return the scores to 4 digits, as they appear in answers.

        They are rounded down, so that a client that applies a threshold to them keeps the same segments as
        the model would with that threshold.
        """
        written = np.round(self.scores.astype(np.float64), 4)
        above = written.astype(np.float32) > self.scores
        scores: list[float] = np.round(written - 1e-4 * above, 4).tolist()
        return scores
