"""Gate: judges whether a picture suits a model, without running the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from model.pictures.familiarity import MARGIN, KnownPictures, measure
from model.storage.manifest import Manifest

EMPTY = "empty"
"""The label of a picture that shows nothing at all; every gate accepts it."""
UNFAMILIAR = "unfamiliar"


@dataclass(frozen=True)
class Verdict:
    """A gate's verdict on a picture.

    Attributes:
        accepts: whether the picture suits the model.
        label: the kind of the picture, according to the gate.
        score: how well it suits the model, 0 to 1; accepted if at least 0.5.
    """

    accepts: bool
    label: str
    score: float


class Gate(Protocol):
    """Judges pictures for one model."""

    def judge(self, image: npt.NDArray[np.uint8]) -> Verdict:
        """Return the verdict on a picture, uint8 (H, W, 3), RGB, or on a reduced copy."""


class FamiliarityGate:
    """Accepts pictures like those that the model was trained on; see `model.pictures.familiarity`."""

    def __init__(self, known: KnownPictures) -> None:
        self._known = known
        self._limit = MARGIN * known.usual_distance

    def judge(self, image: npt.NDArray[np.uint8]) -> Verdict:
        """See `Gate`. The label is the nearest kind of training pictures, or UNFAMILIAR."""
        measures = measure(image)
        if measures is None:
            return Verdict(True, EMPTY, 1.0)
        kind, distance = self._known.nearest(measures)
        accepts = distance <= self._limit
        score = self._limit / (self._limit + distance) if distance else 1.0
        return Verdict(accepts, kind if accepts else UNFAMILIAR, round(score, 4))


def gate_of(manifest: Manifest) -> Gate | None:
    """Return the gate of a model; None if it has none and accepts every picture."""
    return None if manifest.known_pictures is None else FamiliarityGate(manifest.known_pictures)


def doubt(manifest: Manifest) -> str:
    """Return a sentence about a picture that the model's gate does not accept."""
    about = manifest.description.rstrip(".")
    if about[1:2].islower():  # it begins with a plain word, not with an abbreviation
        about = about[0].lower() + about[1:]
    known = f" ({about})" if about else ""
    return f"This picture does not look like those that {manifest.name} was trained on{known}."
