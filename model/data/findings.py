"""Findings: problems of a data set, each with its count and the files concerned."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from model.data.sample import DataError

NAMES_SHOWN = 5


@dataclass(frozen=True)
class Finding:
    """One problem, which occurs once or several times.

    Attributes:
        text: the problem, its count, and how the data are then read.
        where: for each occurrence the name of the file, or a sentence that names it; empty if the problem
            concerns the data set as a whole.
        refused: whether the problem must be fixed before training or evaluation.
        advice: how to fix the problem, as a sentence.
    """

    text: str
    where: Sequence[str] = ()
    refused: bool = False
    advice: str = ""

    def sentence(self, names_shown: int = NAMES_SHOWN) -> str:
        """The text, the first names and the advice."""
        names = list(dict.fromkeys(self.where))
        separator = "; " if any(" " in name for name in names) else ", "
        more = f" and {len(names) - names_shown:,} more" if len(names) > names_shown else ""
        named = f": {separator.join(names[:names_shown])}{more}" if names else ""
        return f"{self.text}{named}{'. ' if self.advice else ''}{self.advice}"

    def listed(self, shown: int) -> str:
        """As `sentence`, but several sentences in `where` are each on a line of their own after the text."""
        sentences = list(dict.fromkeys(self.where))
        if len(sentences) < 2 or not any(" " in sentence for sentence in sentences):
            return self.sentence(shown)
        more = [f"and {len(sentences) - shown:,} more"] if len(sentences) > shown else []
        heading = f"{self.text}{'. ' if self.advice else ''}{self.advice}"
        return "\n    ".join([f"{heading}:", *sentences[:shown], *more])

    def __str__(self) -> str:
        return self.sentence()


def counted(
    where: Sequence[str], one: str, many: str, *, refused: bool = False, advice: str = ""
) -> list[Finding]:
    """A finding "1 " + `one` or "N " + `many`; an empty list if `where` is empty."""
    if not where:
        return []
    return [Finding(number_of(len(where), one, many), where, refused, advice)]


def number_of(count: int, one: str, many: str) -> str:
    """The count and its noun: "1 picture", "2,000 pictures"."""
    return f"{count:,} {one if count == 1 else many}"


def say(findings: Iterable[Finding], path: Path) -> None:
    """Print the findings about the data set at `path` on standard error.

    Raises:
        DataError: at least one finding is refused; the message has all of these.
    """
    found = list(findings)
    for finding in found:
        if not finding.refused:
            print(f"{path}: {finding}", file=sys.stderr)
    refused = [str(finding) for finding in found if finding.refused]
    if refused:
        raise DataError(f"{path}: " + "\n".join(refused))
