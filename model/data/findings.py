"""Findings: what is odd about a data set, each with how often and in which files."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from model.data.sample import DataError

NAMES_SHOWN = 5


@dataclass(frozen=True)
class Finding:
    """One thing that was found, once or many times.

    Attributes:
        text: what was found and what becomes of it, with the count in it.
        where: names of the files, or sentences that name them, one for each time; none where it is about
            the data set as a whole.
        refused: whether nothing can be learned or measured before it is put right.
        advice: what to do about it, a sentence.
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

    def __str__(self) -> str:
        return self.sentence()


def counted(
    where: Sequence[str], one: str, many: str, *, refused: bool = False, advice: str = ""
) -> list[Finding]:
    """A finding "1 " + `one` or "N " + `many`; none where it occurs nowhere."""
    if not where:
        return []
    return [Finding(number_of(len(where), one, many), where, refused, advice)]


def number_of(count: int, one: str, many: str) -> str:
    """The count and its noun: "1 picture", "2,000 pictures"."""
    return f"{count:,} {one if count == 1 else many}"


def say(findings: Iterable[Finding], path: Path) -> None:
    """Print what was found on standard error; the data set is at `path`.

    Raises:
        DataError: findings that are refused, all of them.
    """
    found = list(findings)
    for finding in found:
        if not finding.refused:
            print(f"{path}: {finding}", file=sys.stderr)
    refused = [str(finding) for finding in found if finding.refused]
    if refused:
        raise DataError(f"{path}: " + "\n".join(refused))
