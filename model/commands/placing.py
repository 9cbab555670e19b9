"""Placing: whether a new bundle takes the place of a model, or is a version beside it."""

from __future__ import annotations

import argparse

from model import catalog
from model.storage.manifest import Manifest


def add_placing(parser: argparse.ArgumentParser) -> None:
    """--replace and --beside, for `check_place` and `version_beside`."""
    parser.add_argument("--replace", action="store_true", help="replace an existing model of that name")
    parser.add_argument(
        "--beside",
        action="store_true",
        help="keep the other versions of the model, and make this one in the folder NAME/VERSION beside them",
    )


def check_place(name: str, option: str, arguments: argparse.Namespace) -> None:
    """Check the name of a new model, which `option` gives.

    Raises:
        BundleError: a model cannot have that name.
        ValueError: there is such a model, and it has not been said where the new one goes.
    """
    catalog.check_name(name)
    if arguments.beside:
        return
    if catalog.has_version_folders(name):
        raise ValueError(
            f"versions of the model {name!r} are kept in folders of their own: add --beside to make another"
        )
    if name in catalog.names() and not arguments.replace:
        raise ValueError(
            f"there is already a model {name!r}: choose another {option}, or add --replace; to keep both, add"
            " --beside"
        )


def version_beside(name: str, arguments: argparse.Namespace, before: Manifest | None) -> str | None:
    """The name of the folder for the new version with --beside; None without.

    Raises:
        ValueError: there is such a version already, or it needs a version.
        BundleError: a folder cannot have the name of that version.
    """
    if not arguments.beside:
        return None
    version = arguments.version or next_version(before)
    catalog.check_version(version)
    if version in catalog.versions(name) and not arguments.replace:
        raise ValueError(
            f"there is already a version {version} of the model {name!r}: choose another --version, or add"
            " --replace"
        )
    return version


def next_version(before: Manifest | None) -> str:
    """The version by default: one more than the one before it.

    Raises:
        ValueError: the one before it is not a whole number.
    """
    if before is None:
        return "1"
    if not (before.version.isascii() and before.version.isdecimal()):
        raise ValueError(
            f"the model {before.name} has the version {before.version!r}, which is not a whole number, "
            "so there is no next one: give --version"
        )
    return str(int(before.version) + 1)
