"""RunFolder: what a training run leaves on disk, and how it goes on after being killed."""

from __future__ import annotations

import fcntl
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import keras
import numpy as np
import numpy.typing as npt

from model.evaluation import worst_sheet
from model.families.mask_rcnn import run_json
from model.families.mask_rcnn.history import History, HistoryError
from model.families.mask_rcnn.run_json import Asked, RunError
from model.families.mask_rcnn.weight_files import some
from model.files.system_errors import in_words
from model.files.whole_files import whole_file

if TYPE_CHECKING:
    from model.families.mask_rcnn.validation import Measured

STEP = "step"
STEPS_TO_REPORTS = 4
"""Steps get at least so many times the time that reports take, however slow the network is."""
DAMAGES = (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error)
"""As NumPy says that a file is no whole checkpoint."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep the run folder, made if missing, to this process; the lock goes with the process, however it ends.

    Raises:
        RunError: another process has it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "run.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(
                f"{folder} is in use: another process trains there; wait for it, or name another folder "
                "with --out"
            ) from None
        yield


class RunFolder:
    """`run.json` (what was asked), `checkpoint.npz`, `history.csv`, `losses.png`, `predictions/`, weights.

    One process at a time may write to a folder: use it while `locked`.

    Args:
        folder: made if missing.
        asked: everything that decides the outcome, as plain values; a folder that holds a run with
            other values is refused, but for the number of steps.
        every_seconds: time between checkpoints, that for reports not counted.
    """

    def __init__(self, folder: Path, asked: Asked, every_seconds: float = 300) -> None:
        self.folder = folder
        self.every_seconds = every_seconds
        self.history = History(folder / "history.csv")
        self._checkpoint_path = folder / "checkpoint.npz"
        self._report_seconds = 0.0
        self._claim(asked)
        self._restart_clock()
        self._reported = time.monotonic()

    @property
    def weights_path(self) -> Path:
        """The averaged weights as of the last report, or of the end."""
        return self.folder / "model.weights.h5"

    @property
    def best_path(self) -> Path:
        """Those of the report that was the best on validation data."""
        return self.folder / "best.weights.h5"

    def restore(self, state: Sequence[keras.Variable]) -> int:
        """Fill `state` from the last checkpoint; the number of steps it has seen, 0 without one.

        Raises:
            RunError: a file is damaged; says which, and what to do.
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
                f"{path} is damaged ({error}): put a whole copy in its place, or delete it to train from "
                "the first step again"
            ) from error
        return step

    def record(self, step: int, values: Mapping[str, float]) -> None:
        """Remember one step's losses; they are written with the next checkpoint."""
        self.history.add(step, values)

    def is_due(self, step: int, steps: int) -> bool:
        """Whether it is time for a checkpoint: every few minutes, and at the end."""
        return step == steps or time.monotonic() - self._clock >= self.every_seconds

    def is_report_due(self, step: int, steps: int) -> bool:
        """Whether it is time for a report: as for a checkpoint, but less often where it takes long."""
        wait = max(self.every_seconds, STEPS_TO_REPORTS * self._report_seconds)
        return step == steps or time.monotonic() - self._reported >= wait

    def checkpoint(self, step: int, state: Sequence[keras.Variable]) -> None:
        """Write everything that `restore` reads; each file appears whole or not at all.

        Raises:
            RunError: the state is not finite, so that no run could go on from it; the last one is kept.
        """
        if broken := not_finite(state):
            raise RunError(
                f"after step {step} the weights are not finite in {broken}; the last checkpoint is kept. "
                "Start anew, in another --out, with a lower --learning-rate"
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

    def report(self, step: int, save: Callable[[Path], None], measure: Callable[[], Measured]) -> None:
        """Weights to use, their figures, the curves, and predictions beside the truth, as of this step.

        Args:
            step: the last one.
            save: writes the weights to a file.
            measure: what they are worth.
        """
        begun = time.monotonic()
        save(self.weights_path)
        measured = measure()
        if measured.figures:
            self.history.add(step, measured.figures)
            # Before the history tells of it: after a kill in between, figures without weights would mislead.
            if self.history.is_best(step):
                save(self.best_path)
            self.history.write()
        self.history.draw(self.folder / "losses.png")
        folder = self.folder / "predictions"
        folder.mkdir(exist_ok=True)
        worst_sheet(
            measured.evaluation, measured.pictures, folder / f"{step:06}.png", count=len(measured.pictures)
        )
        self._restart_clock()
        self._reported = time.monotonic()
        self._report_seconds = self._reported - begun

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
                "repeat its command to go on with it, or name another folder with --out"
            )
        steps, done = asked.get("plan", {}).get("steps"), self.steps_done()
        if steps is not None and steps < done:
            raise RunError(
                f"{self.folder} holds a run that has done {done} steps: go on with it with --steps {done} "
                "or more, or name another folder with --out"
            )
        run_json.write(self.folder, {**before, **asked})

    def steps_done(self) -> int:
        """As the checkpoint says; 0 where there is none, or one that is damaged, as `restore` will tell."""
        if not self._checkpoint_path.exists():
            return 0
        try:
            with np.load(self._checkpoint_path) as stored:
                return int(stored[STEP])
        except DAMAGES:
            return 0


def not_finite(state: Sequence[keras.Variable]) -> str:
    """The names of the variables that hold NaN or infinity, the first few; empty if all are finite."""
    names = [variable.path for variable in state if not _is_finite(keras.ops.convert_to_numpy(variable))]
    return some(names)


def _is_finite(values: npt.NDArray) -> bool:
    return values.dtype.kind != "f" or bool(np.isfinite(values).all())
