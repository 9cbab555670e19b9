"""Gate: judges whether a picture suits a model, without running the model."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
import numpy.typing as npt

from model.catalog import UnknownModel
from model.pictures.familiarity import MARGIN, KnownPictures, measure
from model.segmenter import Segmenter, load
from model.storage.manifest import BundleError, GateReference, Manifest

LOG = logging.getLogger(__name__)
THREADS = 1
"""For a classifier: it takes a few milliseconds, and must not slow the model that computes meanwhile."""
EMPTY = "empty"
"""The label of a picture that shows nothing at all; every gate accepts it."""
UNFAMILIAR = "unfamiliar"
LEAST_SCORE = 0.5
"""The lowest score with which a picture is accepted."""


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


class LearnedGate:
    """Accepts pictures that a classifier takes for certain kinds.

    If the model has known pictures too, the score is the mean of both, which is right about more
    pictures than either (docs/gate.md).
    """

    def __init__(
        self, classifier: Segmenter, accepts: Collection[str], known: KnownPictures | None = None
    ) -> None:
        """Take the classifier, the names of those of its classes that suit the model, and known pictures."""
        self._classifier = classifier
        self._familiarity = None if known is None else FamiliarityGate(known)
        classes = classifier.bundle.manifest.classes
        self._accepted = [index for index, name in enumerate(classes) if name in accepts]
        self._others = [index for index, name in enumerate(classes) if name not in accepts]

    def judge(self, image: npt.NDArray[np.uint8]) -> Verdict:
        """See `Gate`. The label is the most probable of the accepted classes, or else of the others."""
        familiarity = self._familiarity.judge(image) if self._familiarity else None
        if familiarity.label == EMPTY if familiarity else measure(image) is None:
            return Verdict(True, EMPTY, 1.0)
        manifest = self._classifier.bundle.manifest
        probabilities = self._classifier.classify(image).probabilities
        score = min(1.0, float(probabilities[self._accepted].sum()))
        if familiarity is not None:
            score = (score + familiarity.score) / 2
        score = round(score, 4)
        accepts = score >= LEAST_SCORE
        likely = self._accepted if accepts or not self._others else self._others
        label = manifest.classes[max(likely, key=probabilities.__getitem__)]
        return Verdict(accepts, label, score)


def gate_of(manifest: Manifest) -> Gate | None:
    """Return the gate of a model; None if it has none and accepts every picture.

    A model may have a classifier and known pictures. The known pictures judge alone if there is no classifier
    of that name, as where only the model's own bundle was copied. A classifier is loaded once in a process.

    Raises:
        BundleError: the classifier is broken, or does not have the accepted classes.
    """
    learned = None if manifest.gate is None else _learned(manifest, manifest.gate)
    if learned is not None or manifest.known_pictures is None:
        return learned
    return FamiliarityGate(manifest.known_pictures)


def _learned(judged: Manifest, gate: GateReference) -> LearnedGate | None:
    """Return the gate with its classifier; None if there is no such classifier, which is logged once."""
    model = judged.name
    try:
        classifier = _classifier(gate.model)
    except ValueError as error:
        raise BundleError(f"the gate of the model {model} cannot be loaded: {error}") from error
    if classifier is None:
        return None
    manifest = classifier.bundle.manifest
    if manifest.task != "classify":
        raise BundleError(
            f"the gate of the model {model} is {gate.model}, whose task is {manifest.task}: name a classifier"
        )
    if unknown := [name for name in gate.accepts if name not in manifest.classes]:
        raise BundleError(
            f"the gate of the model {model} accepts {', '.join(unknown)}, but the classes of {gate.model} "
            f"are {', '.join(manifest.classes)}"
        )
    return LearnedGate(classifier, gate.accepts, judged.known_pictures)


@lru_cache(maxsize=8)
def _classifier(name: str) -> Segmenter | None:
    try:
        return load(name, precision="f32", threads=THREADS, tested=True)
    except UnknownModel as error:
        LOG.warning("pictures are judged without the gate %s: %s", name, error)
        return None


def doubt(manifest: Manifest, verdict: Verdict | None = None) -> str:
    """Return a sentence about a picture that the model's gate, with this verdict, does not accept."""
    about = manifest.description.rstrip(".")
    if about[1:2].islower():  # it begins with a plain word, not with an abbreviation
        about = about[0].lower() + about[1:]
    known = f" ({about})" if about else ""
    if manifest.gate is not None and verdict is not None and verdict.label != UNFAMILIAR:
        wanted = " or ".join(f'"{name}"' for name in manifest.gate.accepts)
        return f'This picture looks like "{verdict.label}", but {manifest.name} is for {wanted}{known}.'
    return f"This picture does not look like those that {manifest.name} was trained on{known}."
