"""The figures by which versions are compared on live traffic."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A figure.

    Attributes:
        name: as the command line has it.
        words: what it measures, as in "… of nuclei@3 is lower".
        unit: after a value; "%" for a share, which is a number from 0 to 1 and shown in percent.
        less_is_better: None if neither more nor less is better in itself.
        of: what its observations are, in the plural.
    """

    name: str
    words: str
    unit: str
    less_is_better: bool | None
    of: str

    @property
    def is_share(self) -> bool:
        """Whether it is the share of observations of which something is true."""
        return self.unit == "%"

    def value(self, number: float) -> str:
        """A value, with its unit."""
        return (
            f"{100 * number:.2f} %" if self.is_share else f"{_rounded(number)}{self.unit and ' ' + self.unit}"
        )

    def change(self, number: float) -> str:
        """A difference, with its sign, in percentage points or in the unit."""
        if self.is_share:
            return f"{100 * number:+.2f} points"
        return f"{_rounded(number, '+')}{self.unit and ' ' + self.unit}"


def _rounded(number: float, sign: str = "") -> str:
    digits = 3 if abs(number) < 0.1 else 2 if abs(number) < 10 else 1
    return f"{number:{sign},.{digits}f}"


def _by_name(*figures: Figure) -> dict[str, Figure]:
    return {figure.name: figure for figure in figures}


OF_SPLITS = _by_name(
    Figure("wrong", "the share of judged pictures that were reported wrong", "%", True, "judged pictures"),
    Figure("complaints", "the share of all pictures that were reported wrong", "%", True, "pictures"),
    Figure("failed", "the share of requests that failed in the service", "%", True, "requests"),
    Figure("refused", "the share of requests that were refused", "%", True, "requests"),
    Figure("infer_ms", "the time of a picture's inference", "ms", True, "pictures"),
    Figure("latency_ms", "the time of a request", "ms", True, "requests"),
    Figure("segments", "the number of segments in a picture", "", None, "pictures"),
)
"""Of a split. Of shares, requests count the same; of the others, callers do, each with its own mean."""

OF_SHADOWS = _by_name(
    Figure("count", "the number of segments in a picture", "", None, "pictures"),
    Figure("score", "the mean score of a picture's segments", "", None, "pictures"),
    Figure("infer_ms", "the time of a picture's inference", "ms", True, "pictures"),
)
"""Of shadows, where both versions see the same pictures."""

AGREEMENT = _by_name(
    Figure("matched", "the share of segments on which both agree at IoU 0.5", "%", None, "pictures"),
    Figure("dice", "the Dice coefficient of both answers", "", None, "pictures"),
)
"""Of shadows: how alike the two answers are, which favours neither."""
