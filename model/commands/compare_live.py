"""The part of `compare` that reads the log of a service: its options, and which report they ask for."""

from __future__ import annotations

import argparse
import math
from datetime import UTC, datetime
from pathlib import Path

from model.commands import compare_metrics, compare_plan, compare_shadow, compare_split
from model.commands.arguments import above_zero, share
from model.evaluation.comparing import POWER
from model.evaluation.live.figures import OF_SHADOWS, OF_SPLITS
from model.evaluation.live.service_log import ServiceLog, read_log
from model.evaluation.live.split import parse_split

_BESIDE = ("split", "shadow", "between", "since", "until", "sequential", "difference", "baseline", "spread")
"""Options that only mean something beside --log or --plan."""


def add_live_arguments(parser: argparse.ArgumentParser) -> None:
    """The options for versions of a live service."""
    group = parser.add_argument_group(
        "versions of a live service",
        "From the service's log, docs/ab.md leads through it. Figures of a split: "
        f"{', '.join(OF_SPLITS)}; of a shadow: {', '.join(OF_SHADOWS)}.",
    )
    group.add_argument(
        "--log",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="the log, one JSON object a line, as the service writes it or as Cloud Logging exports it; also "
        "compressed, as FILE.gz; - is standard input",
    )
    group.add_argument(
        "--metrics",
        type=Path,
        nargs=2,
        metavar=("BEFORE", "AFTER"),
        help="instead of --log, for a shadow: what GET /metrics answered at two moments",
    )
    group.add_argument(
        "--split",
        type=_split,
        metavar="ARMS",
        help="compare by caller the versions of this split, as in MASKSERVE_TRAFFIC: nuclei@2=90,nuclei@3=10",
    )
    group.add_argument(
        "--between",
        nargs=2,
        metavar=("A", "B"),
        help="the two versions to compare; with --shadow, the one that answered and the shadow (default: the "
        "only two)",
    )
    group.add_argument(
        "--shadow",
        nargs="?",
        const="",
        metavar="NAME@VERSION",
        help="compare this shadow with the version that answered (default: the only one in the log)",
    )
    group.add_argument(
        "--since", type=_moment, metavar="TIME", help="leave out what is earlier: 2026-11-02T09:00Z"
    )
    group.add_argument("--until", type=_moment, metavar="TIME", help="leave out what is not earlier")
    group.add_argument(
        "--sequential",
        action="store_true",
        help="a test that holds however often you look; needs --difference, the same each time",
    )
    group.add_argument(
        "--plan",
        action="store_true",
        help="say how many callers or pictures are needed to notice --difference; how much they differ from "
        "each other is learned from --log, or said by --baseline or --spread",
    )
    group.add_argument(
        "--difference",
        type=above_zero,
        metavar="D",
        help="the smallest difference that matters, in units of the figure; of a share: 0.02 is two points",
    )
    group.add_argument(
        "--baseline", type=share, metavar="SHARE", help="with --plan: the share now, from 0 to 1"
    )
    group.add_argument(
        "--spread",
        type=above_zero,
        metavar="SD",
        help="with --plan: the standard deviation of callers' means, or of a picture's difference",
    )
    group.add_argument(
        "--power",
        type=_power,
        default=POWER,
        metavar="P",
        help=f"with --plan: the chance with which a difference should be noticed (default: {POWER})",
    )


def is_live(arguments: argparse.Namespace) -> bool:
    """Whether versions of a live service are compared, and not two evaluations.

    Raises:
        ValueError: the options do not go together.
    """
    if arguments.log is None and arguments.metrics is None and not arguments.plan:
        alone = [name for name in _BESIDE if getattr(arguments, name) not in (None, False)]
        if alone:
            raise ValueError(f"--{alone[0]} needs --log FILE with the log of a service, or --plan")
        return False
    if arguments.a is not None:
        raise ValueError(
            f"{arguments.a} is an evaluation; --log, --metrics and --plan are for a live service: use one of "
            "both"
        )
    return True


