"""The catalog: which models there are, as bundles in folders, and whether their files are whole."""

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

PROJECT = Path(__file__).parents[1]  # where there is no checkout, the folder of all installed packages


class UnknownModel(ValueError):
    """No bundle has that name."""


def model_dir() -> Path:
    """Where imported and fetched bundles live.

    MASKSERVE_MODEL_DIR, if set, takes precedence. The default in a checkout of the project is its folder
    `models`; where the project is installed as a package, `maskserve/models` in the user's data folder
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
    """The names of all bundles, sorted; none is read yet, so that a broken one does not hide the others."""
    put_back(model_dir())
    return sorted({path.parent.name for root in _roots() for path in root.glob(f"[!.]*/{MANIFEST}")})


def find(name: str) -> Bundle:
    """The bundle of that name, its files not yet checked; one in `model_dir` hides a shipped one.

    Raises:
        UnknownModel: there is none; says which there are.
        BundleError: there is, but its manifest is not valid.
    """
    if re.fullmatch(NAME_PATTERN, name):  # anything else could lead out of the folders
        put_back(model_dir())
        for root in _roots():
            if (root / name / MANIFEST).is_file():
                return read_bundle(root / name)
    raise UnknownModel(f"there is no model {name!r}; there are: {', '.join(names()) or 'none'}")


def read_bundle(folder: Path) -> Bundle:
    """The bundle in `folder`; raises BundleError if its manifest cannot be read or is not valid."""
    try:
        values = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        bundle = Bundle(folder, Manifest.model_validate(values))
    except ValidationError as error:
        raise BundleError(f"{folder.name}/{MANIFEST}: {problems_in(error)}") from None
    except (OSError, ValueError) as error:
        raise BundleError(f"{folder.name}/{MANIFEST} cannot be read: {reason(error)}") from None
    if bundle.manifest.name != folder.name:
        raise BundleError(f"{folder.name}/{MANIFEST} is named {bundle.manifest.name!r}: rename the folder")
    try:
        family = family_named(bundle.manifest.family)
        if family.task != bundle.manifest.task:
            raise ValueError(
                f'the task is "{bundle.manifest.task}", but models of the family "{family.name}" have the '
                f'task "{family.task}": correct one of the two'
            )
        family.check(bundle.manifest)
    except (ValueError, TypeError) as error:  # a value of another type, such as a word for a number
        raise BundleError(f"{folder.name}/{MANIFEST}: {error}") from error
    return bundle


def check_name(name: str) -> None:
    """Raise BundleError unless a model can have that name."""
    if name == AUTO:
        raise BundleError(f"{AUTO!r} stands for whichever model suits a picture: choose another name")
    if not re.fullmatch(NAME_PATTERN, name):
        raise BundleError(
            f"{name!r} cannot name a model: use at most 63 lower-case letters, digits, dots, dashes and "
            "underscores, the first a letter or a digit"
        )


@contextmanager
def new_bundle(name: str, root: Path | None = None) -> Iterator[Path]:
    """A folder to fill for a new bundle, which appears in `root` (`model_dir`) whole or not at all.

    A bundle of that name stays as it is until then, whatever ends this process: see `whole_folders`.
    """
    check_name(name)
    with whole_folder((root or model_dir()) / name) as folder:
        yield folder
