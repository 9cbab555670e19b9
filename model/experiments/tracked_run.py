"""TrackedRun: what MLflow knows of a training run, brought up to date without logging anything twice."""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model.experiments.server import ExperimentError, client, experiment_id
from model.files.whole_files import whole_file
from model.training.learner import VALIDATION
from model.training.run_json import STEPS, Asked, leaves

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Run
    from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

RUN_ID = "mlflow.json"
"""File in a run folder with the id of its run in MLflow, so that a resumed run continues it."""
LARGEST_BATCH = 1000
"""The most metrics that MLflow takes at once."""
MOST_PARAMETERS = 100
"""The most parameters that MLflow takes at once."""
LONGEST_PARAMETER = 6000  # characters
KINDS = {"loss": False, f"{VALIDATION}loss": True}
"""A figure that every row of a kind has → whether that kind was measured on validation data."""
PARENT = "mlflow.parentRunId"
Row = Mapping[str, float]


class TrackedRun:
    """A run in MLflow; all methods may raise what MLflow raises if it does not answer.

    If `connect` was refused, the others do nothing.

    Args:
        experiment: its name.
        folder: of the training run.
        asked: the arguments of the run.
        learning_rate: by the number of steps done before.
        tags: further ones.
        parent: the id of the run in MLflow that this one belongs to; empty: none.
    """

    def __init__(
        self,
        experiment: str,
        folder: Path,
        asked: Asked,
        learning_rate: Callable[[int], Any],
        tags: Mapping[str, str],
        parent: str = "",
    ) -> None:
        self._experiment = experiment
        self._folder = folder
        self._asked = json.loads(json.dumps(asked))
        self._learning_rate = learning_rate
        self._tags = dict(tags)
        self._parent = parent
        self._mlflow: MlflowClient = client()
        self._id = ""
        self._logged: dict[str, int] | None = None
        self._monitor: SystemMetricsMonitor | None = None

    def connect(self) -> None:
        """Create the run in MLflow, or continue the one that this folder had there.

        Raises:
            ExperimentError: that one belongs to another experiment.
        """
        check_experiment_of(self._folder, self._experiment)
        run = _known(self._mlflow, self._folder)
        if run is None:
            run = self._mlflow.create_run(
                experiment_id(self._mlflow, self._experiment),
                tags=own_tags(self._parent),
                run_name=self._folder.resolve().name,
            )
            with whole_file(self._folder / RUN_ID) as part:
                part.write_text(json.dumps({"run_id": run.info.run_id}) + "\n")
        elif run.info.status != "RUNNING":
            self._mlflow.update_run(run.info.run_id, status="RUNNING")
        self._id = run.info.run_id
        self._describe(run)

    def log_rows(self, rows: Sequence[Row]) -> None:
        """Log the figures of each step that MLflow does not have yet.

        A step that is done again after a kill keeps the figures that were logged first.
        """
        if not self._id:
            return
        if self._logged is None:
            self._logged = {name: self._last_step(name) for name in KINDS}
        logged, self._logged = self._logged, None  # unknown if sending fails half-way
        batch: list[Metric] = []
        for row in rows:
            batch += self._news(row, logged)
            if len(batch) >= LARGEST_BATCH // 2:
                self._mlflow.log_batch(self._id, metrics=batch)
                batch = []
        if batch:
            self._mlflow.log_batch(self._id, metrics=batch)
        self._logged = logged

    def log_file(self, path: Path, folder: str = "") -> None:
        """Log a file as an artifact; one of the same name is replaced."""
        if self._id and path.is_file():
            self._mlflow.log_artifact(self._id, str(path), folder or None)

    def names_in(self, folder: str = "") -> set[str]:
        """The names of the artifacts in a folder."""
        if not self._id:
            return set()
        return {Path(file.path).name for file in self._mlflow.list_artifacts(self._id, folder or None)}

    def log_system(self) -> None:
        """Log the use of processor, memory, disk, network and GPU since the last call."""
        from mlflow.entities import Metric
        from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

        if not self._id:
            return
        if self._monitor is None:
            # Its own thread is not started, since that ends when the server does not answer once.
            self._monitor = SystemMetricsMonitor(
                self._id, resume_logging=True, tracking_uri=self._mlflow.tracking_uri
            )
            self._system_step = self._monitor._logging_step
        self._monitor.collect_metrics()
        figures = self._monitor.aggregate_metrics()
        for part in self._monitor.monitors:
            part.clear_metrics()
        now, step = _now(), self._system_step
        metrics = [Metric(f"system/{name}", value, now, step) for name, value in figures.items()]
        self._mlflow.log_batch(self._id, metrics=metrics)
        self._system_step += 1

    def end(self, status: str, tags: Mapping[str, str]) -> None:
        """Mark the run as ended: "FINISHED", "FAILED" or "KILLED"."""
        if not self._id:
            return
        for name, value in tags.items():
            self._mlflow.set_tag(self._id, name, value)
        self._mlflow.set_terminated(self._id, status)

    def _describe(self, run: Run) -> None:
        """Log the arguments and tags; MLflow does not let the number of steps change, which is a tag too."""
        from mlflow.entities import Param, RunTag

        values = {name: _as_text(value) for name, value in leaves(self._asked)}
        new = [Param(name, value) for name, value in values.items() if name not in run.data.params]
        tags = {**self._tags, "run_folder": str(self._folder.resolve()), "steps": values.get(STEPS, "")}
        if data := self._asked.get("data_sha256"):
            tags["data_sha256"] = _as_text(data)
        for first in range(0, len(new), MOST_PARAMETERS):
            self._mlflow.log_batch(self._id, params=new[first : first + MOST_PARAMETERS])
        self._mlflow.log_batch(self._id, tags=[RunTag(name, value) for name, value in tags.items()])

    def _last_step(self, name: str) -> int:
        return max((metric.step for metric in self._mlflow.get_metric_history(self._id, name)), default=0)

    def _news(self, row: Row, logged: dict[str, int]) -> Iterator[Metric]:
        """The figures of a row that are not logged yet; notes that they are."""
        from mlflow.entities import Metric

        step, now = int(row["step"]), _now()
        for kind, validation in KINDS.items():
            if kind not in row or step <= logged[kind]:
                continue
            logged[kind] = step
            for name, value in row.items():
                if name != "step" and name.startswith(VALIDATION) == validation:
                    yield Metric(name, float(value), now, step)
            if not validation:
                yield Metric("learning_rate", float(self._learning_rate(step - 1)), now, step)


