"""Shadows: what two versions found in the same pictures, from the log."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.evaluation.comparing import Values
from model.evaluation.live.randomization import FEWEST_CALLERS, Sums
from model.evaluation.live.service_log import ServiceLog, Shadow

_FIGURES = {
    "count": ("count", "shadow_count"),
    "infer_ms": ("infer_ms", "shadow_infer_ms"),
}
"""Figure → the members of a line that have it for the answer and for the shadow."""


@dataclass(frozen=True)
class Paired:
    """Both versions' values of a figure on the same pictures.

    Attributes:
        a: (N,), of the version that answered; zeros if the log has only differences.
        b: (N,), of the shadow.
        callers: (N,), a number that stands for the picture's caller; None if the log does not tell callers,
            or too few of them to be the unit.
    """

    a: Values
    b: Values
    callers: npt.NDArray[np.intp] | None

    def by_caller(self) -> Sums:
        """The differences, B minus A, added up by caller, or by picture if the log does not tell callers."""
        differences = self.b - self.a
        if self.callers is None:
            return Sums(differences, np.ones(len(differences)))
        totals = np.bincount(self.callers, differences).astype(np.float64)
        return Sums(totals, np.bincount(self.callers).astype(np.float64))


@dataclass(frozen=True)
class Shadows:
    """The lines of one shadow beside one version.

    Attributes:
        a: the version that answered, as name@version.
        b: the shadow.
        lines: in the order of the log.
        callers: the number of their callers; 0 if the log does not tell them for every line.
    """

    a: str
    b: str
    lines: Sequence[Shadow]
    callers: int
    _caller_of: Sequence[int]

    def pair(self, figure: str) -> Paired | None:
        """Both versions' values of a figure of OF_SHADOWS; None if no line has it."""
        if figure == "score":
            values = [
                None if one.score_difference is None else (0.0, one.score_difference) for one in self.lines
            ]
        else:
            values = [_both(*(getattr(one, name) for name in _FIGURES[figure])) for one in self.lines]
        known = [i for i, value in enumerate(values) if value is not None]
        if not known:
            return None
        both = np.array([values[i] for i in known], np.float64)
        callers = None
        if self.callers >= FEWEST_CALLERS:
            found, numbers = np.unique([self._caller_of[i] for i in known], return_inverse=True)
            callers = numbers if len(found) >= FEWEST_CALLERS else None
        return Paired(both[:, 0], both[:, 1], callers)

    def agreement(self, figure: str) -> Values | None:
        """(N,): a figure of AGREEMENT on each picture that has it; None if no line has it."""
        known = [value for one in self.lines if (value := getattr(one, figure)) is not None]
        return np.array(known, np.float64) if known else None

    def least_alike(self, number: int) -> list[Shadow]:
        """The pictures on which the two agree least, the worst first."""
        figure = "dice" if self.agreement("matched") is None else "matched"
        known = [one for one in self.lines if getattr(one, figure) is not None]
        return sorted(known, key=lambda one: getattr(one, figure))[:number]


def shadows_of(log: ServiceLog, shadow: str | None = None, between: Sequence[str] | None = None) -> Shadows:
    """The lines of one shadow.

    Args:
        log: it names the callers of the lines if it also has their requests.
        shadow: as name@version; None: the only one in the log.
        between: the version that answered and the shadow; None: the only ones in the log.

    Raises:
        ValueError: the log has no such lines, or those of several shadows or answering versions.
    """
    pairs: dict[tuple[str, str], list[Shadow]] = defaultdict(list)
    for one in log.shadows:
        pairs[f"{one.model}@{one.version}", f"{one.model}@{one.shadow_version}"].append(one)
    wanted = [
        pair for pair in pairs if shadow in (None, pair[1]) and (between is None or pair == tuple(between))
    ]
    listed = "; ".join(f"{b} beside {a} ({len(pairs[a, b]):,} lines)" for a, b in sorted(pairs))
    if not wanted:
        asked = f"{between[1]} beside {between[0]}" if between else shadow
        raise ValueError(
            f"the log has no lines of the shadow {asked}, but of {listed}"
            if pairs and asked
            else "the log has no lines of a shadow: set MASKSERVE_SHADOW, and have its lines logged"
        )
    if len(wanted) > 1:
        raise ValueError(
            f"the log has lines of {listed}: say which, as in --between {' '.join(sorted(wanted)[0])}"
        )
    ((a, b),) = wanted
    lines = pairs[a, b]
    callers = {request.id: request.caller for request in log.requests if request.caller is not None}
    found = [callers.get(one.request_id) for one in lines]
    if None in found:
        return Shadows(a, b, lines, 0, [0] * len(lines))
    numbers = {name: i for i, name in enumerate(dict.fromkeys(found))}
    return Shadows(a, b, lines, len(numbers), [numbers[name] for name in found])


def _both(a: float | None, b: float | None) -> tuple[float, float] | None:
    return None if a is None or b is None else (a, b)