def run_live(arguments: argparse.Namespace) -> bool | None:
    """Print the report that the options ask for; returns whether B is better, None without a verdict."""
    _check(arguments)
    if arguments.metrics is not None:
        compare_metrics.run(arguments)
        return None
    log = None if arguments.log is None else read_log(arguments.log, arguments.since, arguments.until)
    if log is not None and arguments.split is None and arguments.shadow is None:
        _choose(log, arguments)
    if arguments.plan:
        compare_plan.run(log, arguments)
        return None
    assert log is not None  # is_live
    better = (compare_split if arguments.split is not None else compare_shadow).run(log, arguments)
    if log.other_lines:
        lines = "1 line is" if log.other_lines == 1 else f"{log.other_lines:,} lines are"
        print(f"\n{lines} of another kind and not used.")
    if log.complaint:
        print(f"The first that is not as it should be: {log.complaint}.")
    return better


def _check(arguments: argparse.Namespace) -> None:
    """Raise ValueError if options are missing or contradict each other."""
    if arguments.metrics is not None:
        others = ("log", "split", "figure", "since", "until", "sequential", "plan", "require_better")
        for option in others:
            if getattr(arguments, option) not in (None, False):
                raise ValueError(
                    f"--{option.replace('_', '-')} does not go with --metrics, which do not know callers: "
                    "use --log"
                )
    if arguments.split is not None and arguments.shadow is not None:
        raise ValueError("--split compares by caller and --shadow by picture: use one of both")
    kind = (arguments.split, arguments.shadow, arguments.metrics)
    if arguments.between is not None and kind == (None, None, None):
        raise ValueError("--between needs --split, the split that was asked for, or --shadow")
    for option in ("sequential", "plan"):
        if getattr(arguments, option) and arguments.difference is None:
            raise ValueError(f"--{option} needs --difference, the smallest difference that matters")
    if arguments.plan and arguments.sequential:
        raise ValueError("--plan says what --sequential needs, too: leave out --sequential")
    if arguments.plan and arguments.require_better:
        raise ValueError("--plan compares nothing: leave out --require-better")
    if arguments.plan and arguments.log is None and arguments.split is None and arguments.shadow is None:
        raise ValueError("--plan needs --split nuclei@2=90,nuclei@3=10, or --shadow")
    if not arguments.plan:
        for option in ("baseline", "spread"):
            if getattr(arguments, option) is not None:
                raise ValueError(f"--{option} is for --plan")
        if arguments.difference is not None and not arguments.sequential:
            raise ValueError("--difference is for --plan and --sequential")
    known = {
        **(OF_SPLITS if arguments.shadow is None else {}),
        **(OF_SHADOWS if arguments.split is None else {}),
    }
    if arguments.figure is not None and arguments.figure not in known:
        raise ValueError(f"--figure {arguments.figure} is not one of these: {', '.join(known)}")
    if arguments.require_better:
        figure = known.get(arguments.figure or ("count" if arguments.split is None else "wrong"))
        if figure is None or figure.less_is_better is None:
            measured = [name for name, one in known.items() if one.less_is_better]
            raise ValueError(
                f"--require-better needs a --figure of which less is better: {', '.join(measured)}"
            )


def _choose(log: ServiceLog, arguments: argparse.Namespace) -> None:
    """Take the shadow if the log has one and no split; otherwise raise ValueError."""
    arms = sorted({one.arm for request in log.requests for one in request.pictures if one.arm})
    if arms:
        asked = ",".join(f"{arm}=…" for arm in arms)
        raise ValueError(
            f"say which split was asked for: --split {asked} with the weights of MASKSERVE_TRAFFIC"
        )
    arguments.shadow = ""


def _split(text: str) -> dict[str, float]:
    try:
        return parse_split(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a time such as 2026-11-02 or 2026-11-02T09:00Z (without a zone: UTC)"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _power(text: str) -> float:
    value = share(text)
    if not 0.5 <= value < 1 or math.isnan(value):
        raise argparse.ArgumentTypeError(f"{text} is outside 0.5…1")
    return value
