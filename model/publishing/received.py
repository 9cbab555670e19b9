"""Received: a finished bundle from elsewhere, checked and tested before it has its name here."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from model import catalog
from model.publishing.publish import Published, manifest_of
from model.publishing.replaced import differences
from model.segmenter import opened
from model.storage.manifest import MANIFEST, BundleError


def publish_received(folder: Path) -> Published:
    """Copy a bundle from `folder` to `model_dir`, under its own name, if it passes its self-test.

    If versions of that model are kept there in folders of their own, so is this one.

    Raises:
        BundleError: it is not valid, its files differ from its manifest, or it fails its self-test.
        ChoiceError: it can only be run with TensorFlow, which is not installed.
    """
    name, version = _name_in(folder)
    replaced = manifest_of(name)
    beside = version if catalog.has_version_folders(name) else None
    with catalog.new_bundle(name, version=beside) as place:
        shutil.copyfile(folder / MANIFEST, place / MANIFEST)
        bundle = catalog.read_bundle(place, name, beside)
        for file in bundle.manifest.files:  # and nothing else that may be there
            _copy(file, folder, place)
        opened(bundle, tested=True)
    bundle = catalog.find(name if beside is None else f"{name}@{beside}")
    sentences = () if replaced is None else tuple(differences(replaced, bundle.manifest))
    return Published(bundle, f"version {bundle.manifest.version}, checked and tested", sentences)


def _name_in(folder: Path) -> tuple[str, str]:
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return str(manifest["name"]), str(manifest["version"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BundleError(f"its {MANIFEST} cannot be read: {error}") from None


def _copy(file: str, source: Path, place: Path) -> None:
    copied = (place / file).resolve()
    if not copied.is_relative_to(place.resolve()):
        raise BundleError(f"{MANIFEST} lists the file {file}, which is outside the bundle")
    if not (source / file).is_file():
        raise BundleError(f"{MANIFEST} lists the file {file}, which is missing")
    copied.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source / file, copied)
