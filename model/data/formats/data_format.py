"""DataFormat: the registry's entry for a format of data sets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from model.data.annotated import Annotated
from model.data.formats.place import Place
from model.data.reading import Reading


@dataclass(frozen=True)
class DataFormat:
    """A supported format.

    Attributes:
        name: its common name.
        layout: a description of its files and folders, for messages.
        recognises: whether a place has such data; checks names and the first JSONs, raises nothing.
        open: opens the data set; DataError if its files are invalid.
        has_class_attribute: whether it uses `Reading.class_attribute`.
    """

    name: str
    layout: str
    recognises: Callable[[Place], bool]
    open: Callable[[Place, Reading], Annotated]
    has_class_attribute: bool = False
