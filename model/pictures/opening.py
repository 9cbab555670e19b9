"""Opening: opens files with Pillow, in all formats except TIFF."""

from __future__ import annotations

from typing import IO

from PIL import Image
from pillow_heif import HeifImageFile

from model.pictures import exif, gif, pixel_size, png, webp
from model.pictures.pixel_size import PixelSize

# Formats in which a frame is drawn over those before it, so that all of them are decoded.
COMPOSED = ("GIF", "PNG", "WEBP", "AVIF")

# Formats for which Pillow allocates the pixels before it reports their size. The size is read here instead.
ALLOCATED_ON_OPENING = {"GIF": gif.size, "WEBP": webp.size}


def open_picture(file: IO[bytes], file_format: str) -> Image.Image:
    """Open the picture and read its header, without pillow-heif's opener, which affects the whole process."""
    return HeifImageFile(file) if file_format == "HEIF" else Image.open(file, formats=[file_format])


def orientation_of(image: Image.Image) -> int:
    """Return EXIF's orientation, 1 (upright) to 8."""
    return exif.orientation(image.info.get("exif"))


def pixel_size_of(image: Image.Image, file_format: str, data: bytes) -> PixelSize | None:
    """Return the pixel size that the whole file in `data` declares; None if there is none."""
    return pixel_size.of_density(png.density(data) if file_format == "PNG" else image.info.get("dpi"))
