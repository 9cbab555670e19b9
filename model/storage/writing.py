"""Writing manifests: `model.json`, with the hashes of the files beside it as they are now."""

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
    """Write `model.json` for the files that are in `folder`, hashing them; returns the bundle."""
    files = {
        path.relative_to(folder).as_posix(): sha256_of(path)
        for path in sorted(folder.rglob("*"))
        if path.suffix in BUNDLE_SUFFIXES
    }
    try:
        manifest = Manifest.model_validate({**values, "files": files})
    except ValidationError as error:
        raise BundleError(f"this makes no {MANIFEST}: {problems_in(error)}") from None
    text = json.dumps(manifest.model_dump(exclude_defaults=True), indent=2, ensure_ascii=False)
    with whole_file(folder / MANIFEST) as part:
        part.write_text(text + "\n", encoding="utf-8")
    return Bundle(folder, manifest)


def update_manifest(bundle: Bundle, **changes: Any) -> Bundle:
    """Write the bundle's manifest anew with these values changed and its files hashed as they are now."""
    return write_manifest(bundle.folder, {**bundle.manifest.model_dump(exclude={"files"}), **changes})
