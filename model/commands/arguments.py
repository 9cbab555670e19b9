"""Kinds of argument that several commands take."""

from __future__ import annotations

import argparse


def share(word: str) -> float:
    """A number from 0 to 1."""
    try:
        value = float(word)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{word!r} is not a number") from None
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{word} is outside 0…1")
    return value
