"""Logging a run: tells MLflow of the steps, reports and end of a training run."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from model.experiments.sending import Sender, warn
from model.experiments.server import ServerAway, in_words, shown_uri
from model.experiments.tracked_run import TrackedRun, check_experiment_of
from model.training.learner import Learner
from model.training.observer import Observer
from model.training.run_json import read
from model.training.stopping import Stopped

if TYPE_CHECKING:
    from model.training.run_folder import RunFolder

EVERY_SECONDS = 5.0
"""Time between batches of figures."""
SYSTEM_SECONDS = 10.0
"""Time between measurements of processor and memory."""
SYSTEM = "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING"
PANELS = "predictions"


class RunEnded(Exception):
    """Training has ended early on purpose.

    Attributes:
        state: tells how, in a tag of the run.
    """

    state = "ended"


class RunLogger:
    """Hands over the rows of a run's history in batches; see `training.observer.Observer`."""

    def __init__(self, run: RunFolder, tracked: TrackedRun, sender: Sender) -> None:
        self._run = run
        self._tracked = tracked
        self._sender = sender
        self._handed_over = 0  # rows
        self._next_time = 0.0
        self.stepped = False

    def step(self, step: int, values: Mapping[str, float]) -> None:
        """See `training.observer.Observer`."""
        self.stepped = True
        if time.monotonic() >= self._next_time:
            self.hand_over()

    def report(self, step: int, figures: Mapping[str, float]) -> None:
        """See `training.observer.Observer`."""
        self.hand_over()
        self._sender.add(partial(self._tracked.log_rows, [{"step": step, **figures}]))
        self._sender.add(partial(self._tracked.log_file, self._run.curves_path))
        self._sender.add(partial(self._tracked.log_file, self._run.panel_path(step), PANELS))

    def hand_over(self) -> None:
        """Hand over the rows that are new since the last time; at first, all that the run has."""
        rows = [dict(row) for row in self._run.history.rows[self._handed_over :]]
        self._handed_over += len(rows)
        self._sender.add(partial(self._tracked.log_rows, rows))
        self._next_time = time.monotonic() + EVERY_SECONDS

    def complete(self, weights: bool) -> None:
        """Hand over everything that MLflow may lack, with or without the weights."""
        self._handed_over = 0
        self.hand_over()
        self._sender.add(partial(self._files, weights))

    def _files(self, weights: bool) -> None:
        run, tracked = self._run, self._tracked
        for path in (run.folder / "run.json", run.history.path, run.curves_path):
            tracked.log_file(path)
        panels = sorted((run.folder / PANELS).glob("*.png"))
        there = tracked.names_in(PANELS) if panels else set()
        for path in panels:
            if path.name not in there:
                tracked.log_file(path, PANELS)
        there = set() if self.stepped else tracked.names_in("weights")
        for path in (run.best_path, run.weights_path) if weights else ():
            if path.name not in there:
                tracked.log_file(path, "weights")


def check_resumed(folder: Path, experiment: str) -> None:
    """Raise ExperimentError if a run folder's run is in another experiment, but not if MLflow is away.

    To be called before anything is written, unlike `logged`, which checks it too.
    """
    try:
        check_experiment_of(folder, experiment)
    except Exception as error:
        problem = in_words(error)
        if not isinstance(problem, ServerAway):
            raise problem from error


@contextmanager
def logged(
    run: RunFolder,
    learner: Learner,
    *,
    experiment: str,
    tags: Mapping[str, str],
    parent: str = "",
    weights: bool = True,
) -> Iterator[Observer]:
    """Log a training run to MLflow while this is open; a server that does not answer never ends training.

    Args:
        run: the run folder.
        learner: what is trained.
        experiment: the name of the experiment.
        tags: further tags of the run.
        parent: the id of the run that it belongs to; empty: none.
        weights: log the weights at the end too.

    Raises:
        ExperimentError: MLflow is not installed, refuses the experiment, or has the run in another.
    """
    from model.training.optimizer import schedule_of  # needs Keras

    tracked = TrackedRun(experiment, run.folder, read(run.folder) or {}, schedule_of(learner), tags, parent)
    late = False
    try:
        tracked.connect()
    except Exception as error:
        problem = in_words(error)
        if not isinstance(problem, ServerAway):
            raise problem from error
        late = True
    system = tracked.log_system if os.environ.get(SYSTEM, "true").lower() != "false" else _nothing
    sender = Sender(system, SYSTEM_SECONDS)
    if late:
        sender.add(tracked.connect)
    logger = RunLogger(run, tracked, sender)
    status, told = "KILLED", {"state": "stopped"}
    try:
        yield logger
        status, told = "FINISHED", {"state": "finished"}
    except Stopped:
        raise
    except RunEnded as ended:
        status, told = "FINISHED", {"state": ended.state}
        raise
    except Exception as error:
        status, told = "FAILED", {"state": "failed", "reason": str(error)}
        raise
    finally:
        logger.complete(weights and status == "FINISHED")
        sender.add(partial(tracked.end, status, told))
        if not sender.close():
            warn(
                f"MLflow at {shown_uri()} does not answer, so it lacks a part of this run. Repeat the "
                "command when it answers: what is missing is then logged from history.csv"
            )


def _nothing() -> None:
    """Measure nothing."""
