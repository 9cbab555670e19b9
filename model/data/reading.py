"""Reading: how a data set is to be read where its files leave a choice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

Exif = Literal["apply", "ignore"]
EXIF_CHOICES: tuple[Exif, ...] = get_args(Exif)


@dataclass(frozen=True)
class Reading:
    """Choices for what the files of a data set do not tell.

    Attributes:
        exif: of photos whose size does not tell, whether they were annotated upright, with their EXIF
            orientation applied, or as they are stored, with it ignored; None: refuse them.
        class_attribute: the region attribute of VIA that holds the class, where there are several.
        classes: class names, the background first, by which objects are numbered where the data give them
            names but no numbers, or no names at all; None: as each format says.
    """

    exif: Exif | None = None
    class_attribute: str | None = None
    classes: Sequence[str] | None = None


NO_CHOICE = Reading()
"""Sizes alone tell which way up; refused where they do not."""
