"""A new bundle takes the place of a model, or is a version beside it, as the command line says."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from model import catalog
from model.catalog import new_bundle
from model.commands.placing import add_placing, check_place, version_beside
from model.storage.manifest import BundleError
from model.storage.writing import write_manifest


def make(version: str, in_folder: str | None = None) -> None:
    values = {"name": "cells", "version": version, "task": "instance", "classes": ["background", "cell"]}
    more = {"licence": "CC0-1.0", "source": "made up", "threshold": 0.5, "config": {"num_classes": 2}}
    with new_bundle("cells", version=in_folder) as folder:
        (folder / "model.weights.h5").write_bytes(b"weights")
        write_manifest(folder, {**values, **more, "weights": "model.weights.h5"})


def asked(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--version")
    add_placing(parser)
    return parser.parse_args(words)


def folder_for(*words: str) -> str | None:
    """The folder of the version that a command with these options makes."""
    arguments = asked(*words)
    check_place("cells", "--name", arguments)
    there = catalog.names()
    return version_beside("cells", arguments, catalog.find("cells").manifest if there else None)


def test_without_beside_it_takes_the_models_place(model_dir: Path) -> None:
    assert folder_for() is None
    make("1")
    assert folder_for("--replace") is None
    with pytest.raises(
        ValueError, match="choose another --name, or add --replace; to keep both, add --beside"
    ):
        folder_for()


def test_with_beside_it_is_the_next_version(model_dir: Path) -> None:
    assert folder_for("--beside") == "1"
    make("1")
    assert folder_for("--beside") == "2"
    assert folder_for("--beside", "--version", "2026-12") == "2026-12"
    make("9", in_folder="9")
    assert folder_for("--beside") == "10"


def test_a_version_that_exists_is_replaced_only_if_that_is_said(model_dir: Path) -> None:
    make("1", in_folder="1")
    with pytest.raises(ValueError, match=r"already a version 1 of the model 'cells'.*add --replace"):
        folder_for("--beside", "--version", "1")
    assert folder_for("--beside", "--version", "1", "--replace") == "1"


def test_a_folder_of_versions_is_not_replaced_by_a_bundle_without_one(model_dir: Path) -> None:
    make("1", in_folder="1")
    for words in ((), ("--replace",)):
        with pytest.raises(ValueError, match="in folders of their own: add --beside"):
            folder_for(*words)


def test_a_version_that_is_no_number_has_no_next_one_and_one_that_is_no_folder_is_refused(
    model_dir: Path,
) -> None:
    make("spring")
    with pytest.raises(ValueError, match="give --version"):
        folder_for("--beside")
    with pytest.raises(BundleError, match="cannot be the version"):
        folder_for("--beside", "--version", "a/b")
