"""Bundles of a few bytes, in versions, and what loads them without a network."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from stub_segmenter import StubSegmenter, stub_manifest

from app.versions.version import Version
from model import catalog
from model.storage.manifest import MANIFEST
from model.storage.writing import write_manifest


def make(version: str, name: str = "cells", **values: Any) -> Path:
    """A bundle in the folder of this version, in MASKSERVE_MODEL_DIR; returns its folder."""
    manifest = stub_manifest(name, version=version, weights="model.weights.h5", **{**_FILES, **values})
    with catalog.new_bundle(name, version=version) as folder:
        (folder / "model.weights.h5").write_bytes(b"weights")
        write_manifest(folder, manifest.model_dump(exclude={"files"}))
    return catalog.folder_of(f"{name}@{version}")


_FILES = {"files": {"model.weights.h5": "0" * 64}, "config": {"num_classes": 3}}


def break_manifest(folder: Path) -> None:
    """Make the manifest one that cannot be read."""
    (folder / MANIFEST).write_text("{")


def age(folder: Path) -> None:
    """Make the files of a bundle look as if they had been written just now, at another time than before."""
    for path in folder.iterdir():
        os.utime(path, ns=(time.time_ns(), time.time_ns()))


def open_stub(full_name: str, _: Path | None = None) -> Version:
    """Load a bundle without its network. One whose description is "broken" fails its self-test."""
    bundle = catalog.find(full_name)
    bundle.check()
    manifest = bundle.manifest
    if manifest.description == "broken":
        raise ValueError(f"model {manifest.name} fails its self-test")
    segmenter = StubSegmenter(manifest.name)
    segmenter.bundle.manifest = manifest
    segmenter.bundle.folder = bundle.folder
    return Version(manifest.name, segmenter)
