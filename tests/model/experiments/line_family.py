"""A family whose networks are lines through 0: a run trains in a second, and no picture is read.

As a program, it is the command line with this family: tests start it as further processes.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
from pydantic import Field

from model.__main__ import main
from model.families.registry import FAMILIES
from model.training.history import History
from model.training.learner import Batch, Learner, Measured, Ranking
from model.training.options import plan_of
from model.training.plan import Optimization, Plan
from model.training.prepared import Prepared
from model.training.recipe import Recipe, validated
from model.training.run_json import Asked

SLOPE = 3.0
TASK = "line"


@dataclass(frozen=True)
class LineConfig:
    """The values of the network."""

    start: float = 0.0
    kind: Literal["plain", "broken"] = "plain"


class LinePlan(Plan):
    """How to train it."""

    learning_rate: float = Field(default=0.1, gt=0, description="peak learning rate")


class LineLearner:
    """See `training.learner.Learner`; learns the slope from points on a line."""

    ranking = Ranking(("val_score", "-val_loss"), "score", ("val_score",))
    parts = 1

    def __init__(self, config: LineConfig, plan: LinePlan) -> None:
        import keras

        self.plan = plan
        self.optimization = Optimization(plan.learning_rate)
        self._config = config

        class Line(keras.Model):
            def __init__(self) -> None:
                super().__init__(name="line")
                self.slope = self.add_weight(shape=(), initializer="zeros", name="slope")
                self.slope.assign(config.start)
                self.average = keras.metrics.Mean("loss")
                self.built = True

            @property
            def metrics(self) -> list[keras.metrics.Metric]:
                return [self.average]

            def call(self, batch: Batch, training: bool = False) -> Any:
                return keras.ops.mean((batch["x"] * self.slope - batch["y"]) ** 2)

            def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True) -> Any:
                self.average.update_state(y_pred)
                return y_pred

        self.trainer = Line()

    def batches(self, first: int, last: int) -> Iterator[tuple[int, Batch]]:
        for step in range(first, last):
            x = np.random.default_rng([self.plan.seed, step]).uniform(-1, 1, 4).astype(np.float32)
            yield step, {"x": x, "y": SLOPE * x * (np.nan if self._config.kind == "broken" else 1)}

    def labels_in(self, batch: Batch) -> int:
        return len(batch["x"])

    def measure(self, before_each: Callable[[], None]) -> Measured:
        before_each()
        error = abs(float(self.trainer.slope) - SLOPE)
        return Measured({"val_loss": error, "val_score": 1 / (1 + error)}, draw)

    def save(self, path: Path) -> None:
        path.write_text(f"{float(self.trainer.slope)}")


def draw(path: Path) -> None:
    """A picture that shows nothing."""
    path.write_bytes(b"\x89PNG\r\n\x1a\n")


class LineTraining:
    """See `families.family.Training`."""

    CONFIG = LineConfig
    PLAN = LinePlan

    def add_arguments(self, group: argparse._ArgumentGroup) -> list[argparse.Action]:
        return []

    def prepare(
        self,
        arguments: argparse.Namespace,
        recipe: Recipe,
        begun: Asked | None,
        published: Callable[[str], Any],
    ) -> Prepared:
        plan = plan_of(LinePlan, arguments, recipe.plan, begun, 10)
        config = validated(LineConfig, recipe.config)
        asked: Mapping[str, Any] = {
            "task": TASK,
            "config": asdict(config),
            "plan": plan.model_dump(),
            "data": str(arguments.data.resolve()),
            "data_sha256": "0" * 64,
        }

        def learner() -> Learner:
            return LineLearner(config, plan)

        return Prepared(plan, asked, learner)


FAMILY: Any = SimpleNamespace(name=TASK, task=TASK, training=LineTraining(), importing=None)

if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    FAMILIES[TASK] = FAMILY
    History.draw = lambda history, path: draw(path)  # type: ignore[method-assign]
    sys.exit(main(sys.argv[1:]))
