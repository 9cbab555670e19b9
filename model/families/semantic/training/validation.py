"""Validation: evaluates a network in training on whole pictures, as it would be served."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from model.data.sample import DataSet
from model.data.subset import evenly_spaced
from model.families.semantic.config import SemanticConfig
from model.families.semantic.predictor import SemanticPredictor
from model.families.semantic.stages import STAGES
from model.families.semantic.training.augmentation import UNCHANGED
from model.families.semantic.training.batches import BatchSource
from model.families.semantic.training.config import Gives
from model.families.semantic.training.figures import compare, figures_of
from model.families.semantic.training.plan import SemanticPlan
from model.families.semantic.training.sheet import Shown, write_sheet
from model.families.semantic.training.truth import truth_of
from model.results.result import Wishes
from model.stopwatch import Stopwatch
from model.storage.manifest import Manifest
from model.training.learner import Measured

PICTURES_SHOWN = 8


@dataclass(frozen=True)
class KerasPass:
    """See `engines.stages.Pass`; a semantic model has one stage."""

    outputs: list[np.ndarray]

    def head(self, name: str, *inputs: np.ndarray) -> list[np.ndarray]:
        raise ValueError(f"a semantic model has no stage {name}")

    def kept(self) -> np.ndarray:
        raise ValueError("a semantic model keeps no output inside the engine")


class KerasRunner:
    """See `engines.stages.Runner`: a network as it is at the moment, in Keras."""

    stages = STAGES
    name = "tensorflow"
    precision = "f32"
    few_shapes = True  # each new shape compiles the network again

    def __init__(self, network: keras.Model) -> None:
        self._network = network

    def start(self, picture: np.ndarray) -> KerasPass:
        return KerasPass([np.asarray(self._network.predict_on_batch(picture), np.float32)])


class Validation:
    """Evaluates a network in training, on the same pictures each time.

    Args:
        data: the pictures.
        plan: of the training.
        config: of the model that the run becomes.
        gives: what the network gives.
        threshold: of the model.
        size: (width, height) of a training picture.
        pictures: the most pictures to use; they are evenly spaced.
        held_out: whether the network does not learn from them; if it does, a few are shown, none measured.
    """

    def __init__(
        self,
        data: DataSet,
        plan: SemanticPlan,
        config: SemanticConfig,
        gives: Gives,
        threshold: float,
        size: tuple[int, int],
        *,
        pictures: int = 50,
        held_out: bool = True,
    ) -> None:
        self.data = evenly_spaced(data, pictures if held_out else PICTURES_SHOWN)
        self.held_out = held_out
        self._gives = gives
        self._config = config
        self._threshold = threshold
        self._source = BatchSource(self.data, config, gives, UNCHANGED, plan.batch_size, size, plan.seed)

    @property
    def parts(self) -> int:
        """The number of times that `before_each` is called."""
        return len(self.data) + (-(-len(self.data) // self._source.batch_size) if self.held_out else 0)

    def measure(
        self, trainer: keras.Model, network: keras.Model, before_each: Callable[[], None]
    ) -> Measured:
        """Evaluate the network as it is; `before_each` runs before each picture and batch and may raise.

        The figures are "val_loss", its parts, and those of `figures.figures_of`; there are none if the
        network learns from the pictures.
        """
        losses = self._losses(trainer, before_each) if self.held_out else {}
        predictor = SemanticPredictor(self._manifest(), self._config, KerasRunner(network))
        shown_at = set(np.linspace(0, len(self.data) - 1, min(PICTURES_SHOWN, len(self.data))).round())
        counts, shown = [], []
        for index in range(len(self.data)):
            before_each()
            sample = self.data[index]
            height, width = sample.image.shape[:2]
            result = predictor.predict(
                sample.image, Wishes(), size=(width, height), stopwatch=Stopwatch(), turn=nullcontext
            )
            assert result.class_map is not None
            found = result.class_map.labels
            truth = truth_of(sample, self._gives, len(self.data.classes))
            counts.append(compare(truth, result.segments, found, self._gives))
            if index in shown_at:
                classes = truth_of(sample, "classes", len(self.data.classes))
                unknown = (
                    np.zeros((height, width), np.bool_) if sample.unknown is None else sample.unknown > 0
                )
                shown.append(Shown(sample.id, sample.image, np.where(unknown, 0, classes), unknown, found))
        figures = figures_of(counts, self.data.classes[1:]) if self.held_out else {}
        return Measured({**losses, **figures}, lambda path: write_sheet(shown, self.data.classes, path))

    def _losses(self, trainer: keras.Model, before_each: Callable[[], None]) -> dict[str, float]:
        """The mean losses of a part of each picture, the same part each time."""
        trainer.reset_metrics()
        answer: dict[str, Any] = {}
        for batch in self._source.in_order():
            before_each()
            answer = trainer.test_on_batch(batch, return_dict=True)
        return {f"val_{name}": float(value) for name, value in answer.items()}

    def _manifest(self) -> Manifest:
        """Of the model that the run would become now."""
        return Manifest(
            name="in-training",
            version="1",
            family="semantic",
            task="semantic",
            classes=self.data.classes,
            licence="unknown",
            source="",
            threshold=self._threshold,
            max_segments=max(100, len(self.data.classes)),
            config=self._config.to_json(),
            weights="model.weights.h5",
            files={"model.weights.h5": ""},
        )
