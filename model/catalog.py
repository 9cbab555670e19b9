"""The catalog: finds the models, which are bundles in folders, and checks their manifests.

A bundle is in the folder NAME or, if several versions of a model are kept side by side, in NAME/VERSION.
`name@version` names one of them; the name alone, the newest.
"""

from __future__ import annotations

import contextlib
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
    VERSION_PATTERN,
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
    """Return the names of all models, sorted; none is read, so that a broken one does not hide others."""
    put_back(model_dir())
    alone = {path.parent.name for root in _roots() for path in root.glob(f"[!.]*/{MANIFEST}")}
    versions = {path.parents[1].name for root in _roots() for path in root.glob(f"[!.]*/[!.]*/{MANIFEST}")}
    return sorted(alone | versions)


def split_name(name: str) -> tuple[str, str | None]:
    """Return the model and the version in `name@version`; for a name alone, the version is None."""
    model, at, version = name.partition("@")
    return model, version if at else None


def natural(version: str) -> tuple[object, ...]:
    """Return a sort key by which "10" comes after "9", and "2026-02" after "2025-11".

    >>> sorted(["10", "9", "9.1", "a"], key=natural)
    ['9', '9.1', '10', 'a']
    """
    parts = [part for part in re.split("([0-9]+)", version) if part]
    return *(_number(part) if part[0] in "0123456789" else (1, 0, part) for part in parts), (-1, 0, version)


def _number(digits: str) -> tuple[int, int, str]:
    """Return a sort key for a number, however long it is."""
    digits = digits.lstrip("0")
    return 0, len(digits), digits


def newness(bundle: Bundle) -> tuple[object, ...]:
    """Return a sort key by which newer versions of a model come later; those that ship come first."""
    return not bundle.folder.is_relative_to(SHIPPED), *natural(bundle.manifest.version)


def versions(name: str) -> list[str]:
    """Return the versions of a model, those that ship first, then the user's, each from oldest to newest.

    The version of a bundle that cannot be read is "".
    """
    own, shipped = (list(_folders(root, name)) for root in _roots())
    return [*(version for version in shipped if version not in own), *own]


def choices(name: str) -> list[str]:
    """Return the versions that the name alone may mean, in order of preference: the newest first.

    A bundle in `model_dir` that is in no folder of its version hides those that ship.
    """
    found: list[str] = []
    for root in _roots():
        found += [version for version in reversed(_folders(root, name)) if version not in found]
        if (root / name / MANIFEST).is_file():
            break
    return found


def find(name: str) -> Bundle:
    """Return a bundle without checking its files; one in `model_dir` hides a shipped one of its version.

    Args:
        name: the name of a model, for its newest version, or `name@version`.

    Raises:
        UnknownModel: there is no such bundle; the message lists those that exist.
        BundleError: the manifest of the bundle is not valid.
    """
    model, version = split_name(name)
    folder = _folder_of(model, version)
    if folder is not None:
        is_alone = folder.name == model and folder.parent in _roots()
        return read_bundle(folder, model, None if is_alone else folder.name)
    if there := versions(model):
        listed = ", ".join(f"{model}@{one}" for one in there)
        raise UnknownModel(f"there is no version {version!r} of the model {model!r}; there are: {listed}")
    raise UnknownModel(f"there is no model {name!r}; there are: {', '.join(names()) or 'none'}")


def newest_named(name: str) -> str:
    """Return `name@version` of the bundle that `name` means, which need not be valid."""
    model, version = split_name(name)
    folder = None if version is not None else _folder_of(model, None)
    if folder is None:
        return name
    return f"{model}@{_version_in(folder) if folder.name == model else folder.name}"


def folder_of(name: str) -> Path:
    """Return the folder of a bundle, which need not be valid; as `find`. Raises UnknownModel."""
    return _folder_of(*split_name(name)) or find(name).folder


def _folder_of(model: str, version: str | None) -> Path | None:
    for root in _roots():
        found = _folders(root, model)
        if version in found:
            return found[version]
        if version is None and found:
            return next(reversed(found.values()))
    return None


