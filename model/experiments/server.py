"""Server: the MLflow that runs and models are logged to, an embedded one or a server of its own."""

from __future__ import annotations

import contextlib
import logging
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow import MlflowClient

DATABASE = "mlflow.db"
"""The embedded database in the current folder, as MLflow itself calls it; its files are in `mlruns`."""
DEFAULTS = {
    # Otherwise MLflow reports its use to its makers.
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # into the progress bar
    # MLflow's own defaults keep trying for minutes; what cannot be sent is sent later.
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
}
"""MLflow's settings, unless the environment has others."""
KIND = {"mlflow.experimentKind": "custom_model_development"}
"""Tag of an experiment, so that the interface shows training runs rather than chats with language models."""
NOISY = ("alembic", "mlflow.store", "mlflow.tracking", "mlflow.system_metrics")
WRONG = (
    *("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST", "RESOURCE_ALREADY_EXISTS", "INVALID_STATE"),
    *("PERMISSION_DENIED", "UNAUTHENTICATED", "BAD_REQUEST", "ENDPOINT_NOT_FOUND", "NOT_FOUND"),
    "FEATURE_DISABLED",
)
"""MLflow's codes of errors that would come again if the same was tried later."""
LONGEST_REASON = 300  # characters


class ExperimentError(ValueError):
    """MLflow or Optuna cannot do what was asked; the message says what to do."""


class ServerAway(ExperimentError):
    """MLflow does not answer at the moment."""


def tracking_uri() -> str:
    """The URI of the MLflow to use: MLFLOW_TRACKING_URI, or the embedded one in the current folder."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{Path.cwd() / DATABASE}"


def shown_uri() -> str:
    """The URI without a user name and password, for messages."""
    scheme, separator, rest = tracking_uri().partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


def client() -> MlflowClient:
    """A client of that MLflow.

    Raises:
        ExperimentError: MLflow is not installed, or the URI is not one that it supports.
    """
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    try:
        from mlflow import MlflowClient
    except ModuleNotFoundError as error:
        raise missing(error) from None
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.ERROR)
    uri = tracking_uri()
    try:
        return MlflowClient(uri, os.environ.get("MLFLOW_REGISTRY_URI") or uri)
    except Exception as error:
        raise in_words(error) from error


def check_experiment(name: str) -> None:
    """Raise ExperimentError if MLflow is not installed or refuses the experiment, but not if it is away."""
    with contextlib.suppress(ServerAway):
        experiment_id(client(), name)


def missing(error: ModuleNotFoundError) -> ExperimentError:
    """What to install if MLflow or Optuna is missing."""
    return ExperimentError(
        f"experiments need {error.name}: run make experiments, or pip install -r "
        "requirements-experiments.txt, or, if MaskServe is installed as a package, "
        "pip install 'maskserve[experiments]'"
    )


def in_words(error: Exception) -> ExperimentError:
    """The error of MLflow in a sentence; `ServerAway` if trying again later may help."""
    if isinstance(error, ExperimentError):
        return error
    reason = " ".join(str(error).split()) or type(error).__name__
    if cause := re.search(r"\[Errno -?\d+\] ([\w ]+)", reason):
        reason = cause[1]
    if len(reason) > LONGEST_REASON:
        reason = f"{reason[:LONGEST_REASON]}…"
    code = getattr(error, "error_code", "")  # of an MlflowException
    if isinstance(error, OSError) or (code and code not in WRONG):
        return ServerAway(f"MLflow at {shown_uri()} does not answer: {reason}")
    return ExperimentError(f"MLflow at {shown_uri()} refuses: {reason}")


def experiment_id(mlflow: MlflowClient, name: str) -> str:
    """The id of the experiment of that name, which is created if there is none.

    Raises:
        ExperimentError: it has been deleted, or cannot be created.
    """
    try:
        found = mlflow.get_experiment_by_name(name)
        if found is None:
            try:
                return str(mlflow.create_experiment(name, tags=KIND))
            except Exception:
                found = mlflow.get_experiment_by_name(name)  # another process has created it
                if found is None:
                    raise
    except Exception as error:
        raise in_words(error) from error
    if found.lifecycle_stage != "active":
        raise ExperimentError(
            f"the experiment {name} was deleted in MLflow: choose another name for --experiment, or restore "
            f"it with mlflow experiments restore --experiment-id {found.experiment_id}"
        )
    return str(found.experiment_id)
