"""`compare --log … --split …`: which of two versions is better, from the log of a split by callers."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from model.commands.compared_versions import chosen, head, price_of_looking
from model.evaluation.comparing import POWER
from model.evaluation.live.arms import Arms, arms_of
from model.evaluation.live.figures import OF_SPLITS, Figure
from model.evaluation.live.planning import of_two_arms, variance_by_caller
from model.evaluation.live.randomization import FEWEST_CALLERS, Effect, Sums, between
from model.evaluation.live.sequence import FEWEST_AT_A_LOOK, Look, look
from model.evaluation.live.service_log import ServiceLog
from model.evaluation.live.split_check import FALSE_ALARMS, SplitCheck, check_split
from model.evaluation.table import to_lines

MOST_IN_SEVERAL = 0.01
"""The share of callers in several arms from which the log is not that of one split."""


def run(log: ServiceLog, arguments: argparse.Namespace) -> bool | None:
    """Print the check of the split, the figures and the verdict; returns whether B is the better one.

    None if there is no verdict.
    """
    asked: Mapping[str, float] = arguments.split
    a, b = chosen(arguments)
    arms = arms_of(log, list(asked))
    check = check_split(asked, {arm: len(callers) for arm, callers in arms.callers.items()})
    print(f"{_split_in_words(check)}\n")
    figures = {name: pair for name in OF_SPLITS if (pair := _pair(arms, a, b, name)) is not None}
    main = _main(arguments.figure, figures)
    effects = {name: between(*pair) for name, pair in figures.items()}
    print("\n".join(_table(a, b, effects, figures, arguments.sequential)))
    for remark in _remarks(arms, arguments):
        print(f"\n{remark}")
    refusal = _refusal(check, arms)
    if refusal:
        print(f"\nNo verdict: {refusal}")
        return None
    if main is None:
        print(f"\nNo verdict: each version needs {FEWEST_CALLERS} callers, and none of the figures has them.")
        return None
    figure, callers, effect = OF_SPLITS[main], figures[main], effects[main]
    if arguments.sequential:
        return _print_look(a, b, figure, callers, look(effect, arguments.difference))
    print(f"\n{verdict(a, b, figure, callers, effect)}{_needed(figure, callers, effect, check)}")
    if len(effects) > 1:
        print(f"{main} decides. Of several figures, one soon differs by chance: the others explain, no more.")
    if main == "infer_ms" and arguments.figure is None:
        print(
            "The log has no feedback, so this is about time alone: it cannot say which version's answers are "
            "right."
        )
    return effect.is_real and bool(figure.less_is_better) and effect.mean < 0


def _pair(arms: Arms, a: str, b: str, figure: str) -> tuple[Sums, Sums] | None:
    """The sums of a figure, if both arms have callers enough."""
    pair = arms.sums(a, figure), arms.sums(b, figure)
    return pair if min(map(len, pair)) >= FEWEST_CALLERS else None


def _main(chosen: str | None, figures: Mapping[str, tuple[Sums, Sums]]) -> str | None:
    """The figure that decides: feedback, if there is any; None if no figure has callers enough."""
    if chosen is not None:
        if chosen not in OF_SPLITS:
            raise ValueError(f"--figure {chosen} is not one of a split: use one of {', '.join(OF_SPLITS)}")
        return chosen if chosen in figures else None
    judged = figures.get("wrong")
    if judged is not None:
        reported = sum(one.totals.sum() for one in judged)
        # Where only wrong answers are reported, their share is 1 whatever the version.
        return "wrong" if 0 < reported < sum(one.counts.sum() for one in judged) else "complaints"
    return "infer_ms" if "infer_ms" in figures else next(iter(figures), None)


def _refusal(check: SplitCheck, arms: Arms) -> str:
    everyone = sum(check.callers.values()) + arms.in_several
    if not check.holds:
        return (
            f"the callers are not split as was asked (p = {_p(check.p_value)}, below {FALSE_ALARMS}), so "
            "callers are missing from a version, and those who are missing are seldom like the others. Find "
            "out why first: does one version lose lines of the log or callers, was the split changed during "
            "the log (--since), is --split what was set?"
        )
    if arms.in_several > MOST_IN_SEVERAL * everyone:
        return (
            f"{arms.in_several:,} of {everyone:,} callers were in several versions. Take the lines of one "
            "split alone, "
            "with --since and --until, or find out why a caller does not stay with its version"
        )
    return ""


def _split_in_words(check: SplitCheck) -> str:
    everyone = sum(check.callers.values())
    parts = [
        f"{arm} {check.callers[arm]:,} ({100 * check.callers[arm] / max(1, everyone):.1f} %, asked "
        f"{100 * share:.1f} %)"
        for arm, share in check.asked.items()
    ]
    good = "as was asked" if check.holds else "NOT as was asked"
    return f"Callers: {', '.join(parts)}. They are split {good} (chi-square test, p = {_p(check.p_value)})."


def _table(
    a: str,
    b: str,
    effects: Mapping[str, Effect],
    sums: Mapping[str, tuple[Sums, Sums]],
    is_one_of_many_looks: bool,
) -> list[str]:
    """A Markdown table of the figures; of many looks, without tests that hold for a single one."""
    if not effects:
        return ["No figure has callers enough in both versions."]
    rows: dict[str, dict[str, str | None]] = {}
    for name, effect in effects.items():
        figure = OF_SPLITS[name]
        row: dict[str, str | None] = {
            a: figure.value(effect.a),
            b: figure.value(effect.b),
            "difference": figure.change(effect.mean),
        }
        if not is_one_of_many_looks:
            row["from"] = figure.change(effect.low) if effect.error else None
            row["to"] = figure.change(effect.high) if effect.error else None
            row["p"] = _p(effect.p_value)
        rows[name] = {**row, "callers": f"{len(sums[name][0]):,} + {len(sums[name][1]):,}"}
    return to_lines(rows)


def _remarks(arms: Arms, arguments: argparse.Namespace) -> list[str]:
    remarks = []
    if arms.in_several:
        remarks.append(f"{arms.in_several:,} callers were in several versions and are left out.")
    if arms.unknown_feedback:
        remarks.append(
            f"{arms.unknown_feedback:,} pictures with feedback are left out: no request in this log has "
            "their ids."
        )
    if arms.elsewhere:
        remarks.append(f"Left out are the versions {', '.join(arms.elsewhere)}, which --split does not name.")
    return remarks


def verdict(a: str, b: str, figure: Figure, sums: tuple[Sums, Sums], effect: Effect) -> str:
    """One sentence: which is better, by how much, whether by more than chance."""
    how = (
        f"{figure.words} is {figure.value(effect.a)} with {a} and {figure.value(effect.b)} with {b}, a "
        f"difference of {figure.change(effect.mean)} (95 % interval {figure.change(effect.low)} to "
        f"{figure.change(effect.high)}, p = {_p(effect.p_value)}), {on_callers(sums)}"
    )
    return f"{head(a, b, figure, effect.mean, effect.is_real)}: {how}."


def on_callers(sums: tuple[Sums, Sums]) -> str:
    """The number of callers."""
    a, b = map(len, sums)
    return f"on {a + b:,} callers ({a:,} and {b:,})"


def _needed(figure: Figure, sums: tuple[Sums, Sums], effect: Effect, check: SplitCheck) -> str:
    if effect.is_real or not effect.mean:
        return ""
    sizes = list(map(len, sums))
    variances = [variance_by_caller(one) for one in sums]
    needed = of_two_arms(variances, [size / sum(sizes) for size in sizes], effect.mean, POWER)
    return (
        f" If the difference is real and of this size, about {needed:,} callers would show it (in 4 of 5 "
        "studies)."
    )


def _print_look(a: str, b: str, figure: Figure, sums: tuple[Sums, Sums], found: Look) -> bool | None:
    fewest = min(map(len, sums))
    if fewest < FEWEST_AT_A_LOOK:
        print(
            f"\nNo verdict yet: a look with --sequential needs {FEWEST_AT_A_LOOK} callers of each version, "
            "and "
            f"one has {fewest}. Go on."
        )
        return None
    effect = found.effect
    opening = head(a, b, figure, effect.mean, found.is_real)
    print(
        f"\n{opening}, at this look and all before it: {figure.words} is {figure.value(effect.a)} with {a} "
        "and "
        f"{figure.value(effect.b)} with {b}, a difference of {figure.change(effect.mean)} (interval that "
        "holds at all looks "
        f"together with 95 % {figure.change(found.low)} to {figure.change(found.high)}), {on_callers(sums)}."
    )
    print(price_of_looking(found))
    return found.is_real and bool(figure.less_is_better) and effect.mean < 0


def _p(value: float) -> str:
    return f"{value:.2g}" if value < 0.001 else f"{value:.3f}"
