"""Other copies: packages of the same name further along the path, which Python does not use."""

from __future__ import annotations

import sys
import warnings
from importlib.machinery import PathFinder
from pathlib import Path


def warn_of_another(package: str, init_file: str, remedy: str) -> None:
    """Warn once if the path leads to another package of this name than that of `init_file`.

    A script would run with other code than whoever installed it expects, and change with the order of paths.
    """
    here = Path(init_file).resolve().parents[1]
    elsewhere = [entry for entry in sys.path if Path(entry).resolve() != here]
    found = PathFinder.find_spec(package, elsewhere)
    if found is not None and found.origin is not None:
        warnings.warn(
            f"{package} is MaskServe's, in {here / package}. "
            f"The one in {Path(found.origin).parent} is not used. {remedy}",
            stacklevel=3,
        )
