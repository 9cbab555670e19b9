"""Splits: folders such as train/ and val/, each of which is a data set."""

from __future__ import annotations

import re

_SPLIT = re.compile(r"(train|training|val|valid|validation|test|testing|holdout)[_-]?\d*", re.IGNORECASE)


def is_split(name: str) -> bool:
    """Whether a folder with this name holds a split: "train", "Validation", "val2017"."""
    return _SPLIT.fullmatch(name) is not None
