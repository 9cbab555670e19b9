"""Annotated: pictures and what is known to be in them, whatever the format of their files."""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from model import pictures
from model.data.findings import Finding, counted
from model.data.reading import Exif, Reading
from model.data.sample import DataError, Sample, no_boxes, no_class_ids
from model.data.sources import Source
from model.data.way_up import WHAT_TO_SAY, turn_of, ways_that_fit
from model.files.system_errors import reason
from model.pictures import Header, PictureError
from model.results.masks import Mask

_DONE = {"apply": "applied", "ignore": "ignored"}


@dataclass(frozen=True)
class Truth:
    """What is in a picture: the fields of a `Sample` that the labels tell."""

    boxes: npt.NDArray[np.int32]
    class_ids: npt.NDArray[np.int32]
    masks: Sequence[Mask]
    crowd_boxes: npt.NDArray[np.int32] = field(default_factory=no_boxes)
    crowd_class_ids: npt.NDArray[np.int32] = field(default_factory=no_class_ids)
    crowd_masks: Sequence[Mask] = ()
    unknown: Mask | None = None


class Annotated(ABC):
    """A DataSet of pictures in files; a format says what is known of each.

    Attributes:
        format_name: what the format is called.
        path: the folder or file that it was opened from.
        classes: class names by class id; the first is "background".
        ids: the samples' ids, in order.
        kinds: the samples' kinds, in order.
        sources: where each picture is, in order.
        has_names: whether the data, or `Reading.classes`, name the classes, so that no name is made up.
    """

    format_name: ClassVar[str]

    def __init__(
        self,
        path: Path,
        classes: Sequence[str],
        ids: Sequence[str],
        sources: Sequence[Source],
        reading: Reading,
    ) -> None:
        self.path = path
        self.classes = list(classes)
        self.ids = list(ids)
        self.kinds: list[str | None] = [None] * len(ids)
        self.sources = sources
        self.has_names = True
        self._exif = reading.exif

    @abstractmethod
    def truth(self, index: int, size: tuple[int, int]) -> Truth:
        """What is in the picture at `index`, which has this (width, height).

        Raises:
            DataError: the labels cannot be read, or do not fit the picture.
        """

    @abstractmethod
    def class_ids(self, index: int) -> list[int]:
        """The class of each object in the picture at `index`, crowds left out, without decoding the picture.

        Raises:
            DataError: as `truth`.
        """

    @abstractmethod
    def _fits(self, index: int, size: tuple[int, int]) -> bool:
        """Whether the labels can be those of a picture of this (width, height)."""

    @abstractmethod
    def _misfit(self, index: int, size: tuple[int, int]) -> str | None:
        """What to say of labels that are not those of a picture of this size; None: they are taken anyway."""

    def _is_turned_too(self, index: int) -> bool:
        """Whether the labels have an EXIF orientation of their own, and so are upright as the picture is."""
        return False

    def _is_empty(self, index: int) -> bool:
        """Whether nothing is in the picture, so that any way up is right."""
        return not self.class_ids(index)

    def _label_findings(self) -> Iterator[Finding]:
        """What is odd about the labels; a format with more to say does."""
        return iter(())

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> Sample:
        """The sample at `index`, its picture as it was annotated.

        Raises:
            DataError: the picture or its labels cannot be read or do not fit each other, or which way up
                it was annotated is not known.
        """
        source = self.sources[index]
        try:
            with source.open() as file:
                data = file.read()
            header = pictures.read_header(io.BytesIO(data))
            upright = pictures.decode(data)
        except (OSError, ValueError) as error:
            raise DataError(f"{source.name} cannot be read: {reason(error)}") from error
        is_as_stored = header.orientation != 1 and self._way_up(index, header) == "ignore"
        image = pictures.turned_back(upright, header.orientation) if is_as_stored else upright
        size = image.shape[1], image.shape[0]
        if not self._fits(index, size) and (misfit := self._misfit(index, size)):
            raise DataError(misfit)
        truth = self.truth(index, size)
        return Sample(id=self.ids[index], image=image, kind=self.kinds[index], **vars(truth))

    def header(self, index: int) -> Header:
        """That of the picture at `index`; OSError or PictureError if it cannot be read."""
        with self.sources[index].open() as file:
            return pictures.read_header(file)

    def size(self, index: int) -> tuple[int, int]:
        """(width, height) of the picture at `index` as it was annotated, from its header.

        Raises:
            DataError: as `__getitem__`, as far as the header shows it.
        """
        try:
            header = self.header(index)
        except (OSError, PictureError) as error:
            raise DataError(f"{self.sources[index].name} cannot be read: {reason(error)}") from error
        return header.stored if self._way_up(index, header) == "ignore" else header.upright

    def findings(self) -> Iterator[Finding]:
        """What is odd about the data set, by the pictures' headers and all labels; some 0.2 ms a picture."""
        yield from self._class_findings()
        yield from self._picture_findings()
        yield from self._label_findings()

    def _class_findings(self) -> Iterator[Finding]:
        spellings = defaultdict(list)
        for name in self.classes:
            spellings[name.casefold()].append(name)
        for names in spellings.values():
            if len(names) > 1:
                yield Finding(f"the classes {' and '.join(names)} differ by capital letters alone")

    def _picture_findings(self) -> Iterator[Finding]:
        unreadable, misfits, undecided = [], [], []
        as_stored = []
        for index, source in enumerate(self.sources):
            try:
                header = self.header(index)
            except (OSError, PictureError) as error:
                unreadable.append(f"{source.name} cannot be read: {reason(error)}")
                continue
            try:
                ways = self._ways(index, header)
            except DataError:  # of a label that cannot be read, which is found with the labels
                continue
            if not ways:
                misfits.append(self._misfit(index, header.upright) or source.name)
            elif len(ways) > 1:
                undecided.append(f"{source.name} is {turn_of(header)}" if not self._settled else source.name)
            elif ways[0] == "ignore":
                as_stored.append(source.name)
        yield from counted(unreadable, "picture cannot be read", "pictures cannot be read", refused=True)
        yield from counted(
            misfits,
            "picture does not fit its labels",
            "pictures do not fit their labels",
            refused=True,
        )
        yield from counted(
            as_stored,
            "photo was annotated as it is stored, so its EXIF orientation is ignored",
            "photos were annotated as they are stored, so their EXIF orientation is ignored",
        )
        yield from self._undecided_findings(undecided)

    def _undecided_findings(self, names: list[str]) -> list[Finding]:
        if not names:
            return []
        one = "photo fits its labels both turned as its EXIF orientation asks and as it is stored"
        many = "photos fit their labels both turned as their EXIF orientation asks and as they are stored"
        if self._settled is None:
            return counted(names, one, many, refused=True, advice=WHAT_TO_SAY)
        why = f"--exif {self._exif}" if self._exif else "as the sizes of the other turned photos tell"
        done = f"; EXIF orientation is {_DONE[self._settled]} ({why})"
        return counted(names, one + done, many + done)

    def _ways(self, index: int, header: Header) -> tuple[Exif, ...]:
        """The ways up in which the picture can have been annotated; none if its labels do not fit at all."""
        ways = self._ways_that_fit(index, header)
        if len(ways) > 1 and (self._is_turned_too(index) or self._is_empty(index)):
            return ("apply",)
        if ways or self._misfit(index, header.upright):
            return ways
        return ("apply",) if header.orientation == 1 else ("apply", "ignore")

    def _ways_that_fit(self, index: int, header: Header) -> tuple[Exif, ...]:
        return ways_that_fit(header, lambda size: self._fits(index, size))

    def _way_up(self, index: int, header: Header) -> Exif:
        if header.orientation == 1:
            return "apply"
        ways = self._ways(index, header)
        if not ways:
            raise DataError(self._misfit(index, header.upright) or "")
        if len(ways) == 1:
            return ways[0]
        if self._settled is None:
            raise DataError(
                f"{self.sources[index].name} is {turn_of(header)}, and its labels fit it either way up. "
                f"{WHAT_TO_SAY}"
            )
        return self._settled

    @cached_property
    def _settled(self) -> Exif | None:
        """The way up of photos that fit their labels both ways; None if nothing tells."""
        if self._exif:
            return self._exif
        told = set()
        for index in range(len(self)):
            try:
                header = self.header(index)
                ways = self._ways_that_fit(index, header)
            except (OSError, PictureError, DataError):
                continue
            if header.orientation != 1 and len(ways) == 1:
                told.add(ways[0])
        return told.pop() if len(told) == 1 else None
