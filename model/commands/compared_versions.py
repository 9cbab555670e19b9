"""Sentences about two versions that several reports of `compare` share."""

from __future__ import annotations

import argparse

from model.evaluation.live.figures import Figure
from model.evaluation.live.sequence import Look


def head(a: str, b: str, figure: Figure, mean: float, is_real: bool) -> str:
    """Which is better, for a difference B minus A of `mean`."""
    if not is_real:
        return f"Not more than chance between {a} and {b}"
    if figure.less_is_better is None:
        return f"{a} and {b} differ by more than chance, and {figure.name} does not say which is better"
    better, worse = (b, a) if mean < 0 else (a, b)
    return f"{better} is better than {worse}, by more than chance"


def price_of_looking(found: Look) -> str:
    """What to do after this look, and how much wider its interval is."""
    advice = "The test may stop here." if found.is_real else "Go on, or stop without a verdict."
    return (
        f"{advice} The interval is {found.wider:.2f} times as wide as for one look at a time fixed "
        "beforehand: "
        "the price of looking as often as you like."
    )


def chosen(arguments: argparse.Namespace) -> tuple[str, str]:
    """The two of the versions in --split that are compared.

    Raises:
        ValueError: --between is missing for more than two versions, or does not name two of them.
    """
    arms = list(arguments.split)
    if arguments.between is None:
        if len(arms) > 2:
            raise ValueError(
                f"--split has {len(arms)} versions: say which two to compare, as in --between {arms[0]} "
                f"{arms[1]}"
            )
        return arms[0], arms[1]
    a, b = arguments.between
    for arm in (a, b):
        if arm not in arms:
            raise ValueError(f"--between {arm} is not in --split: use two of {', '.join(arms)}")
    if a == b:
        raise ValueError(f"--between names {a} twice")
    return a, b
