"""Gate: whether a picture is one for a model, before, or without, the model looking at it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from model.pictures.familiarity import MARGIN, KnownPictures, measure
from model.storage.manifest import Manifest

EMPTY = "empty"
"""The label of a picture that shows nothing at all: any model may say so of it."""
UNFAMILIAR = "unfamiliar"


@dataclass(frozen=True)
class Verdict:
    """What a gate says of a picture.

    Attributes:
        accepts: whether it is one for the model.
        label: what the picture is taken for.
        score: how well it suits the model, 0 to 1; from 0.5 on it is accepted.
    """

    accepts: bool
    label: str
    score: float


class Gate(Protocol):
    """Judges pictures for one model."""

    def judge(self, image: npt.NDArray[np.uint8]) -> Verdict:
        """Of a picture, uint8 (H, W, 3), RGB, or a reduced copy of one."""


class FamiliarityGate:
    """Accepts pictures like those that the model was trained on; see `model.pictures.familiarity`."""

    def __init__(self, known: KnownPictures) -> None:
        self._known = known
        self._limit = MARGIN * known.usual_distance

    def judge(self, image: npt.NDArray[np.uint8]) -> Verdict:
        """See `Gate`. The label is that of the nearest kind of training pictures."""
        measures = measure(image)
        if measures is None:
            return Verdict(True, EMPTY, 1.0)
        kind, distance = self._known.nearest(measures)
        accepts = distance <= self._limit
        score = self._limit / (self._limit + distance) if distance else 1.0
        return Verdict(accepts, kind if accepts else UNFAMILIAR, round(score, 4))


def gate_of(manifest: Manifest) -> Gate | None:
    """The gate of a model; None: it has none, and takes whatever comes."""
    return None if manifest.known_pictures is None else FamiliarityGate(manifest.known_pictures)


def doubt(manifest: Manifest) -> str:
    """A sentence about a picture that the model's gate does not accept."""
    about = manifest.description.rstrip(".")
    if about[1:2].islower():  # a sentence's first letter, not an abbreviation's
        about = about[0].lower() + about[1:]
    known = f" ({about})" if about else ""
    return f"This picture does not look like those that {manifest.name} was trained on{known}."
