"""The run of a study in MLflow, to which those of its trials belong."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from model.experiments.sending import warn
from model.experiments.server import ServerAway, client, experiment_id, in_words
from model.experiments.study import Study
from model.experiments.tracked_run import RUN_ID, check_experiment_of, own_tags
from model.files.whole_files import whole_file


def begin(study: Study, experiment: str) -> str:
    """The id of the study's run in MLflow, created if there is none; empty if MLflow does not answer.

    Raises:
        ExperimentError: MLflow refuses the experiment, or the study belongs to another.
    """
    mlflow = client()
    path = study.folder / RUN_ID
    with study.locked():
        try:
            check_experiment_of(study.folder, experiment)
            place = experiment_id(mlflow, experiment)
            if path.exists():
                known = json.loads(path.read_text())
                if known["experiment_id"] == place:
                    mlflow.update_run(known["run_id"], status="RUNNING")
                    return str(known["run_id"])
            run = mlflow.create_run(place, tags=own_tags(), run_name=study.path.stem)
        except Exception as error:
            problem = in_words(error)
            if not isinstance(problem, ServerAway):
                raise problem from error
            warn(f"{problem}. The study goes on; its trials will not be below a common run")
            return ""
        with whole_file(path) as part:
            part.write_text(json.dumps({"run_id": run.info.run_id, "experiment_id": place}) + "\n")
    return str(run.info.run_id)


def end(study: Study, run_id: str, files: Sequence[Path], status: str) -> None:
    """Log the best trial, the files of the results, and the status if there is one.

    A failure is only a warning.
    """
    if not run_id:
        return
    try:
        mlflow = client()
        best = study.best()
        if best is not None:
            tags = {"best_trial": str(best.number)}
            tags.update({f"best.{name}": str(value) for name, value in best.params.items()})
            for name, value in tags.items():
                mlflow.set_tag(run_id, name, value)
            mlflow.log_metric(run_id, f"best_{study.metric.removeprefix('-')}", study.figure_of(best))
        for path in files:
            mlflow.log_artifact(run_id, str(path))
        if status:
            mlflow.set_terminated(run_id, status)
    except Exception as error:
        warn(f"{in_words(error)}. The results of the study are in {study.folder}")
