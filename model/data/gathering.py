"""Gathering: goes on after an invalid file or annotation, so that all of a data set are reported at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from model.data.findings import Finding, number_of
from model.data.sample import DataError

if TYPE_CHECKING:
    from model.data.annotated import Annotated

SHOWN = 20
"""Problems of each kind that a message has."""
Made = TypeVar("Made")


class InvalidData(DataError):
    """A data set has invalid files or annotations; the message has the first ones of each kind.

    Attributes:
        findings: all of them, a finding for each kind.
        rest: the data set without them, for further checks; None if it would be empty.
    """

    def __init__(self, findings: Sequence[Finding], rest: Annotated | None) -> None:
        super().__init__("\n".join(finding.listed(SHOWN) for finding in findings))
        self.findings = findings
        self.rest = rest


class Problems:
    """The problems that were found so far while a data set is opened."""

    def __init__(self) -> None:
        self._texts: dict[object, list[str]] = {}  # by kind; errors would keep what they were raised in

    def __bool__(self) -> bool:
        return bool(self._texts)

    def add(self, error: DataError) -> None:
        """Keep an error instead of raising it.

        Errors are of one kind if the same statement raised them: such texts differ in names and numbers.
        """
        self._texts.setdefault(_raised_at(error), []).append(str(error))

    def each(self, read: Callable[..., Made], *arguments: Iterable[object]) -> list[Made]:
        """As `map`, without the items for which `read` raises a DataError, which is kept."""
        made = []
        for given in zip(*arguments, strict=False):  # one may be itertools.count
            try:
                made.append(read(*given))
            except DataError as error:
                self.add(error)
        return made

    def findings(self) -> list[Finding]:
        """A finding for each kind, in the order in which the first of the kind was found."""
        return [
            Finding(texts[0], refused=True)
            if len(texts) == 1
            else Finding(number_of(len(texts), "problem", "problems alike"), texts, refused=True)
            for texts in self._texts.values()
        ]


@contextmanager
def gathering(data: Annotated) -> Iterator[Problems]:
    """Yield the Problems of a data set that is opened meanwhile, and raise them all at the end.

    Raises:
        InvalidData: there are some. An error that ends the opening after them is left out, since it may be
            their consequence: without its only shape, for example, a data set has no class.
    """
    problems = Problems()
    try:
        yield problems
    except DataError as error:
        if not problems:
            raise
        raise InvalidData(problems.findings(), None) from error
    if problems:
        raise InvalidData(problems.findings(), data if len(data) else None)


def _raised_at(error: DataError) -> object:
    """The code and line of the statement that raised an error; of an error never raised, its text."""
    place = error.__traceback__
    if place is None:
        return str(error)
    while place.tb_next is not None:
        place = place.tb_next
    return place.tb_frame.f_code, place.tb_lineno
