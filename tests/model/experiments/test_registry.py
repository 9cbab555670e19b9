"""Bundles become versions of registered models, and come back only if they are whole."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from model import catalog
from model.__main__ import main
from model.experiments.server import client
from model.segmenter import load
from model.storage.manifest import SHIPPED, sha256_of
from model.storage.writing import update_manifest

pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture(autouse=True)
def models(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where models are made and fetched to; `people` ships beside it."""
    monkeypatch.setenv("MASKSERVE_MODEL_DIR", str(folder / "models"))
    return folder / "models"


def test_a_registered_bundle_is_fetched_byte_for_byte_and_can_be_served(
    models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["register", "people", "--alias", "champion"]) == 0
    assert "python -m model fetch models:/people@champion" in capsys.readouterr().out
    monkeypatch.setattr(catalog, "SHIPPED", models / "nothing-shipped")

    assert main(["fetch", "models:/people@champion"]) == 0

    assert "MASKSERVE_MODELS=people make run" in capsys.readouterr().out
    fetched = catalog.find("people")
    assert [path.name for path in models.iterdir()] == ["people"]
    for file in fetched.manifest.files:
        assert (models / "people" / file).read_bytes() == (SHIPPED / "people" / file).read_bytes()
    picture = np.zeros((64, 64, 3), np.uint8)
    assert load("people", tested=True).segment(picture).size == (64, 64)


def test_versions_count_up_keep_their_files_and_hand_on_their_alias(models: Path) -> None:
    shutil.copytree(SHIPPED / "people", models / "people")
    assert main(["register", "people", "--alias", "champion"]) == 0
    update_manifest(catalog.find("people"), version="7", quality={"all": {"iou": 0.5}, "note": "x"})
    assert main(["register", "people", "--alias", "champion"]) == 0

    mlflow = client()
    first, second = (mlflow.get_model_version("people", number) for number in ("1", "2"))
    assert (first.aliases, second.aliases) == ([], ["champion"])
    assert second.tags["bundle_version"] == "7"
    assert second.tags["quality.all.iou"] == "0.5"
    assert second.tags["licence"] == "Apache-2.0"
    assert main(["fetch", "models:/people/1"]) == 0
    assert catalog.find("people").manifest.version == "1"
    assert main(["fetch", "models:/people@champion"]) == 0
    assert catalog.find("people").manifest.version == "7"


DATA, OTHER = "a" * 64, "b" * 64


@pytest.fixture
def made_from_a_run(models: Path) -> None:
    """The model people says that it was made from the run "first", of the data `DATA`."""
    shutil.copytree(SHIPPED / "people", models / "people")
    update_manifest(catalog.find("people"), training={"run": "first", "data": "cells", "data_sha256": DATA})


def logged_run(folder: Path, data: str, **values: str) -> str:
    """The id of a run in MLflow, whose folder is `run`."""
    mlflow = client()
    run = mlflow.create_run(mlflow.create_experiment("cells"))
    (folder / "run").mkdir()
    (folder / "run/mlflow.json").write_text(json.dumps({"run_id": run.info.run_id}))
    asked = {"config": {}, "plan": {}, "data": "cells", "classes": ["person"], "data_sha256": data}
    (folder / "run/run.json").write_text(json.dumps({**asked, **values}))
    return str(run.info.run_id)


@pytest.mark.usefixtures("made_from_a_run")
def test_a_bundle_is_stored_with_the_run_that_it_was_made_from(folder: Path) -> None:
    run_id = logged_run(folder, DATA)

    assert main(["register", "people", "--run", "run"]) == 0
    assert main(["register", "people"]) == 0

    with_run, alone = (client().get_model_version("people", number) for number in ("1", "2"))
    assert with_run.run_id == run_id
    assert alone.run_id != run_id
    assert with_run.tags["data_sha256"] == alone.tags["data_sha256"] == DATA
    bundle = catalog.find("people")
    assert with_run.tags["weights_sha256"] == sha256_of(bundle.weights_path)


def test_a_bundle_that_does_not_say_what_it_was_made_from_takes_no_hash_from_a_run(folder: Path) -> None:
    logged_run(folder, OTHER)

    assert main(["register", "people", "--run", "run"]) == 0

    assert "data_sha256" not in client().get_model_version("people", "1").tags


