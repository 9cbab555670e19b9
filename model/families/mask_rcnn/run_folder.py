"""RunFolder: what a training run leaves on disk, and how it goes on after being killed."""

from __future__ import annotations

import csv
import fcntl
import json
import os
import time
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np
from matplotlib.figure import Figure

from model.data.sample import DataSet
from model.data.subset import evenly_spaced
from model.evaluation import evaluate, worst_sheet
from model.families.mask_rcnn.inference import find_segments
from model.families.mask_rcnn.network import MaskRCNN
from model.families.mask_rcnn.weights import save_weights

WATCHED_IMAGES = 8


class RunError(ValueError):
    """A run that cannot start or go on: its folder is another's or damaged, or its losses have no value."""


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
            other values is refused.
        watched: images of which some are drawn with predictions beside the truth.
        every_seconds: time between checkpoints.
    """

    def __init__(
        self, folder: Path, asked: Mapping[str, Any], watched: DataSet, every_seconds: float = 300
    ) -> None:
        self.folder = folder
        self.watched = evenly_spaced(watched, WATCHED_IMAGES)
        self.every_seconds = every_seconds
        self.history: list[dict[str, float]] = []
        self.last_checkpoint = time.monotonic()
        self._claim(json.loads(json.dumps(asked)))

    @property
    def weights_path(self) -> Path:
        """The averaged weights as of the last checkpoint, or of the end."""
        return self.folder / "model.weights.h5"

    def restore(self, state: Sequence[keras.Variable]) -> int:
        """Fill `state` from the last checkpoint; the number of steps it has seen, 0 without one.

        Raises:
            RunError: a file is damaged; says which, and what to do.
        """
        path = self.folder / "checkpoint.npz"
        if not path.exists():
            return 0
        try:
            with np.load(path) as stored:
                step = int(stored["step"])
                for index, variable in enumerate(state):
                    variable.assign(stored[f"{index}"])
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
            raise RunError(
                f"{path} is damaged ({error}): put a whole copy in its place, or delete it to train from "
                "the first step again"
            ) from error
        self.history = self._read_history(step)
        return step

    def record(self, step: int, values: Mapping[str, float]) -> None:
        """Remember one step's losses; they are written with the next checkpoint."""
        self.history.append({"step": step, **values})

    def is_due(self, step: int, steps: int) -> bool:
        """Whether it is time for a checkpoint: every few minutes, and at the end."""
        return step == steps or time.monotonic() - self.last_checkpoint >= self.every_seconds

    def checkpoint(self, step: int, state: Sequence[keras.Variable]) -> None:
        """Write everything that `restore` reads; each file appears whole or not at all."""
        self._write_history()
        part = self.folder / "checkpoint.part.npz"
        arrays = {f"{index}": keras.ops.convert_to_numpy(variable) for index, variable in enumerate(state)}
        np.savez(part, step=step, **arrays)
        os.replace(part, self.folder / "checkpoint.npz")
        self.last_checkpoint = time.monotonic()

    def report(self, step: int, network: MaskRCNN) -> None:
        """Weights to use, the loss curves, and predictions beside the truth, as of this step."""
        save_weights(network.layers, self.weights_path)
        self._draw_losses()
        self._draw_predictions(step, network)

    def _claim(self, asked: dict[str, Any]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "run.json"
        if not path.exists():
            part = self.folder / "run.json.part"
            part.write_text(json.dumps(asked, indent=2) + "\n")
            os.replace(part, path)
            return
        try:
            before = dict(json.loads(path.read_text()))
        except (TypeError, ValueError) as error:
            raise RunError(
                f"{path} is damaged ({error}): put a whole copy in its place, or name another folder with "
                "--out"
            ) from error
        changed = sorted(name for name in {*before, *asked} if before.get(name) != asked.get(name))
        if changed:
            raise RunError(
                f"{self.folder} holds a run with other values of {', '.join(changed)}: "
                "repeat its command to go on with it, or name another folder with --out"
            )

    def _draw_losses(self) -> None:
        if not self.history:  # somebody deleted it after the last step
            return
        steps = [row["step"] for row in self.history]
        window = max(1, len(steps) // 50)
        figure = Figure(figsize=(9, 5), layout="constrained")
        axes = figure.add_subplot(xlabel="step", ylabel=f"loss, mean of {window} steps", yscale="log")
        for name in (name for name in self.history[0] if name != "step"):
            values = np.convolve([row[name] for row in self.history], np.ones(window) / window, "valid")
            axes.plot(steps[window - 1 :], values, label=name, linewidth=2 if name == "loss" else 1)
        axes.grid(alpha=0.3)
        axes.legend()
        figure.savefig(self.folder / "losses.png", dpi=100)

    def _draw_predictions(self, step: int, network: MaskRCNN) -> None:
        """The first few watched images, truth beside prediction, worst first."""
        result = evaluate(
            lambda image: find_segments(network, image, network.config).segments,
            self.watched,
            progress=False,
        )
        folder = self.folder / "predictions"
        folder.mkdir(exist_ok=True)
        worst_sheet(result, self.watched, folder / f"{step:06}.png", count=len(self.watched))

    def _read_history(self, last: int) -> list[dict[str, float]]:
        """The rows up to the step `last`; none where there is no file, since nothing else depends on it."""
        path = self.folder / "history.csv"
        if not path.exists():
            return []
        try:
            with path.open(newline="") as file:
                rows = [
                    {name: int(value) if name == "step" else float(value) for name, value in row.items()}
                    for row in csv.DictReader(file)
                ]
            return [row for row in rows if row["step"] <= last]
        except (OSError, TypeError, ValueError, KeyError, csv.Error) as error:
            raise RunError(
                f"{path} is damaged ({error}): delete it, and the run goes on without the losses so far"
            ) from error

    def _write_history(self) -> None:
        part = self.folder / "history.csv.part"
        with part.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(self.history[0]))
            writer.writeheader()
            writer.writerows(self.history)
        os.replace(part, self.folder / "history.csv")
