"""`compare --log … --shadow …`: how a version that runs as a shadow differs from the one that answers."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from model.commands.compared_versions import head, price_of_looking
from model.evaluation.comparing import FEWEST, POWER, bootstrap_interval, difference
from model.evaluation.live.figures import AGREEMENT, OF_SHADOWS, Figure
from model.evaluation.live.planning import of_pairs, variance_by_caller
from model.evaluation.live.randomization import within
from model.evaluation.live.sequence import FEWEST_AT_A_LOOK, look
from model.evaluation.live.service_log import ServiceLog
from model.evaluation.live.shadows import Paired, Shadows, shadows_of
from model.evaluation.table import to_lines

_SHOWN = 3


@dataclass(frozen=True)
class _Found:
    """The difference of a figure, B minus A: by caller if callers are known, else by picture."""

    a: float
    b: float
    low: float
    high: float
    is_real: bool

    @property
    def mean(self) -> float:
        return self.b - self.a


def run(log: ServiceLog, arguments: argparse.Namespace) -> bool | None:
    """Print figures, agreement and verdict; returns whether the shadow is the better one.

    None if there is no verdict.
    """
    shadows = shadows_of(log, arguments.shadow or None, arguments.between)
    main = arguments.figure or "count"
    if main not in OF_SHADOWS:
        raise ValueError(f"--figure {main} is not one of a shadow: use one of {', '.join(OF_SHADOWS)}")
    pairs = {name: pair for name in OF_SHADOWS if (pair := shadows.pair(name)) is not None}
    if main not in pairs:
        raise ValueError(
            f"--figure {main} is not in the lines of {shadows.b}: they have {', '.join(pairs) or 'none'}"
        )
    found = {name: _difference(pair) for name, pair in pairs.items()}
    print(f"{shadows.b} as a shadow beside {shadows.a}, {_on(shadows, pairs[main])}.\n")
    print("\n".join(_table(shadows, found)))
    print(_agreement(shadows))
    figure = OF_SHADOWS[main]
    if arguments.sequential:
        return _print_look(shadows, figure, pairs[main], arguments.difference)
    if min(len(pairs[main].a), len(pairs[main].by_caller())) < FEWEST:
        print(f"\nNo verdict: at least {FEWEST} pictures are needed.")
        return None
    one = found[main]
    print(f"\n{verdict(shadows, figure, pairs[main], one)}{_needed(pairs[main], one)}")
    print(_caveat(shadows, pairs[main], figure))
    return one.is_real and bool(figure.less_is_better) and one.mean < 0


def _difference(pair: Paired) -> _Found:
    if pair.callers is None:
        by_picture = difference(pair.a, pair.b)
        return _Found(by_picture.a, by_picture.b, by_picture.low, by_picture.high, by_picture.is_real)
    effect = within(pair.by_caller())
    return _Found(float(pair.a.mean()), float(pair.b.mean()), effect.low, effect.high, effect.is_real)


def _table(shadows: Shadows, found: dict[str, _Found]) -> list[str]:
    rows = {}
    for name, one in found.items():
        figure, known = OF_SHADOWS[name], name != "score"
        rows[name] = {
            shadows.a: figure.value(one.a) if known else None,
            shadows.b: figure.value(one.b) if known else None,
            "difference": figure.change(one.mean),
            "from": figure.change(one.low),
            "to": figure.change(one.high),
        }
    return to_lines(rows)


def _agreement(shadows: Shadows) -> str:
    sentences = []
    for name, figure in AGREEMENT.items():
        values = shadows.agreement(name)
        if values is not None:
            low, high = bootstrap_interval(values)
            sentences.append(
                f"{figure.words[0].upper()}{figure.words[1:]} is {figure.value(float(values.mean()))} (95 % "
                f"interval, over pictures, {figure.value(low)} to {figure.value(high)})."
            )
    worst = shadows.least_alike(_SHOWN)
    if worst:
        ids = ", ".join(f"{one.request_id}{f' (image {one.image})' if one.image else ''}" for one in worst)
        sentences.append(f"They agree least on the pictures of these requests: {ids}.")
    return "\n" + " ".join(sentences) if sentences else ""


def verdict(shadows: Shadows, figure: Figure, pair: Paired, found: _Found) -> str:
    """One sentence: how the shadow differs, by how much, whether by more than chance."""
    return (
        f"{head(shadows.a, shadows.b, figure, found.mean, found.is_real)}: {figure.words} "
        f"{_values(shadows, figure, found)} (95 % interval {figure.change(found.low)} to "
        f"{figure.change(found.high)}), {_on(shadows, pair)}."
    )


def _values(shadows: Shadows, figure: Figure, found: _Found) -> str:
    change = figure.change(found.mean)
    if figure.name == "score":
        return f"differs by {change} in {shadows.b}"
    return (
        f"is {figure.value(found.a)} with {shadows.a} and {figure.value(found.b)} with {shadows.b}, a "
        f"difference of {change}"
    )


def _on(shadows: Shadows, pair: Paired) -> str:
    pictures = f"on {len(pair.a):,} pictures"
    return f"{pictures} of {shadows.callers:,} callers" if shadows.callers else pictures


def _caveat(shadows: Shadows, pair: Paired, figure: Figure) -> str:
    if figure.less_is_better is None:
        right = (
            " Which of the two is right, the log of a shadow cannot say: evaluate both on labelled "
            "pictures, or split and ask for feedback."
        )
    else:
        right = (
            " A shadow computes at the lowest priority, so its time is an upper bound: that it is faster "
            "holds, that it is slower may be due to that."
        )
    if pair.callers is not None:
        return f"The caller is the unit, since pictures of one caller are alike.{right}"
    if shadows.callers:
        return (
            f"With {shadows.callers} callers, the picture is the unit: this holds for pictures of these "
            "callers, not "
            f"for others.{right}"
        )
    return (
        "The picture is the unit, as if each came from somebody else: the log does not have the requests of "
        "all pictures, so their callers are unknown. If few callers sent most of them, this is too "
        f"sure.{right}"
    )


def _needed(pair: Paired, found: _Found) -> str:
    if found.is_real or not found.mean:
        return ""
    needed = of_pairs(variance_by_caller(pair.by_caller()), found.mean, POWER)
    units = "pictures" if pair.callers is None else "callers"
    return (
        f" If the difference is real and of this size, about {needed:,} {units} would show it (in 4 of 5 "
        "studies)."
    )


def _print_look(shadows: Shadows, figure: Figure, pair: Paired, smallest: float) -> bool | None:
    sums = pair.by_caller()
    if len(sums) < FEWEST_AT_A_LOOK:
        units = "pictures" if pair.callers is None else "callers"
        print(
            f"\nNo verdict yet: a look with --sequential needs {FEWEST_AT_A_LOOK} {units}, not "
            f"{len(sums)}. Go on."
        )
        return None
    seen = look(within(sums), smallest)
    found = _Found(float(pair.a.mean()), float(pair.b.mean()), seen.low, seen.high, seen.is_real)
    print(
        f"\n{head(shadows.a, shadows.b, figure, found.mean, seen.is_real)}, at this look and all before "
        f"it: {figure.words} "
        f"{_values(shadows, figure, found)} (interval that holds at all looks together with 95 % "
        f"{figure.change(seen.low)} to {figure.change(seen.high)}), {_on(shadows, pair)}."
    )
    print(price_of_looking(seen))
    print(_caveat(shadows, pair, figure))
    return seen.is_real and bool(figure.less_is_better) and found.mean < 0