@pytest.mark.usefixtures("made_from_a_run")
@pytest.mark.parametrize(
    ("data", "values", "told"),
    [
        (OTHER, {}, "which has other data (sha256 bbbbbbbbbbbb…, not aaaaaaaaaaaa…)"),
        (DATA, {"task": "classify"}, "which has the task classify, not semantic"),
    ],
)
def test_a_run_that_a_bundle_was_not_made_from_is_refused(
    data: str, values: dict[str, str], told: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logged_run(folder, data, **values)

    assert main(["register", "people", "--run", "run"]) == 1

    error = capsys.readouterr().err
    assert f"--run run: people was not made from this run, {told}" in error
    assert "its own run, which was called first, or omit --run" in error
    assert client().search_registered_models() == []


@pytest.mark.parametrize("alias", ["latest", "Latest", "v1", "V12", "a" * 256, "3x"])
def test_an_alias_that_is_not_possible_is_refused_before_anything_is_registered(
    alias: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["register", "people", "--alias", alias]) == 1

    assert f"--alias {alias}: " in capsys.readouterr().err
    assert client().search_registered_models() == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("register", "nobody"), "there is no model 'nobody'"),
        (("register", "people", "--alias", "3x"), "--alias 3x: an alias starts with a letter"),
        (("register", "people", "--run", "models"), "--run models: it has no mlflow.json"),
        (
            ("fetch", "models:/people"),
            "give a registered model as models:/NAME@ALIAS or models:/NAME/VERSION",
        ),
        (("fetch", "models:/peple@champion"), "has no registered model 'peple'; it has: people"),
        (("fetch", "models:/people@nobody"), "people has the versions 1, and the aliases champion (1)"),
        (("fetch", "models:/people/9"), "people has the versions 1, and the aliases champion (1)"),
    ],
)
def test_what_is_not_there_is_named_with_what_is(
    words: tuple[str, ...], told: str, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mlflow = client()
    mlflow.create_registered_model("people")
    mlflow.create_model_version("people", source="mlruns/0/x/artifacts/bundle")
    mlflow.set_registered_model_alias("people", "champion", "1")
    models.mkdir()
    assert main([*words]) == 1
    assert told in capsys.readouterr().err
    assert list(models.iterdir()) == []


def test_without_a_server_there_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    assert main(["fetch", "models:/people@champion"]) == 1
    assert "MLflow at http://127.0.0.1:9 does not answer: Connection refused" in capsys.readouterr().err


def stored_as(folder: Path, name: str) -> None:
    """Register what is in a folder as it is."""
    mlflow = client()
    run = mlflow.create_run(mlflow.create_experiment("others"))
    mlflow.log_artifacts(run.info.run_id, str(folder), "model")
    mlflow.create_registered_model(name)
    mlflow.create_model_version(name, source=f"{run.info.artifact_uri}/model", run_id=run.info.run_id)


def altered(bundle: Path) -> None:
    path = next(bundle.rglob("*.bin"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def without_a_file(bundle: Path) -> None:
    next(bundle.rglob("*.bin")).unlink()


def without_a_manifest(bundle: Path) -> None:
    (bundle / "model.json").unlink()


def with_an_outside_file(bundle: Path) -> None:
    manifest = json.loads((bundle / "model.json").read_text())
    manifest["files"]["../../evil.bin"] = "0" * 64
    (bundle / "model.json").write_text(json.dumps(manifest))


def with_another_test(bundle: Path) -> None:
    with np.load(bundle / "selftest.npz") as test:
        arrays = dict(test)
    arrays["labels"] = 1 - np.minimum(arrays["labels"], 1)
    np.savez_compressed(bundle / "selftest.npz", **arrays)
    update_manifest(catalog.read_bundle(bundle))


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (altered, "is not the file that model.json lists"),
        (without_a_file, "which is missing"),
        (without_a_manifest, "is not a MaskServe bundle, as it has no model.json"),
        (with_an_outside_file, "../../evil.bin, which is outside the bundle"),
        (with_another_test, "self-test"),
    ],
)
def test_a_damaged_one_is_refused_and_the_model_there_is_kept(
    damage, told: str, folder: Path, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(SHIPPED / "people", models / "people")
    before = catalog.find("people")
    shutil.copytree(SHIPPED / "people", folder / "people")
    damage(folder / "people")
    stored_as(folder / "people", "people")

    assert main(["fetch", "models:/people/1"]) == 1

    assert told in capsys.readouterr().err
    assert catalog.find("people") == before
    before.check()
    assert [path.name for path in models.iterdir()] == ["people"]
    assert not (folder / "evil.bin").exists()
