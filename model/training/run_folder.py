"""RunFolder: the files of a training run, from which it continues after being killed."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt

from model.files.system_errors import in_words
from model.files.whole_files import whole_file
from model.storage.problems import some
from model.training import run_json
from model.training.history import History, HistoryError
from model.training.learner import Measured, Ranking
from model.training.plan import Plan
from model.training.run_json import CHECKPOINT, DAMAGES, STEP, Asked, RunError

STEPS_TO_REPORTS = 4
"""The least ratio of the time for training steps to the time for reports, however slow the network is."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock the run folder, created if missing, for this process; the lock ends with the process.

    Raises:
        RunError: another process holds the lock.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "run.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(
                f"{folder} is in use by another training process: wait until it ends, or give another "
                "folder with --out"
            ) from None
        yield


class RunFolder:
    """`run.json` (the arguments), `checkpoint.npz`, `history.csv`, `losses.png`, `predictions/`, weights.

    Only one process at a time may write to a folder: use it inside `locked`.

    Args:
        folder: created if missing.
        asked: everything that determines the outcome, as plain values. A folder that holds a run with other
            values is refused; only the number of steps may differ.
        plan: of the training.
        ranking: which of two reports is better.
        every_seconds: time between checkpoints, not counting the time for reports.
    """

    def __init__(
        self, folder: Path, asked: Asked, plan: Plan, ranking: Ranking, every_seconds: float = 300
    ) -> None:
        self.folder = folder
        self.every_seconds = every_seconds
        self.history = History(folder / "history.csv", ranking)
        self._plan = plan
        self._checkpoint_path = folder / CHECKPOINT
        self._report_seconds = 0.0
        self._claim(asked)
        self._restart_clock()
        self._reported = time.monotonic()

    @property
    def weights_path(self) -> Path:
        """The file of the averaged weights, as of the last report or the end."""
        return self.folder / run_json.LAST

    @property
    def best_path(self) -> Path:
        """The file of the averaged weights of the report that was best on validation data."""
        return self.folder / run_json.BEST

    @property
    def curves_path(self) -> Path:
        """The plot of the history."""
        return self.folder / "losses.png"

    def panel_path(self, step: int) -> Path:
        """The picture of predictions beside the truth, of the report at a step."""
        return self.folder / "predictions" / f"{step:06}.png"

    def restore(self, state: Sequence[keras.Variable]) -> int:
        """Fill `state` from the last checkpoint and return its number of steps, or 0 if there is none.

        Raises:
            RunError: a file is damaged; the message names it and says what to do.
        """
        path = self._checkpoint_path
        if not path.exists():
            return 0
        try:
            with np.load(path) as stored:
                step = int(stored[STEP])
                for index, variable in enumerate(state):
                    variable.assign(stored[f"{index}"])
            self.history.read(step)
        except HistoryError as error:
            raise RunError(str(error)) from error
        except DAMAGES as error:
            raise RunError(
                f"{path} is damaged ({error}): replace it with an intact copy, or delete it to train again "
                "from the first step"
            ) from error
        return step

    def record(self, step: int, values: Mapping[str, float]) -> None:
        """Record one step's losses; they are written with the next checkpoint."""
        self.history.add(step, values)

    def is_due(self, step: int) -> bool:
        """Whether it is time for a checkpoint: every few minutes, and at the end."""
        return step == self._plan.steps or time.monotonic() - self._clock >= self.every_seconds

    def is_report_due(self, step: int) -> bool:
        """Whether it is time for a report: at the end, and every `report_every` steps.

        If the plan does not say how many: as for a checkpoint, but less often if reports take long.
        """
        if self._is_report_planned(step):
            return True
        wait = max(self.every_seconds, STEPS_TO_REPORTS * self._report_seconds)
        return not self._plan.report_every and time.monotonic() - self._reported >= wait

    def lacks_report(self, step: int) -> bool:
        """Whether the plan has a report at this step, which was not written completely."""
        is_last = step == self._plan.steps  # then again, even if only its files are gone
        return self._is_report_planned(step) and (is_last or not self.history.is_measured(step))

    def is_finished(self, step: int) -> bool:
        """Whether, after this step, the last `patience` reports were no better than one before them."""
        patience = self._plan.patience
        return bool(patience) and self.history.reports_since_best(step) >= patience

    def _is_report_planned(self, step: int) -> bool:
        every = self._plan.report_every
        return step > 0 and (step == self._plan.steps or (every > 0 and step % every == 0))

    def checkpoint(self, step: int, state: Sequence[keras.Variable]) -> None:
        """Write everything that `restore` reads; each file is written completely or not at all.

        Raises:
            RunError: the state is not finite, so a run could not continue from it; the last one is kept.
        """
        if broken := not_finite(state):
            raise RunError(
                f"after step {step} the weights are not finite in {broken}; the last checkpoint is kept. "
                "Start again in another --out, with a lower --learning-rate"
            )
        self.history.write()
        arrays = {f"{index}": keras.ops.convert_to_numpy(variable) for index, variable in enumerate(state)}
        try:
            with whole_file(self._checkpoint_path) as part, part.open("wb") as file:
                np.savez(file, **{STEP: step, **arrays})
        except OSError as error:
            kept = "; the one before it is kept" if self._checkpoint_path.exists() else ""
            raise RunError(f"{in_words(error)}{kept}") from error
        self._restart_clock()

    def report(
        self, step: int, save: Callable[[Path], None], measure: Callable[[], Measured]
    ) -> Mapping[str, float]:
        """Write this step's weights, their figures, the curves, and predictions beside the ground truth.

        Returns the figures.

        Args:
            step: the last one done.
            save: writes the weights to a file.
            measure: evaluates the weights.
        """
        begun = time.monotonic()
        save(self.weights_path)
        measured = measure()
        if measured.figures:
            self.history.add(step, measured.figures)
            # Before the history: if killed in between, its best figures would have no weights.
            if self.history.is_best(step):
                save(self.best_path)
            self.history.write()
        self.history.draw(self.curves_path)
        panel = self.panel_path(step)
        panel.parent.mkdir(exist_ok=True)
        measured.draw(panel)
        self._restart_clock()
        self._reported = time.monotonic()
        self._report_seconds = self._reported - begun
        return measured.figures

    def _restart_clock(self) -> None:
        self._clock = time.monotonic()

    def _claim(self, asked: Asked) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        before = run_json.read(self.folder)
        if before is None:
            run_json.write(self.folder, asked)
            return
        if changed := run_json.differences(before, asked):
            raise RunError(
                f"{self.folder} holds a run with {'; '.join(changed)}: "
                "repeat its command to continue it, or give another folder with --out"
            )
        if changed := run_json.changed_data(before, asked):
            raise RunError(
                f"the files of {' and '.join(changed)} have changed since the run in {self.folder} began: "
                "restore them to continue it, or start a new run in another --out"
            )
        steps, done = asked.get("plan", {}).get("steps"), self.steps_done()
        if steps is not None and steps < done:
            raise RunError(
                f"{self.folder} holds a run that has done {done} steps: continue it with --steps {done} "
                "or more, or give another folder with --out"
            )
        run_json.write(self.folder, {**before, **asked})

    def steps_done(self) -> int:
        """The steps in the checkpoint; 0 if there is none, or if it is damaged, which `restore` reports."""
        return run_json.steps_done(self.folder)


def not_finite(state: Sequence[keras.Variable]) -> str:
    """The names of the first few variables that hold NaN or infinity; empty if all are finite."""
    names = [variable.path for variable in state if not _is_finite(keras.ops.convert_to_numpy(variable))]
    return some(names)


def _is_finite(values: npt.NDArray) -> bool:
    return values.dtype.kind != "f" or bool(np.isfinite(values).all())
