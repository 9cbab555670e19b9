"""Writing manifests: writes `model.json` with the current hashes of the files beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from model.files.whole_files import whole_file
from model.storage.manifest import MANIFEST, Bundle, BundleError, Manifest, sha256_of
from model.storage.problems import problems_in

BUNDLE_SUFFIXES = (".h5", ".npz", ".xml", ".bin")


def write_manifest(folder: Path, values: Mapping[str, Any]) -> Bundle:
    """Hash the files in `folder`, write its `model.json`, and return the bundle.

    Folders of other versions in the folder, with manifests of their own, are not part of the bundle.
    """
    others = {path.parent for path in folder.glob(f"*/{MANIFEST}")}
    files = {
        path.relative_to(folder).as_posix(): sha256_of(path)
        for path in sorted(folder.rglob("*"))
        if path.suffix in BUNDLE_SUFFIXES and others.isdisjoint(path.parents)
    }
    manifest = _manifest(values, files)
    text = json.dumps(manifest.model_dump(exclude_defaults=True), indent=2, ensure_ascii=False)
    with whole_file(folder / MANIFEST) as part:
        part.write_text(text + "\n", encoding="utf-8")
    return Bundle(folder, manifest)


def check_values(values: Mapping[str, Any]) -> None:
    """Raise BundleError if `write_manifest` would refuse these values once the weights are there."""
    _manifest(values, {values["weights"]: ""})


def update_manifest(bundle: Bundle, **changes: Any) -> Bundle:
    """Write the bundle's manifest again with these changes and with the current hashes of its files."""
    return write_manifest(bundle.folder, {**bundle.manifest.model_dump(exclude={"files"}), **changes})


def _manifest(values: Mapping[str, Any], files: Mapping[str, str]) -> Manifest:
    try:
        return Manifest.model_validate({**values, "files": files})
    except ValidationError as error:
        raise BundleError(f"the values for {MANIFEST} are not valid: {problems_in(error)}") from None
