"""The registry: bundles as versions of MLflow's registered models, and back."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from model.experiments.server import (
    ExperimentError,
    client,
    experiment_id,
    in_words,
    shown_uri,
    tracking_uri,
)
from model.experiments.tracked_run import RUN_ID, own_tags
from model.storage.manifest import MANIFEST, Bundle, Manifest, sha256_of
from model.training import run_json
from model.training.run_json import leaves

if TYPE_CHECKING:
    from mlflow import MlflowClient

SCHEME = "models:/"
ARTIFACTS = "bundles"
"""Folder of bundles among the artifacts of a run."""
LONGEST_TAG = 5000  # characters
ALIAS = r"[A-Za-z][A-Za-z0-9_-]*"
LONGEST_ALIAS = 255  # characters
MADE_OF = {"data_sha256": "data", "validation_sha256": "validation data"}
"""Hashes that a run and the manifest of a model made from it share, and what they are of."""


@dataclass(frozen=True)
class Registered:
    """A version of a registered model.

    Attributes:
        name: of the registered model.
        version: its number.
        run_id: of the run in MLflow whose artifacts hold it.
    """

    name: str
    version: str
    run_id: str


def register(bundle: Bundle, alias: str | None, run: Path | None, experiment: str) -> Registered:
    """Register a bundle as a new version of the model of its name in MLflow.

    Args:
        bundle: its files have been checked.
        alias: a name for the version, such as "champion", taken from the one that has it; None: none.
        run: folder of the training run that it was made from, which was logged to MLflow; the bundle is
            stored with it. None: the bundle is stored with a run of its own.
        experiment: the experiment of that run of its own.

    Raises:
        ExperimentError: the alias is not possible, the run was not logged or is not the one that the bundle
            was made from, or MLflow refuses or does not answer.
        RunError: the folder of the run has no run.json, or a damaged one.
    """
    if alias is not None:
        _check_alias(alias)
    logged = None
    if run:
        logged = _run_id_in(run)
        _check_made_from(bundle.manifest, run)
    mlflow = client()
    try:
        return _register(mlflow, bundle, alias, logged, experiment)
    except Exception as error:
        raise in_words(error) from error


def _register(
    mlflow: MlflowClient, bundle: Bundle, alias: str | None, logged: str | None, experiment: str
) -> Registered:
    name = bundle.manifest.name
    if logged is None:
        run = mlflow.create_run(
            experiment_id(mlflow, experiment), tags=own_tags(), run_name=f"{name} {bundle.manifest.version}"
        )
    else:
        run = mlflow.get_run(logged)
    run_id = run.info.run_id
    # By content, so that versions registered before keep their files.
    place = f"{ARTIFACTS}/{sha256_of(bundle.folder / MANIFEST)[:16]}/{name}"
    mlflow.log_artifacts(run_id, str(bundle.folder), place)
    if logged is None:
        mlflow.set_terminated(run_id)
    if not mlflow.search_registered_models(filter_string=f"name='{name}'", max_results=1):
        try:
            mlflow.create_registered_model(name, description=bundle.manifest.description or None)
        except Exception as error:
            if getattr(error, "error_code", "") != "RESOURCE_ALREADY_EXISTS":  # by another process
                raise
    made = mlflow.create_model_version(
        name, source=f"{run.info.artifact_uri}/{place}", run_id=run_id, tags=_tags_of(bundle)
    )
    if alias is not None:
        mlflow.set_registered_model_alias(name, alias, made.version)
    return Registered(name, str(made.version), run_id)


def download(uri: str, folder: Path) -> Path:
    """Download a registered model to `folder`; returns the bundle's folder in it.

    Args:
        uri: models:/NAME@ALIAS or models:/NAME/VERSION.
        folder: an empty one.

    Raises:
        ExperimentError: there is no such model, it is no bundle, or MLflow does not answer; says what to do.
    """
    name, version, alias = parts_of(uri)
    mlflow = client()
    try:
        found = (
            mlflow.get_model_version_by_alias(name, alias)
            if alias
            else mlflow.get_model_version(name, version)
        )
    except Exception as error:
        code = getattr(error, "error_code", "")
        if code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "NOT_FOUND"):
            raise ExperimentError(f"{uri}: {_what_there_is(mlflow, name)}") from None
        raise in_words(error) from error
    from mlflow.artifacts import download_artifacts

    registry = os.environ.get("MLFLOW_REGISTRY_URI") or tracking_uri()
    try:
        got = Path(
            download_artifacts(
                f"{SCHEME}{name}/{found.version}",
                dst_path=str(folder),
                tracking_uri=tracking_uri(),
                registry_uri=registry,
            )
        )
    except Exception as error:
        raise in_words(error) from error
    if not (got / MANIFEST).is_file():
        raise ExperimentError(
            f"{uri} is not a MaskServe bundle, as it has no {MANIFEST}: register bundles with "
            "python -m model register NAME; a model in another format is imported with python -m model import"
        )
    return got


def parts_of(uri: str) -> tuple[str, str, str]:
    """The name, version and alias in a models:/ URI; the last or the one before is empty.

    Raises:
        ExperimentError: it is not of that form.
    """
    found = re.fullmatch(rf"{SCHEME}(?P<name>[^/@'\"]+)(?:/(?P<version>\d+)|@(?P<alias>{ALIAS}))", uri)
    if not found:
        raise ExperimentError(
            f"{uri}: give a registered model as models:/NAME@ALIAS or models:/NAME/VERSION, such as "
            "models:/nuclei@champion"
        )
    return found["name"], found["version"] or "", found["alias"] or ""


def _what_there_is(mlflow: MlflowClient, name: str) -> str:
    try:
        found = mlflow.search_registered_models(filter_string=f"name='{name}'")
        if found:
            versions = sorted(int(one.version) for one in mlflow.search_model_versions(f"name='{name}'"))
            aliases = ", ".join(f"{alias} ({version})" for alias, version in found[0].aliases.items())
            shown = ", ".join(map(str, versions)) or "none"
            return f"there is none. {name} has the versions {shown}, and the aliases {aliases or 'none'}"
        names = ", ".join(sorted(one.name for one in mlflow.search_registered_models(max_results=100)))
    except Exception as error:
        raise in_words(error) from error
    return f"MLflow at {shown_uri()} has no registered model {name!r}; it has: {names or 'none'}"


def _check_alias(alias: str) -> None:
    """Raise ExperimentError for an alias that MLflow would refuse once the version exists."""
    if not re.fullmatch(ALIAS, alias) or len(alias) > LONGEST_ALIAS:
        raise ExperimentError(
            f"--alias {alias}: an alias starts with a letter and has only letters, digits, - and _, at most "
            f"{LONGEST_ALIAS} of them, such as champion"
        )
    if alias.lower() == "latest" or re.fullmatch(r"[vV]\d+", alias):
        raise ExperimentError(
            f"--alias {alias}: MLflow reserves latest, and takes v1 and the like for version numbers: choose "
            "another alias, such as champion"
        )


def _check_made_from(manifest: Manifest, run: Path) -> None:
    """Raise ExperimentError if the manifest says that the model was made from another run than this one."""
    made = manifest.training
    if made is None:
        return
    asked = run_json.of_run(run)
    task = asked.get("task") or manifest.task  # old runs do not say
    differing = [f"the task {task}, not {manifest.task}"] if task != manifest.task else []
    for name, of_what in MADE_OF.items():
        mine, theirs = getattr(made, name), asked.get(name)
        if mine and theirs and mine != theirs:
            differing.append(f"other {of_what} (sha256 {theirs[:12]}…, not {mine[:12]}…)")
    if differing:
        raise ExperimentError(
            f"--run {run}: {manifest.name} was not made from this run, which has {' and '.join(differing)}. "
            f"Give the folder of its own run, which was called {made.run}, or omit --run"
        )


def _run_id_in(run: Path) -> str:
    try:
        return str(json.loads((run / RUN_ID).read_text())["run_id"])
    except FileNotFoundError:
        raise ExperimentError(
            f"--run {run}: it has no {RUN_ID}, as it was not trained with --experiment: omit --run, or "
            "repeat its train command with --experiment, which logs it"
        ) from None
    except (ValueError, KeyError, TypeError):
        raise ExperimentError(f"--run {run}: its {RUN_ID} is damaged: omit --run") from None


def _tags_of(bundle: Bundle) -> dict[str, str]:
    """What the registry shows of a version: the manifest's short facts and each figure of its quality."""
    manifest = bundle.manifest
    tags = {
        "task": manifest.task,
        "bundle_version": manifest.version,
        "licence": manifest.licence,
        "source": manifest.source,
        "made_by": manifest.made_by,
        "weights_sha256": manifest.files[manifest.weights],
        "data_sha256": manifest.training.data_sha256 if manifest.training else "",
    }
    for name, value in leaves(manifest.quality or {}):
        if isinstance(value, str | int | float):
            tags[f"quality.{_allowed(name)}"] = str(value)
    return {name: value[:LONGEST_TAG] for name, value in tags.items() if value}


def _allowed(name: str) -> str:
    """The name with the only characters that MLflow takes."""
    return re.sub(r"[^\w./ -]", "_", name)[:200]
