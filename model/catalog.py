"""The catalog: finds the models, which are bundles in folders, and checks their manifests."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from model.families.registry import family_named
from model.files.system_errors import reason
from model.files.whole_folders import put_back, whole_folder
from model.storage.manifest import (
    AUTO,
    MANIFEST,
    NAME_PATTERN,
    SHIPPED,
    Bundle,
    BundleError,
    Manifest,
)
from model.storage.problems import problems_in

PROJECT = Path(__file__).parents[1]  # if MaskServe is installed as a package, the folder of all packages


class UnknownModel(ValueError):
    """No bundle has that name."""


def model_dir() -> Path:
    """Return the folder for imported and fetched bundles.

    MASKSERVE_MODEL_DIR, if set, takes precedence. In a checkout of the project, the default is its folder
    `models`; if the project is installed as a package, it is `maskserve/models` in the user's data folder
    (XDG_DATA_HOME).
    """
    if folder := os.environ.get("MASKSERVE_MODEL_DIR"):
        return Path(folder)
    if (PROJECT / "pyproject.toml").is_file():
        return PROJECT / "models"
    data = os.environ.get("XDG_DATA_HOME") or Path("~/.local/share").expanduser()
    return Path(data, "maskserve", "models")


def _roots() -> tuple[Path, Path]:
    return model_dir(), SHIPPED


def names() -> list[str]:
    """Return the names of all bundles, sorted; none is read, so that a broken one does not hide others."""
    put_back(model_dir())
    return sorted({path.parent.name for root in _roots() for path in root.glob(f"[!.]*/{MANIFEST}")})


def find(name: str) -> Bundle:
    """Return the bundle of that name without checking its files; one in `model_dir` hides a shipped one.

    Raises:
        UnknownModel: there is no such bundle; the message lists those that exist.
        BundleError: the manifest of the bundle is not valid.
    """
    if re.fullmatch(NAME_PATTERN, name):  # any other name could lead out of the folders
        put_back(model_dir())
        for root in _roots():
            if (root / name / MANIFEST).is_file():
                return read_bundle(root / name)
    raise UnknownModel(f"there is no model {name!r}; there are: {', '.join(names()) or 'none'}")


def read_bundle(folder: Path) -> Bundle:
    """Return the bundle in `folder`; raise BundleError if its manifest cannot be read or is not valid."""
    try:
        values = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        bundle = Bundle(folder, Manifest.model_validate(values))
    except ValidationError as error:
        raise BundleError(f"{folder.name}/{MANIFEST}: {problems_in(error)}") from None
    except (OSError, ValueError) as error:
        raise BundleError(f"{folder.name}/{MANIFEST} cannot be read: {reason(error)}") from None
    if bundle.manifest.name != folder.name:
        raise BundleError(
            f"{folder.name}/{MANIFEST} names the model {bundle.manifest.name!r}, and its folder must have the"
            " same name: rename the folder"
        )
    try:
        family = family_named(bundle.manifest.family)
        if family.task != bundle.manifest.task:
            raise ValueError(
                f'the task is "{bundle.manifest.task}", but models of the family "{family.name}" have the '
                f'task "{family.task}": correct one of the two'
            )
        family.check(bundle.manifest)
    except (ValueError, TypeError) as error:  # TypeError: for example, a word instead of a number
        raise BundleError(f"{folder.name}/{MANIFEST}: {error}") from error
    return bundle


def check_name(name: str) -> None:
    """Raise BundleError unless a model can have that name."""
    if name == AUTO:
        raise BundleError(f"{AUTO!r} is reserved for choosing a model automatically: choose another name")
    if not re.fullmatch(NAME_PATTERN, name):
        raise BundleError(
            f"{name!r} cannot name a model: use at most 63 lower-case letters, digits, dots, dashes and "
            "underscores, the first a letter or a digit"
        )


@contextmanager
def new_bundle(name: str, root: Path | None = None) -> Iterator[Path]:
    """Yield a folder to fill for a new bundle, which is created in `root` (default: `model_dir`) atomically.

    An existing bundle of that name is unchanged until then, even if the process is killed: see
    `whole_folders`.
    """
    check_name(name)
    with whole_folder((root or model_dir()) / name) as folder:
        yield folder
