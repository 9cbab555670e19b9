"""Pruning: ends trials whose reports fall behind those of others."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from model.experiments.logging_run import RunEnded
from model.experiments.study import Claim, Study
from model.training.learner import Learner
from model.training.observer import Observer

if TYPE_CHECKING:
    from model.training.history import History
    from model.training.run_folder import RunFolder


class Pruned(RunEnded):
    """A trial was ended early, since it was worse than the median of the others at the same step."""

    state = "pruned"


class Reporter:
    """Reports a trial's figures to its study; see `training.observer.Observer`."""

    def __init__(self, study: Study, claim: Claim, name: str, last: int) -> None:
        self._study = study
        self._claim = claim
        self._name = name
        self._last = last

    def step(self, step: int, values: Mapping[str, float]) -> None:
        """See `training.observer.Observer`."""

    def report(self, step: int, figures: Mapping[str, float]) -> None:
        """See `training.observer.Observer`. Raises Pruned if the trial has fallen behind."""
        value = value_of(figures, self._name)
        if not math.isfinite(value):
            return
        with warnings.catch_warnings():  # a resumed trial may have reported this step before
            warnings.simplefilter("ignore")
            self._claim.trial.report(value, step)
        if step < self._last and self._claim.trial.should_prune():
            raise Pruned(f"after {step} steps it was worse than the median of the other trials")


@contextmanager
def reported(run: RunFolder, learner: Learner, *, study: Study, claim: Claim) -> Iterator[Observer]:
    """Report a run to its study while this is open."""
    name = learner.ranking.figures[0]
    study.measure_by(name)
    yield Reporter(study, claim, name, learner.plan.steps)


def value_of(figures: Mapping[str, float], name: str) -> float:
    """A figure, so that more is better; NaN if it was not measured. See `training.learner.Ranking`."""
    value = figures.get(name.removeprefix("-"), math.nan)
    return -value if name.startswith("-") else value


def best_of(history: History) -> tuple[float, int] | None:
    """The value of a run's best report and its step; None if none was measured, or it is not finite."""
    if not history.rows:
        return None
    step = history.best_step(int(history.rows[-1]["step"]))
    row = next((row for row in history.rows if row["step"] == step), {})
    value = value_of(row, history.ranking.figures[0])
    return (value, int(row["step"])) if math.isfinite(value) else None
