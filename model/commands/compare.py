"""`python -m model compare`: say which of two models is better, and whether by more than chance.

Compared are two evaluations on the same images (A.json B.json), or two versions of a live service, from its
log.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from model.commands.compare_live import add_live_arguments, is_live, run_live
from model.evaluation.comparing import FEWEST, Difference, difference
from model.evaluation.pairing import pair, read_evaluation
from model.evaluation.table import cell, to_lines

NOT_BETTER = 3
"""Exit status with --require-better if B is not better."""
FEW = 20
"""With fewer pictures, an interval is rough."""
MOST_NEEDED = 1_000_000
"""Of more pictures, the exact number does not matter."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "a", type=Path, nargs="?", metavar="A.json", help="figures of model A: evaluate --json A.json"
    )
    parser.add_argument(
        "b", type=Path, nargs="?", metavar="B.json", help="figures of model B on the same images"
    )
    parser.add_argument(
        "--figure",
        metavar="NAME",
        help="the figure that decides (default: AP50 of objects, IoU of pixels, accuracy of classes; of a "
        "split, wrong if there is feedback, else infer_ms; of a shadow, count)",
    )
    parser.add_argument(
        "--require-better",
        action="store_true",
        help=f"exit with status {NOT_BETTER} unless B is better than A by more than chance",
    )
    add_live_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the differences and the verdict."""
    if is_live(arguments):
        better = run_live(arguments)
        return NOT_BETTER if arguments.require_better and not better else 0
    if arguments.a is None or arguments.b is None:
        raise ValueError(
            "name two evaluations, A.json B.json, or a service's log: --log FILE --split "
            "nuclei@2=90,nuclei@3=10 or --log FILE --shadow"
        )
    paths = (arguments.a, arguments.b)
    both = pair(paths, [read_evaluation(path) for path in paths])
    main = arguments.figure or next(iter(both.figures))
    if main not in both.figures:
        raise ValueError(f"--figure {main} is not in both files: use one of {', '.join(both.figures)}")
    found = {name: difference(a, b) for name, (a, b) in both.figures.items()}
    print(f"A: {both.names[0]} ({arguments.a}), B: {both.names[1]} ({arguments.b}), on {both.data}\n")
    print("\n".join(_table(found)))
    print(f"\n{verdict(main, found[main])}")
    for remark in both.remarks:
        print(remark)
    if len(found) > 1:
        print(f"{main} decides. Of several figures, one soon differs by chance: the others explain, no more.")
    better = found[main].is_real and found[main].mean > 0
    return NOT_BETTER if arguments.require_better and not better else 0


def verdict(name: str, found: Difference) -> str:
    """One or two sentences: which is better, by how much, whether by more than chance."""
    pictures = f"{found.pictures:,} pictures" if found.pictures > 1 else "1 picture"
    if not found.mean:
        return f"No difference: {name} is {cell(found.a)} for both, on {pictures}."
    higher, lower = ("B", "A") if found.mean > 0 else ("A", "B")
    by = f"{name} of {higher} is higher by {abs(found.mean):.4f}"
    interval = f"95 % interval of B − A {found.low:+.4f} to {found.high:+.4f}"
    test = ""
    if found.p_value is not None:
        test = (
            f"; {found.only_b} right in B alone, {found.only_a} in A alone, McNemar's exact test p = "
            f"{found.p_value:.3g}"
        )
    how = f"{by} ({interval}{test}), on {pictures}"
    rough = f" With fewer than {FEW} pictures, this is rough." if found.pictures < FEW else ""
    if found.pictures < FEWEST:
        return f"Too few pictures to tell chance from difference, at least {FEWEST} are needed: {how}."
    if found.is_real:
        return f"{higher} is better than {lower}, by more than chance: {how}.{rough}"
    return f"No difference beyond chance: {how}.{_needed(found)}{rough}"


def _needed(found: Difference) -> str:
    if found.needed is None:
        return ""
    count = f"about {found.needed:,}" if found.needed <= MOST_NEEDED else f"more than {MOST_NEEDED:,}"
    return f" If the difference is real and of this size, {count} pictures would show it (in 4 of 5 studies)."


def _table(found: dict[str, Difference]) -> list[str]:
    """A Markdown table of the differences."""
    return to_lines(
        {
            name: {
                "pictures": one.pictures,
                "A": one.a,
                "B": one.b,
                "B − A": one.mean,
                "from": one.low,
                "to": one.high,
            }
            for name, one in found.items()
        }
    )