def has_version_folders(name: str, root: Path | None = None) -> bool:
    """Return whether `root` (default: `model_dir`) has versions of the model in folders of their own."""
    place = (root or model_dir()) / name
    return any(folder != place for folder in _folders(place.parent, name).values())


def _folders(root: Path, name: str) -> dict[str, Path]:
    """Return the folders of a model's bundles in `root` by version, from oldest to newest."""
    if not re.fullmatch(NAME_PATTERN, name):  # it could lead out of the folders
        return {}
    place = root / name
    if root != SHIPPED:
        put_back(root)
        put_back(place)
    found = {_version_in(place): place} if (place / MANIFEST).is_file() else {}
    found |= {
        path.parent.name: path.parent
        for path in place.glob(f"[!.]*/{MANIFEST}")
        if re.fullmatch(VERSION_PATTERN, path.parent.name)
    }
    return dict(sorted(found.items(), key=lambda item: natural(item[0])))


def _version_in(folder: Path) -> str:
    """Return the version in a manifest that need not be valid; "" if there is none."""
    try:
        return str(json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["version"])
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return ""


def read_bundle(folder: Path, name: str | None = None, version: str | None = None) -> Bundle:
    """Return the bundle in a folder.

    Args:
        folder: contains the manifest.
        name: the name that it must have. Default: that of the folder.
        version: the version that it must have, if the folder is NAME/VERSION; None: any.

    Raises:
        BundleError: the manifest cannot be read, is not valid, or has another name or version.
    """
    path = f"{name or folder.name}/{f'{version}/' if version else ''}{MANIFEST}"
    try:
        values = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        bundle = Bundle(folder, Manifest.model_validate(values))
    except ValidationError as error:
        raise BundleError(f"{path}: {problems_in(error)}") from None
    except RecursionError:
        raise BundleError(f"{path} cannot be read: its lists and objects nest too deeply") from None
    except (OSError, ValueError) as error:
        raise BundleError(f"{path} cannot be read: {reason(error)}") from None
    if bundle.manifest.name != (name or folder.name):
        raise BundleError(
            f"{path} names the model {bundle.manifest.name!r}, and its folder must have the"
            " same name: rename the folder"
        )
    if version is not None and bundle.manifest.version != version:
        raise BundleError(
            f"{path} has the version {bundle.manifest.version!r}, and its folder must have the same name:"
            " rename the folder"
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
        raise BundleError(f"{path}: {error}") from error
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


def check_version(version: str) -> None:
    """Raise BundleError unless a folder can have the name of that version."""
    if not re.fullmatch(VERSION_PATTERN, version):
        raise BundleError(
            f"{version!r} cannot be the version of a model in a folder of its own: use at most 63 letters,"
            " digits, dots, dashes and underscores, the first a letter or a digit"
        )


@contextmanager
def new_bundle(name: str, root: Path | None = None, version: str | None = None) -> Iterator[Path]:
    """Yield a folder to fill for a new bundle, which is created in `root` (default: `model_dir`) atomically.

    An existing bundle in its place is unchanged until then, even if the process is killed: see
    `whole_folders`.

    Args:
        name: the model's name.
        root: the folder of all models.
        version: if given, the bundle's folder is NAME/VERSION, beside other versions; otherwise NAME.

    Raises:
        BundleError: the name or the version is invalid; or the bundle would replace a folder of versions.
    """
    check_name(name)
    place = (root or model_dir()) / name
    if version is not None:
        check_version(version)
        with _made_if_missing(place), whole_folder(place / version) as folder:
            yield folder
        return
    if has_version_folders(name, root):
        raise BundleError(
            f"the folder {name} has versions of the model in folders of their own, which a bundle without a"
            " version would delete: give the new one a version, too, or delete them first"
        )
    with whole_folder(place) as folder:
        yield folder


@contextmanager
def _made_if_missing(place: Path) -> Iterator[None]:
    """Make a folder for the `with` block, after which it is deleted if it is empty."""
    place.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # it is not empty
            place.rmdir()
