"""Sizes: reads a picture's size and orientation from the header of its file."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from model.pictures import gif, png
from model.pictures.headers import recognise
from model.pictures.limits import DEFAULT_LIMITS, BrokenPicture, Limits, PictureError, check_size
from model.pictures.opening import open_picture, orientation_of
from model.pictures.tiff_planes import TiffPictures
from model.pictures.turning import SWAPPING_SIDES

# How much of a file is read to recognise its format.
_SIGNATURE_BYTES = 160


@dataclass(frozen=True)
class Header:
    """What the header of an image file says about its picture.

    Attributes:
        stored: (width, height) of the pixels as stored in the file.
        orientation: EXIF's orientation, 1 (upright) to 8.
    """

    stored: tuple[int, int]
    orientation: int

    @property
    def upright(self) -> tuple[int, int]:
        """(width, height) of the picture that `decode` returns."""
        return self.stored[::-1] if self.orientation in SWAPPING_SIDES else self.stored


def read_size(path: str | Path, limits: Limits = DEFAULT_LIMITS) -> tuple[int, int]:
    """Return the (width, height) of the picture that `read` returns, from the header of the file.

    Raises:
        OSError: the file cannot be read.
        PictureError: as in `decode`, for errors that the header shows.
    """
    with Path(path).open("rb") as file:
        return read_header(file, limits).upright


def read_header(file: IO[bytes], limits: Limits = DEFAULT_LIMITS) -> Header:
    """Return the size and orientation of the picture in an image file that is open at its start.

    Raises:
        OSError: the file cannot be read.
        PictureError: as in `decode`, for errors that the header shows.
    """
    file_format = recognise(file.read(_SIGNATURE_BYTES))
    file.seek(0)
    try:
        if file_format == "TIFF":
            layout = TiffPictures(file.read(), limits).layout(0)
            return Header(layout.size, layout.orientation)
        if file_format == "GIF":
            check_size(gif.size(file.read(), limits), limits)
        if file_format == "PNG":  # its EXIF may follow the pixels, or be stored as text
            file = io.BytesIO(png.vetted(file.read(), limits))
        with open_picture(file, file_format) as image:
            check_size(image.size, limits)
            return Header(image.size, orientation_of(image))
    except PictureError:
        raise
    except Exception as error:  # as in `decode`
        raise BrokenPicture(f"the {file_format} picture's header is corrupt") from error
