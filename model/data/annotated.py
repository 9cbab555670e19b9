"""Annotated: the base class of annotated data sets of all formats."""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from collections import Counter, defaultdict
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
    """The objects in a picture: the fields of a `Sample` that come from the labels."""

    boxes: npt.NDArray[np.int32]
    class_ids: npt.NDArray[np.int32]
    masks: Sequence[Mask]
    crowd_boxes: npt.NDArray[np.int32] = field(default_factory=no_boxes)
    crowd_class_ids: npt.NDArray[np.int32] = field(default_factory=no_class_ids)
    crowd_masks: Sequence[Mask] = ()
    unknown: Mask | None = None


class Annotated(ABC):
    """A DataSet of pictures in files, with labels in the format of a subclass.

    Attributes:
        format_name: the name of the format.
        path: the folder or file from which the data set was opened.
        classes: class names by class id; the first is "background".
        ids: the samples' ids, in order.
        kinds: the samples' kinds, in order.
        sources: the location of each picture, in order.
        has_objects: whether the labels tell objects of a class apart; class maps do not.
        has_names: whether the data or `Reading.classes` name the classes; otherwise a name is assumed.
    """

    format_name: ClassVar[str]
    has_objects = True

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
        """The objects in the picture at `index`, which has this (width, height).

        Raises:
            DataError: the labels cannot be read, or do not fit the picture.
        """

    @abstractmethod
    def class_ids(self, index: int) -> list[int]:
        """The class of each object in the picture at `index`, except crowds, without decoding the picture.

        Raises:
            DataError: as `truth`.
        """

    @abstractmethod
    def _fits(self, index: int, size: tuple[int, int]) -> bool:
        """Whether the labels can belong to a picture of this (width, height)."""

    @abstractmethod
    def _misfit(self, index: int, size: tuple[int, int]) -> str | None:
        """The message for labels that do not fit a picture of this size; None if they are accepted anyway."""

    def _is_turned_too(self, index: int) -> bool:
        """Whether the labels have their own EXIF orientation, and so are upright like the picture."""
        return False

    def _is_empty(self, index: int) -> bool:
        """Whether the picture has no labels, so that either orientation is right."""
        return not self.class_ids(index)

    def _label_findings(self) -> Iterator[Finding]:
        """Problems in the labels. Subclasses override this."""
        return iter(())

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> Sample:
        """The sample at `index`, with its picture in the orientation in which it was annotated.

        Raises:
            DataError: the picture or its labels cannot be read or do not fit each other, or the orientation
                in which it was annotated is unknown.
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
        """The header of the picture at `index`; OSError or PictureError if it cannot be read."""
        with self.sources[index].open() as file:
            return pictures.read_header(file)

    def size(self, index: int) -> tuple[int, int]:
        """(width, height) of the picture at `index` as it was annotated, from its header.

        Raises:
            DataError: as in `__getitem__`, if the header is enough to detect the problem.
        """
        try:
            header = self.header(index)
        except (OSError, PictureError) as error:
            raise DataError(f"{self.sources[index].name} cannot be read: {reason(error)}") from error
        return header.stored if self._way_up(index, header) == "ignore" else header.upright

    def findings(self) -> Iterator[Finding]:
        """Problems of the data set, from the pictures' headers and all labels; about 0.2 ms per picture."""
        yield from self._class_findings()
        yield from self._id_findings()
        yield from self._picture_findings()
        yield from self._label_findings()

    def _class_findings(self) -> Iterator[Finding]:
        spellings = defaultdict(list)
        for name in self.classes:
            spellings[name.casefold()].append(name)
        for names in spellings.values():
            if len(names) > 1:
                yield Finding(f"the classes {' and '.join(names)} differ only in case")

    def _id_findings(self) -> Iterator[Finding]:
        twice = {id_ for id_, count in Counter(self.ids).items() if count > 1}
        named = [source.name for id_, source in zip(self.ids, self.sources, strict=True) if id_ in twice]
        yield from counted(
            named,
            "picture shares its name with another one",
            "pictures share their name, and so their labels, with another one",
            refused=True,
            advice="Give each picture a name of its own, without its suffix, or remove the copies",
        )

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
            except DataError:  # a label that cannot be read; reported with the labels
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
            "photo was annotated as it is stored; its EXIF orientation is ignored",
            "photos were annotated as they are stored; their EXIF orientation is ignored",
        )
        yield from self._undecided_findings(undecided)

    def _undecided_findings(self, names: list[str]) -> list[Finding]:
        if not names:
            return []
        one = "photo fits its labels both rotated by its EXIF orientation and as it is stored"
        many = "photos fit their labels both rotated by their EXIF orientation and as they are stored"
        if self._settled is None:
            return counted(names, one, many, refused=True, advice=WHAT_TO_SAY)
        why = f"--exif {self._exif}" if self._exif else "as for the other photos, whose sizes decide"
        done = f"; the EXIF orientation is {_DONE[self._settled]} ({why})"
        return counted(names, one + done, many + done)

    def _ways(self, index: int, header: Header) -> tuple[Exif, ...]:
        """The orientations in which the picture can have been annotated; none if its labels fit neither."""
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
                f"{self.sources[index].name} is {turn_of(header)}; its labels fit both ways. {WHAT_TO_SAY}"
            )
        return self._settled

    @cached_property
    def _settled(self) -> Exif | None:
        """The orientation of photos that fit their labels both ways; None if it cannot be determined."""
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
