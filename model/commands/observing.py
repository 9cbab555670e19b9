"""Observing: collects what pictures and a model's answers on them look like, for the model's baseline."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from model.answers.gate import gate_of
from model.drift.baseline import Baseline, TooFewPictures, baseline_of
from model.drift.features import Features, features_of_answer, features_of_picture
from model.results.segments import Segments
from model.storage.manifest import Manifest


class Observer:
    """The features of pictures and answers, as a service will measure them."""

    def __init__(self, manifest: Manifest) -> None:
        self._gate = gate_of(manifest)
        self._seen: list[Features] = []

    def add(self, image: npt.NDArray[np.uint8], segments: Segments) -> None:
        """Add a picture, uint8 (H, W, 3), RGB, and the model's answer to a request without options."""
        familiarity = self._gate.judge(image).score if self._gate else None
        self._seen.append(
            features_of_picture(image, segments.size, familiarity) | features_of_answer(segments)
        )

    def baseline(self) -> Baseline:
        """The baseline. Raises TooFewPictures."""
        return baseline_of(self._seen)

    def baseline_if_enough(self) -> Baseline | None:
        """The baseline; None, which is printed, if there are too few pictures."""
        try:
            return self.baseline()
        except TooFewPictures as error:
            print(f"No baseline for drift was recorded: {error}.")
            return None
