"""Reading: choices for data sets whose files can be read in more than one way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

Exif = Literal["apply", "ignore"]
EXIF_CHOICES: tuple[Exif, ...] = get_args(Exif)


@dataclass(frozen=True)
class Reading:
    """Choices that the files of a data set leave open.

    Attributes:
        exif: for photos whose size does not decide: whether they were annotated upright, with their EXIF
            orientation applied, or as they are stored, with it ignored; None: refuse such photos.
        class_attribute: the region attribute of VIA that holds the class, if there are several.
        classes: class names in the order of their ids, the background first, for data that have class names
            without numbers, or no class names; None: each format's default.
    """

    exif: Exif | None = None
    class_attribute: str | None = None
    classes: Sequence[str] | None = None


NO_CHOICE = Reading()
"""Only sizes decide the orientation; photos for which they do not are refused."""
