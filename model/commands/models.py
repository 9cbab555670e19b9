"""`python -m model models`: the models that there are."""

from __future__ import annotations

import argparse

from model import catalog


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It takes none."""


def run(arguments: argparse.Namespace) -> int:
    """Print a line a model."""
    for name, bundle in sorted(catalog.bundles().items()):
        manifest = bundle.manifest
        classes = manifest.classes[1:]
        known = ", ".join(classes) if len(classes) <= 4 else f"{len(classes)} classes"
        print(f"{name:16} {manifest.version:8} {manifest.licence:14} {known}")
    return 0
