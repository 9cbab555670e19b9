"""Results of a study: a table of its trials, and plots."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model.experiments.study import BEST_STEP, REASON, Study
from model.files.whole_files import whole_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TABLE = "trials.csv"
PLOTS = ("history.png", "importance.png", "parallel.png")
LEAST_TRIALS = 2
"""Completed trials without which there is nothing to compare."""


def write_table(study: Study) -> Path:
    """Write a row for each trial: number, state, value, step of the best report, seconds, values, reason."""
    path = study.folder / TABLE
    trials = study.trials
    names = list(dict.fromkeys(name for trial in trials for name in trial.params))
    with study.locked(), whole_file(path) as part, part.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["number", "state", study.metric or "value", "best_step", "seconds", *names, "folder", "reason"]
        )
        for trial in trials:
            seconds = round(trial.duration.total_seconds()) if trial.duration else ""
            attributes = trial.user_attrs
            writer.writerow(
                [
                    *(
                        trial.number,
                        trial.state.name.lower(),
                        trial.value,
                        attributes.get(BEST_STEP),
                        seconds,
                    ),
                    *(trial.params.get(name) for name in names),
                    *(study.folder_of(trial.number), attributes.get(REASON)),
                ]
            )
    return path


def draw_plots(study: Study) -> list[Path]:
    """Draw the plots of Optuna for which the study has enough completed trials; returns those drawn.

    The importance of values is measured by PED-ANOVA, which needs no further library.
    """
    done = [trial for trial in study.trials if trial.state.name == "COMPLETE"]
    if len(done) < LEAST_TRIALS:
        return []
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib.ticker import MaxNLocator
    from optuna.importance import PedAnovaImportanceEvaluator
    from optuna.visualization import matplotlib as plots

    name = study.metric
    drawings: tuple[Callable[[], Any], ...] = (
        lambda: plots.plot_optimization_history(study.optuna, target_name=name),
        lambda: plots.plot_param_importances(
            study.optuna, evaluator=PedAnovaImportanceEvaluator(), target_name=name
        ),
        lambda: plots.plot_parallel_coordinate(study.optuna, target_name=name),
    )
    drawn = []
    with warnings.catch_warnings(), study.locked():
        warnings.simplefilter("ignore")  # these plots are experimental in Optuna
        for file, draw in zip(PLOTS, drawings, strict=True):
            try:
                axes = draw()
            except (RuntimeError, ValueError, ZeroDivisionError):
                continue  # all trials have the same value, say
            if file == PLOTS[0]:
                axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            _save(axes, study.folder / file)
            drawn.append(study.folder / file)
    return drawn


def _save(axes: Axes, path: Path) -> None:
    from matplotlib import pyplot

    figure = axes.get_figure(root=True)
    if figure is None:
        return
    figure.set_size_inches(10, 6)
    with whole_file(path) as part, part.open("wb") as file:
        figure.savefig(file, dpi=100, bbox_inches="tight", format="png")
    pyplot.close(figure)
