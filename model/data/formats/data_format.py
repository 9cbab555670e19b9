"""DataFormat: what the registry knows of each format of data sets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from model.data.annotated import Annotated
from model.data.formats.place import Place
from model.data.reading import Reading


@dataclass(frozen=True)
class DataFormat:
    """A format that is read.

    Attributes:
        name: as its users call it.
        layout: what lies where, for those who have something else.
        recognises: whether a place holds such data; looks at names and at the first JSONs, raises nothing.
        open: the data set; DataError if its files are not as they must be.
        has_class_attribute: whether `Reading.class_attribute` means something to it.
    """

    name: str
    layout: str
    recognises: Callable[[Place], bool]
    open: Callable[[Place, Reading], Annotated]
    has_class_attribute: bool = False
