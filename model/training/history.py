"""History: the figures of a training run, one row per step, as a table and as curves."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from model.files.whole_files import whole_file
from model.training.learner import VALIDATION, Ranking

Row = dict[str, float]


class HistoryError(ValueError):
    """The file of a history is damaged."""


class History:
    """The rows so far: `step` and the losses of each step, and at some steps the figures measured there.

    Attributes:
        rows: in the order of the steps.
    """

    def __init__(self, path: Path, ranking: Ranking) -> None:
        """A history to be kept in the file `path`, which is not read yet."""
        self.path = path
        self.ranking = ranking
        self.rows: list[Row] = []

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Record figures of a step; if it is the last step recorded, they are added to its row."""
        if self.rows and self.rows[-1]["step"] == step:
            self.rows[-1].update(values)
        else:
            self.rows.append({"step": step, **values})

    def read(self, last: int) -> None:
        """Read the rows up to the step `last`; a missing file gives no rows, as nothing else depends on it.

        Raises:
            HistoryError: the file is damaged.
        """
        self.rows = []
        if not self.path.exists():
            return
        try:
            with self.path.open(newline="") as file:
                rows = [_parsed(row) for row in csv.DictReader(file)]
            self.rows = [row for row in rows if row["step"] <= last]
        except (OSError, TypeError, ValueError, KeyError, csv.Error) as error:
            raise HistoryError(
                f"{self.path} is damaged ({error}): delete it to continue the run without the losses so far"
            ) from error

    def write(self) -> None:
        """Write all rows; the file appears whole or not at all."""
        names = dict.fromkeys(name for row in self.rows for name in row)
        with whole_file(self.path) as part, part.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(names))
            writer.writeheader()
            writer.writerows(self.rows)

    def is_measured(self, step: int) -> bool:
        """Whether figures were measured on validation data at the step."""
        return any(row["step"] == step for row in self._measured())

    def is_best(self, step: int) -> bool:
        """Whether the step beats all earlier ones on validation data."""
        return self.is_measured(step) and self.best_step(step) == step

    def best_step(self, last: int) -> int | None:
        """The step up to `last` with the best figures on validation data, the first if several are equal.

        None if nothing was measured.
        """
        measured = [row for row in self._measured() if row["step"] <= last]
        return int(max(measured, key=self._rank)["step"]) if measured else None

    def reports_since_best(self, last: int) -> int:
        """The number of reports up to `last` that came after the best one."""
        best = self.best_step(last)
        return 0 if best is None else sum(best < row["step"] <= last for row in self._measured())

    def draw(self, path: Path) -> None:
        """Draw the losses and, below them, the ranking's figures, if any, to a PNG."""
        if not self.rows:  # the file was deleted after the last step
            return
        measured = self._measured()
        names = [name for name in self.ranking.plotted if any(name in row for row in measured)]
        figure = Figure(figsize=(9, 8 if names else 5), layout="constrained")
        axes = figure.subplots(2 if names else 1, sharex=True, squeeze=False)[:, 0]
        self._draw_losses(axes[0], measured)
        for name in names:
            having = [row for row in measured if name in row]
            axes[1].plot([row["step"] for row in having], [row[name] for row in having], "o-", label=name)
            axes[1].set_ylabel(self.ranking.label)
            axes[1].set_ylim(bottom=0)
        for one in axes:
            one.grid(alpha=0.3)
            one.legend()
        axes[-1].set_xlabel("step")
        figure.savefig(path, dpi=100)

    def _measured(self) -> list[Row]:
        return [row for row in self.rows if f"{VALIDATION}loss" in row]

    def _rank(self, row: Row) -> tuple[float, ...]:
        """The greater, the better; a figure that is missing or not finite is the worst."""
        return tuple(
            _finite(-row.get(name[1:], np.inf) if name.startswith("-") else row.get(name, -np.inf))
            for name in self.ranking.figures
        )

    def _draw_losses(self, axes: Axes, measured: list[Row]) -> None:
        steps = [row["step"] for row in self.rows]
        window = max(1, len(steps) // 50)
        axes.set_ylabel(f"loss, mean of {window} steps")
        axes.set_yscale("log")
        for name in self.rows[0]:
            if name == "step" or name.startswith(VALIDATION):
                continue
            values = np.convolve([row[name] for row in self.rows], np.ones(window) / window, "valid")
            axes.plot(steps[window - 1 :], values, label=name, linewidth=2 if name == "loss" else 1)
        if measured:
            name = f"{VALIDATION}loss"
            axes.plot([row["step"] for row in measured], [row[name] for row in measured], "ko-", label=name)


def _parsed(row: Mapping[str, str]) -> Row:
    """The row as numbers, without figures that were not measured at the step."""
    return {
        name: int(value) if name == "step" else float(value) for name, value in row.items() if value != ""
    }


def _finite(value: float) -> float:
    return value if np.isfinite(value) else -np.inf
