"""Leaks: finds pictures that occur twice in a data set, or in training and validation data, even nearly."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from model import pictures
from model.data.findings import Finding, counted
from model.data.sources import Source

SIDE = 32
"""Pixels: width and height of the thumbnails that are compared."""
COARSE = 2.0
"""Standard deviation in pixels of the blur that is subtracted: bright sky above dark land is no likeness."""
ALIKE = 0.9
"""The least correlation of a near-duplicate.

Of pictures that were halved, saved as JPEG of quality 40, mirrored, or all of these, 0.957 is the least. Of
different pictures 0.80 is the most (landscapes of one horizon), 0.45 of nuclei and of people.
"""
FAINT = 0.5
"""Grey levels: thumbnails whose details vary less are not compared."""
COMPARED_AT_ONCE = 64


class Pictures(Protocol):
    """Data with pictures in files."""

    @property
    def sources(self) -> Sequence[Source]: ...


@dataclass(frozen=True)
class Print:
    """What identifies a picture.

    Attributes:
        name: its file.
        index: its index in the data.
        digest: of its size and pixels, upright.
        details: float32 (32, 32): its grey thumbnail without coarse differences, of norm 1; zero if there
            are no details.
    """

    name: str
    index: int
    digest: bytes
    details: npt.NDArray[np.float32]


def print_of(image: npt.NDArray[np.uint8], name: str = "", index: int = 0) -> Print:
    """The print of a picture, uint8 (H, W, 3)."""
    digest = hashlib.sha256(str(image.shape).encode() + np.ascontiguousarray(image).tobytes()).digest()
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    thumbnail = cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    details = thumbnail - cv2.GaussianBlur(thumbnail, (0, 0), COARSE, borderType=cv2.BORDER_REFLECT)
    norm = float(np.linalg.norm(details))
    return Print(name, index, digest, np.float32(0 if norm < FAINT * SIDE else 1 / norm) * details)


def prints_of(data: Pictures) -> list[Print]:
    """The prints of all pictures that can be read; decodes them."""
    prints = []
    bar = tqdm(data.sources, desc="comparing pictures", unit="image", delay=3, leave=False)
    for index, source in enumerate(bar):
        try:
            with source.open() as file:
                image = pictures.decode(file.read())
        except (OSError, ValueError):  # reported with the pictures
            continue
        prints.append(print_of(image, source.name, index))
    return prints


def copies(prints: Sequence[Print], classes: Sequence[str] | None = None) -> Iterator[Finding]:
    """Findings about pictures that occur more than once in a data set, pixel for pixel.

    `classes` has the name of each picture's class: copies must be of one class. None: pictures have no class.
    """
    of_digest = defaultdict(list)
    for one in prints:
        of_digest[one.digest].append(one)
    groups = [group for group in of_digest.values() if len(group) > 1]
    same, contradictory = [], []
    for group in groups:
        names = " = ".join(one.name for one in group)
        labels = list(dict.fromkeys(classes[one.index] for one in group)) if classes else []
        if len(labels) > 1:
            contradictory.append(f"{names} ({' and '.join(labels)})")
        else:
            same.append(names)
    yield from counted(
        contradictory,
        "picture is in several classes, pixel for pixel",
        "pictures are in several classes, pixel for pixel",
        refused=True,
        advice="Keep each in the class to which it belongs",
    )
    yield from counted(
        same,
        "picture occurs more than once, pixel for pixel",
        "pictures occur more than once, pixel for pixel",
        advice="Training and evaluation count each copy",
    )


def leaks(training: Sequence[Print], validation: Sequence[Print]) -> Iterator[Finding]:
    """Findings about validation pictures that are in the training data: pixel for pixel, or nearly.

    Nearly means resized, compressed, made grey, mirrored or rotated by quarter turns, but not cut.
    """
    name_of = {one.digest: one.name for one in training}
    same = [f"{one.name} = {name_of[one.digest]}" for one in validation if one.digest in name_of]
    yield from counted(
        same,
        "validation picture is also a training picture, pixel for pixel",
        "validation pictures are also training pictures, pixel for pixel",
        refused=True,
        advice="Remove them from one of the two: figures on them say nothing about other pictures",
    )
    others = [one for one in validation if one.digest not in name_of]
    yield from counted(
        [f"{one.name} ~ {other.name} ({likeness:.2f})" for one, other, likeness in near(training, others)],
        "validation picture looks like a training picture",
        "validation pictures look like training pictures",
        advice="Look at them: copies, and frames of one scene, belong on the same side",
    )


def near(training: Sequence[Print], validation: Sequence[Print]) -> Iterator[tuple[Print, Print, float]]:
    """Validation pictures with a near-duplicate: each with the training picture most like it."""
    if not training:
        return
    details = np.array([one.details.ravel() for one in training])
    for start in range(0, len(validation), COMPARED_AT_ONCE):
        chunk = validation[start : start + COMPARED_AT_ONCE]
        views = np.array([view.ravel() for one in chunk for view in _views(one.details)])
        likeness = (details @ views.T).reshape(len(training), len(chunk), -1).max(axis=2)
        for place, one in enumerate(chunk):
            best = int(likeness[:, place].argmax())
            if likeness[best, place] >= ALIKE:
                yield one, training[best], float(likeness[best, place])


def _views(details: npt.NDArray[np.float32]) -> Iterator[npt.NDArray[np.float32]]:
    """The thumbnail in its eight orientations."""
    for turns in range(4):
        turned = np.rot90(details, turns)
        yield turned
        yield turned[:, ::-1]
