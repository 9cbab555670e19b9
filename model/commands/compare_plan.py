"""`compare --plan`: how many callers or pictures a comparison of two versions needs."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from model.commands.compared_versions import chosen
from model.evaluation.live.arms import callers_of_model, sums_of
from model.evaluation.live.figures import OF_SHADOWS, OF_SPLITS, Figure
from model.evaluation.live.planning import of_pairs, of_two_arms, variance_by_caller, variance_of_share
from model.evaluation.live.sequence import times_as_many
from model.evaluation.live.service_log import ServiceLog
from model.evaluation.live.shadows import shadows_of
from model.evaluation.live.split import model_of


def run(log: ServiceLog | None, arguments: argparse.Namespace) -> None:
    """Print the plan of a study, whose variance comes from the log or from --baseline or --spread."""
    if arguments.split is not None:
        _plan_split(log, arguments)
    else:
        _plan_shadow(log, arguments)


def _plan_split(log: ServiceLog | None, arguments: argparse.Namespace) -> None:
    a, b = chosen(arguments)
    figure = _figure(arguments.figure or "wrong", OF_SPLITS)
    difference, power = arguments.difference, arguments.power
    variances, source = _variances(log, figure, a, arguments)
    total = sum(arguments.split.values())
    shares = [arguments.split[arm] / total for arm in (a, b)]
    needed = of_two_arms(variances, shares, difference, power)
    even = of_two_arms(variances, (0.5, 0.5), difference, power)
    others = "" if len(arguments.split) == 2 else f", {needed:,} with the other versions of --split"
    print(
        f"{round(needed * shares[0]):,} callers of {a} and {round(needed * shares[1]):,} of {b}{others} "
        "are needed "
        f"to notice that {figure.words} differs by {_size(figure, difference)}, {_chance(power)}."
    )
    if even < needed:
        print(f"Split evenly, {even:,} callers of both together would do.")
    print(_if_sequential(needed, "callers", power))
    print(source)


def _plan_shadow(log: ServiceLog | None, arguments: argparse.Namespace) -> None:
    figure = _figure(arguments.figure or "count", OF_SHADOWS)
    units = "pictures"
    if arguments.spread is not None:
        variance = arguments.spread**2
        source = (
            "As if each picture came from another caller: if a few send most of them, give --log instead."
        )
    elif log is None:
        raise ValueError(
            "--plan for a shadow needs --log with some of its lines, or --spread, the standard deviation "
            "of a "
            "picture's difference between the two versions"
        )
    else:
        shadows = shadows_of(log, arguments.shadow or None, arguments.between)
        pair = shadows.pair(figure.name)
        if pair is None:
            raise ValueError(f"--figure {figure.name} is not in the lines of {shadows.b}")
        sums = pair.by_caller()
        variance = variance_by_caller(sums)
        if not variance:
            raise ValueError(
                f"{figure.name} differs by {figure.change(sums.mean)} in every picture of the log, so it "
                "does not "
                "tell how much that varies: leave out --log, and give --spread"
            )
        units = "pictures" if pair.callers is None else "callers"
        pictures = f", with {sums.counts.mean():.3g} pictures each" if units == "callers" else ""
        source = f"From the differences of {len(sums):,} {units} in the log{pictures}."
    needed = of_pairs(variance, arguments.difference, arguments.power)
    print(
        f"{needed:,} {units} are needed to notice that {figure.words} differs by "
        f"{_size(figure, arguments.difference)}, {_chance(arguments.power)}."
    )
    print(_if_sequential(needed, units, arguments.power))
    print(source)


def _figure(name: str, known: Mapping[str, Figure]) -> Figure:
    if name not in known:
        raise ValueError(f"--figure {name} is not one of these: {', '.join(known)}")
    return known[name]


def _variances(
    log: ServiceLog | None, figure: Figure, arm: str, arguments: argparse.Namespace
) -> tuple[tuple[float, float], str]:
    """The variances of one caller's figure in both arms, and a sentence on where they come from."""
    if arguments.spread is not None:
        return (arguments.spread**2, arguments.spread**2), "With the --spread between callers that was given."
    if log is not None:
        name = model_of(arm)
        sums = sums_of(callers_of_model(log, name), figure.name)
        if len(sums) < 2:
            raise ValueError(
                f"the log has {figure.name} of {len(sums)} callers of {name}, at least 2 are needed: "
                "choose another "
                "--figure, or give --baseline or --spread instead of --log"
            )
        variance = variance_by_caller(sums)
        if not variance:
            raise ValueError(
                f"{figure.name} is {figure.value(sums.mean)} for all callers in the log, so it does not "
                "tell how "
                "much they differ: leave out --log, and give --baseline or --spread"
            )
        mean = f"{figure.words} is {figure.value(sums.mean)}"
        return (variance, variance), f"In the log, {mean} on {len(sums):,} callers of {name}{_period(log)}."
    if not figure.is_share:
        raise ValueError(
            f"--plan for {figure.name} needs --log with requests of now, or --spread, the standard "
            "deviation of "
            "callers' means"
        )
    if arguments.baseline is None:
        raise ValueError(
            f"--plan for {figure.name} needs --log with requests of now, or --baseline, the share of now"
        )
    baseline, difference = arguments.baseline, arguments.difference
    changed = baseline + difference if baseline + difference <= 1 else baseline - difference
    if changed < 0:
        raise ValueError(f"--difference {difference} is more than a share of {baseline} can change by")
    return (
        (variance_of_share(baseline), variance_of_share(changed)),
        f"As if each caller had one of the {figure.of}. Callers who send many are alike in themselves: "
        "--log says "
        "what that changes.",
    )


def _size(figure: Figure, difference: float) -> str:
    return figure.change(difference).lstrip("+")


def _chance(power: float) -> str:
    return f"in {100 * power:g} of 100 such studies (5 %, two-sided, one look at the end)"


def _if_sequential(needed: int, units: str, power: float) -> str:
    times = times_as_many(power)
    return (
        f"If you look every day instead (--sequential), plan for up to {round(needed * times):,} {units} "
        f"({times:.2f} times as many); larger differences show earlier."
    )


def _period(log: ServiceLog) -> str:
    if log.first is None or log.last is None:
        return ""
    days = (log.last - log.first).total_seconds() / 86_400
    return f", in {days:.1f} days" if days >= 0.1 else ""
