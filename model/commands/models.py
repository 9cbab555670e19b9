"""`python -m model models`: list the available models and their versions."""

from __future__ import annotations

import argparse

from model import catalog
from model.storage.manifest import BundleError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command has no arguments."""


def run(arguments: argparse.Namespace) -> int:
    """Print one line per version of each model, the newest of a model last."""
    names = [(name, version) for name in catalog.names() for version in catalog.versions(name)]
    for name, version in names:
        try:
            manifest = catalog.find(f"{name}@{version}").manifest
        except BundleError as error:
            print(f"{name:16} broken: {error}")
            continue
        classes = manifest.class_names
        known = ", ".join(classes) if len(classes) <= 4 else f"{len(classes)} classes"
        print(f"{name:16} {manifest.version:8} {manifest.licence:14} {known}")
    return 0
