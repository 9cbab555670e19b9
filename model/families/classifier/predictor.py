"""ClassifierPredictor: runs a picture through a classifier's network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from model.engines.stages import Floats, Runner
from model.families.checks import check_copy
from model.families.classifier.config import ClassifierConfig
from model.families.classifier.foreign.config import ForeignConfig
from model.families.classifier.foreign.preprocessing import to_input as foreign_input
from model.families.classifier.foreign.preprocessing import to_probabilities
from model.families.classifier.preprocessing import to_input
from model.families.family import Size, Turn
from model.results.classification import Classification
from model.results.result import Result, Wishes
from model.results.segments import Segments
from model.stopwatch import Stopwatch
from model.storage.manifest import Manifest

Config = ClassifierConfig | ForeignConfig
"""Of a network that this project trains, or of a graph that another tool has made."""


class ClassifierPredictor:
    """See `families.family.Predictor`. A result has no segments, but a `Classification`."""

    def __init__(self, manifest: Manifest, config: Config, runner: Runner) -> None:
        self._manifest = manifest
        self._config = config
        self._runner = runner
        _, self._height, self._width, _ = config.picture_shape

    def enough(self, size: Size) -> Size:
        """See `families.family.Predictor`."""
        return min(size[0], self._width), min(size[1], self._height)

    def work(self, size: Size) -> int:
        """See `families.family.Predictor`."""
        return self._width * self._height

    def predict(
        self,
        image: npt.NDArray[np.uint8],
        wishes: Wishes,
        *,
        size: Size,
        stopwatch: Stopwatch,
        turn: Turn,
    ) -> Result:
        """See `families.family.Predictor`. The options of the request have no effect."""
        check_copy(image, size, self.enough(size), self._manifest.name)
        with turn(), stopwatch.measure("infer"):
            found = self.classify(image)
        return Result(Segments.none(size), classification=found)

    def predict_each(
        self,
        image: npt.NDArray[np.uint8],
        wishes: Sequence[Wishes],
        *,
        size: Size,
        stopwatch: Stopwatch,
        turn: Turn,
    ) -> list[Result]:
        """See `families.family.Predictor`."""
        return [self.predict(image, one, size=size, stopwatch=stopwatch, turn=turn) for one in wishes]

    def classify(self, image: npt.NDArray[np.uint8]) -> Classification:
        """The probability of each of the manifest's classes for a picture, uint8 (H, W, 3), RGB."""
        scores = self._runner.start(self.picture_of(image)).outputs[0]
        if isinstance(self._config, ForeignConfig):
            return Classification(to_probabilities(scores, self._config.activation))
        return Classification(scores[0])

    def picture_of(self, image: npt.NDArray[np.uint8]) -> Floats:
        """float32 (1, H', W', C): the network's input for a picture, uint8 (H, W, 3), RGB."""
        if isinstance(self._config, ForeignConfig):
            return foreign_input(image, self._config)[np.newaxis]
        return to_input(image, self._config.size, contrast=self._config.contrast)[np.newaxis]
