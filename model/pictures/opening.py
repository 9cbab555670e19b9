"""Opening: what is asked of Pillow of any file but a TIFF."""

from __future__ import annotations

from typing import IO

from PIL import Image
from pillow_heif import HeifImageFile

from model.pictures import exif, gif, pixel_size, png, webp
from model.pictures.pixel_size import PixelSize

# Where a frame is made of those before it, so that all of them are decoded.
COMPOSED = ("GIF", "PNG", "WEBP", "AVIF")

# Where Pillow makes room for the pixels before it tells their size, which is read here.
ALLOCATED_ON_OPENING = {"GIF": gif.size, "WEBP": webp.size}


def open_picture(file: IO[bytes], file_format: str) -> Image.Image:
    """The picture, its header read; without pillow-heif's opener, which would be registered for everybody."""
    return HeifImageFile(file) if file_format == "HEIF" else Image.open(file, formats=[file_format])


def orientation_of(image: Image.Image) -> int:
    """EXIF's number for how the picture is to be turned, 1 for not at all."""
    return exif.orientation(image.info.get("exif"))


def pixel_size_of(image: Image.Image, file_format: str, data: bytes) -> PixelSize | None:
    """What the whole file in `data` tells of it."""
    return pixel_size.of_density(png.density(data) if file_format == "PNG" else image.info.get("dpi"))
