"""`compare --metrics BEFORE AFTER`: how a shadow differs, from the metrics at two moments."""

from __future__ import annotations

import argparse

from model.evaluation.comparing import CONFIDENCE, FEWEST
from model.evaluation.live.figures import AGREEMENT
from model.evaluation.live.shadow_metrics import Counted, counted_between


def run(arguments: argparse.Namespace) -> None:
    """Print what the metrics tell."""
    before, after = arguments.metrics
    found = counted_between(before, after)
    wanted = [
        pair
        for pair in found
        if (arguments.shadow or pair[1]) == pair[1] and tuple(arguments.between or pair) == pair
    ]
    if len(wanted) != 1:
        listed = "; ".join(f"{b} beside {a}" for a, b in sorted(found)) or "none"
        advice = ": say which, as in --between nuclei@3 nuclei@4" if wanted else ""
        raise ValueError(f"between {before} and {after}, these shadows compared pictures: {listed}{advice}")
    ((a, b),) = wanted
    print(_verdict(a, b, found[a, b]))
    for name, mean in found[a, b].alike.items():
        figure = AGREEMENT[name]
        print(
            f"{figure.words[0].upper()}{figure.words[1:]} is {figure.value(mean.mean)} (95 % interval "
            f"{figure.value(mean.low)} to {figure.value(mean.high)})."
        )
    print(
        "The picture is the unit, as if each came from another caller, since metrics do not know callers. If "
        "few callers sent most of them, this is too sure: use --log, which also says by how much they differ."
    )


def _verdict(a: str, b: str, found: Counted) -> str:
    how = (
        f"{b} found more segments in {found.more:,} pictures, fewer in {found.fewer:,}, and as many in "
        f"{found.same:,} (sign test, p = {found.p_value:.2g})"
    )
    if found.pictures < FEWEST:
        return f"No verdict, at least {FEWEST} pictures are needed: {how}."
    if found.p_value >= 1 - CONFIDENCE:
        return f"Not more than chance between {a} and {b}: {how}."
    word = "more" if found.more > found.fewer else "fewer"
    return f"{b} finds {word} segments than {a}, by more than chance: {how}."