def check_experiment_of(folder: Path, experiment: str) -> None:
    """Raise ExperimentError if MLflow has the run of this folder in another experiment.

    A server that does not answer raises what MLflow raises.
    """
    mlflow = client()
    run = _known(mlflow, folder)
    if run is None:
        return
    its = mlflow.get_experiment(run.info.experiment_id).name
    if its != experiment:
        raise ExperimentError(
            f"--experiment {experiment}: the run in {folder} belongs to the experiment {its}, and a run that "
            f"is resumed stays one run: repeat the command with --experiment {shlex.quote(its)}, or train a "
            "new run in another folder"
        )


def _known(mlflow: MlflowClient, folder: Path) -> Run | None:
    """The run that a folder has in MLflow; None if there is none, or it was deleted."""
    from mlflow.exceptions import MlflowException

    try:
        run = mlflow.get_run(json.loads((folder / RUN_ID).read_text())["run_id"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":  # in another MLflow
            raise
        return None
    return run if run.info.lifecycle_stage == "active" else None


def own_tags(parent: str = "") -> dict[str, str]:
    """Who runs what: user, command and git commit, under the names that MLflow's interface shows."""
    from mlflow.tracking.context.registry import resolve_tags

    tags = {**resolve_tags(), "mlflow.source.name": f"python -m model {' '.join(sys.argv[1:2])}".strip()}
    tags["command"] = f"python -m model {shlex.join(sys.argv[1:])}"
    return {**tags, PARENT: parent} if parent else tags


def _as_text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_PARAMETER else f"{text[: LONGEST_PARAMETER - 1]}…"


def _now() -> int:
    return round(time.time() * 1000)
