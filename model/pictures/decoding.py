"""Decoding: the bytes of an image file become an RGB array, or an error that says why not."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image
from pillow_heif import HeifImageFile

from model.pictures import bmp, exif, gif, png, tiff, tiff_layout, webp
from model.pictures.colours import image_to_rgb, samples_to_rgb
from model.pictures.headers import recognise
from model.pictures.limits import (
    DEFAULT_LIMITS,
    BrokenPicture,
    Limits,
    PictureError,
    PictureTooLarge,
    check_drawn,
    check_frames,
    check_size,
    memory_needed,
)
from model.pictures.tiff_pages import page_offsets
from model.pictures.vetting import vetted

# Pillow's own limit warns, then raises, at sizes that have nothing to do with ours. `check_size` looks at
# every header before a pixel is decoded.
Image.MAX_IMAGE_PIXELS = None

_SWAPPING_SIDES = (5, 6, 7, 8)

# Where a frame is made of those before it, so that all of them are decoded.
_COMPOSED = ("GIF", "PNG", "WEBP", "AVIF")

# Where Pillow makes room for the pixels before it tells their size, which is read here.
_ALLOCATED_ON_OPENING = {"GIF": gif.size, "WEBP": webp.size}

# Enough of a file to tell its format.
_SIGNATURE_BYTES = 160

Enough = Callable[[tuple[int, int]], tuple[int, int]]
"""Of a picture's (width, height), the least to which it may be reduced."""


@dataclass(frozen=True)
class Decoded:
    """A picture, or a copy of it with fewer pixels.

    Attributes:
        image: uint8 (H, W, 3), RGB, upright, read-only.
        size: (width, height) of the whole picture, upright.
    """

    image: npt.NDArray[np.uint8]
    size: tuple[int, int]


BeforePixels = Callable[[tuple[int, int], int], object]
"""Told a picture's (width, height) as stored, and the most bytes that decoding takes, before it begins."""


class Decode(Protocol):
    """As `decode_reduced`, here or in another process."""

    def __call__(
        self, data: bytes, enough: Enough, limits: Limits, *, page: int = 0, channel: int | None = None
    ) -> Decoded: ...


@dataclass(frozen=True)
class _Wanted:
    """Which picture of a file is wanted, and what it may cost; as in `decode_reduced`."""

    enough: Enough
    limits: Limits
    page: int
    channel: int | None
    before_pixels: BeforePixels


@dataclass(frozen=True)
class _Stored:
    """A picture as it lies in its file.

    Attributes:
        rgb: uint8 (H, W, 3), maybe reduced.
        orientation: EXIF's number for how it is to be turned.
        whole_size: (width, height) of the whole picture, upright; None where it is not reduced.
    """

    rgb: npt.NDArray[np.uint8]
    orientation: int
    whole_size: tuple[int, int] | None = None


def not_told(size: tuple[int, int], needed: int) -> None:
    """The `BeforePixels` of who has memory enough."""


def whole(size: tuple[int, int]) -> tuple[int, int]:
    """The `Enough` of who wants every pixel."""
    return size


def decode(
    data: bytes, limits: Limits = DEFAULT_LIMITS, *, page: int = 0, channel: int | None = None
) -> npt.NDArray[np.uint8]:
    """The picture in an image file's bytes, upright and in sRGB.

    Accepts JPEG, PNG, WebP, AVIF, HEIC, TIFF, BMP and GIF, recognised by their first bytes, whatever the name
    says. EXIF orientation is applied, a colour profile is converted to sRGB, transparency shows white. TIFF
    and PNG of more than 8 bits (16-bit, 32-bit, float) are stretched so that their own darkest value becomes
    0 and their brightest 255, hot and dead pixels and drawn marks aside: microscopes use a small part of
    their range.

    Args:
        data: a whole image file.
        limits: what the picture may cost.
        page: of several pages or frames, which, from 0; of an animation, as it is seen then. In a HEIC, the
            primary picture is the first.
        channel: which channel, from 0, to give as grey; all of them if None. Of a coloured picture 0 to 2
            are red, green and blue as shown, 3 is opacity; of CMYK, the inks.

    Returns:
        uint8 (height, width, 3), RGB, read-only.

    Raises:
        NotAPicture: not an image, or a format that is not accepted.
        PictureTooLarge: more pixels than `limits` allows, or so much work that it comes to the same;
            TooManyFrames: more pages or frames.
        NoSuchPage: fewer pages than `page` needs.
        NoSuchChannel: fewer channels than `channel` needs.
        BrokenPicture: truncated or corrupt.
    """
    return decode_reduced(data, whole, limits, page=page, channel=channel).image


def decode_reduced(
    data: bytes,
    enough: Enough,
    limits: Limits = DEFAULT_LIMITS,
    *,
    page: int = 0,
    channel: int | None = None,
    before_pixels: BeforePixels = not_told,
) -> Decoded:
    """As `decode`, but a JPEG at 1/2, 1/4 or 1/8 of its size where that leaves enough pixels.

    libjpeg then computes no more than those, in a fraction of the time and memory.

    Args:
        data: a whole image file.
        enough: gives the least (width, height) that will do; asked for a JPEG only, after its header.
        limits: what the picture may cost; its whole size counts.
        page: as in `decode`.
        channel: as in `decode`.
        before_pixels: called once the header is read, with what its pixels take; what it raises, if it is a
            PictureError or no Exception, ends the decoding.

    Raises:
        PictureError: as `decode`.
    """
    file_format = recognise(data)
    wanted = _Wanted(enough, limits, page, channel, before_pixels)
    try:
        if file_format == "TIFF":
            stored = _decode_tiff(data, wanted)
        else:
            stored = _decode_other(data, file_format, wanted)
        upright = _turned(stored.rgb, stored.orientation)
    except PictureError:
        raise
    except MemoryError as error:
        raise PictureTooLarge(f"the {file_format} picture takes more memory than there is") from error
    # Hostile bytes make Pillow raise nearly anything: OSError, SyntaxError, struct.error, ...
    except Exception as error:
        raise BrokenPicture(
            f"the {file_format} picture is truncated or corrupt, or of a rare kind that is not accepted"
        ) from error
    upright.flags.writeable = False
    return Decoded(upright, stored.whole_size or (upright.shape[1], upright.shape[0]))


def check_rgb(image: npt.NDArray) -> None:
    """Raise ValueError unless `image` is uint8 (H, W, 3) with at least one pixel."""
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f"an image is uint8 (H, W, 3), RGB, not {image.dtype} {image.shape}")
    if not image.size:
        raise ValueError(f"an image has pixels; this one has shape {image.shape}")


def read(path: str | Path, limits: Limits = DEFAULT_LIMITS) -> npt.NDArray[np.uint8]:
    """The picture in the file at `path`; see `decode`. Raises OSError when the file cannot be read."""
    return decode(Path(path).read_bytes(), limits)


def read_size(path: str | Path, limits: Limits = DEFAULT_LIMITS) -> tuple[int, int]:
    """(width, height) of the picture that `read` gives, from the header of the file.

    Raises:
        OSError: the file cannot be read.
        PictureError: as `decode`, as far as the header shows it.
    """
    with Path(path).open("rb") as file:
        file_format = recognise(file.read(_SIGNATURE_BYTES))
        file.seek(0)
        try:
            if file_format == "TIFF":
                data = file.read()
                layout = tiff_layout.read_layout(data, page_offsets(data, 0)[0], limits)
                (width, height), orientation = layout.size, layout.orientation
            else:
                if file_format == "GIF":
                    check_size(gif.size(file.read(), limits), limits)
                with _open(file, file_format) as image:
                    check_size(image.size, limits)
                    width, height = image.size
                    # Pillow decodes a PNG to look for EXIF at its end.
                    as_stored = file_format == "PNG" and "exif" not in image.info
                    orientation = 1 if as_stored else _orientation(image)
        except PictureError:
            raise
        except Exception as error:  # as in `decode`
            raise BrokenPicture(f"the {file_format} picture's header is corrupt") from error
    return (height, width) if orientation in _SWAPPING_SIDES else (width, height)


def _decode_tiff(data: bytes, wanted: _Wanted) -> _Stored:
    limits, page = wanted.limits, wanted.page
    offsets = page_offsets(data, limits.max_frames)
    check_frames(len(offsets), page, limits)
    layout = tiff_layout.read_layout(data, offsets[page], limits)
    # A page that takes more says so, and is refused when it is read.
    pixels = min(layout.equal_pixels, limits.max_pixels)
    wanted.before_pixels(layout.size, memory_needed("TIFF", pixels, len(data), page=page))
    if not layout.known_to_pillow:
        samples, channel = tiff.read_samples(layout, wanted.channel, limits)
        return _Stored(samples_to_rgb(samples, channel), layout.orientation)
    with _open(io.BytesIO(tiff_layout.vetted(layout)), "TIFF") as image:
        image.load()
        return _Stored(image_to_rgb(image, wanted.channel), layout.orientation)


def _decode_other(data: bytes, file_format: str, wanted: _Wanted) -> _Stored:
    limits, channel = wanted.limits, wanted.channel
    data, page = vetted(data, file_format, wanted.page, limits)

    def before_pixels(whole: tuple[int, int], decoded: tuple[int, int]) -> None:
        wanted.before_pixels(whole, memory_needed(file_format, math.prod(decoded), len(data), page=page))

    if file_format in _ALLOCATED_ON_OPENING:
        canvas = _ALLOCATED_ON_OPENING[file_format](data, limits)
        before_pixels(canvas, canvas)
    with _open(io.BytesIO(data), file_format) as image:
        check_size(image.size, limits)
        if file_format not in ("GIF", "JPEG"):  # their pages are counted
            check_frames(getattr(image, "n_frames", 1), page, limits)
        if file_format in _COMPOSED:
            check_drawn(page + 1, image.size, limits)
        elif page:
            first = image.tell()  # in a HEIC, the primary picture, wherever it lies
            image.seek(page if page > first else page - 1)
            check_size(image.size, limits)
        size = _reduce(image, wanted.enough) if file_format == "JPEG" else None
        if file_format not in _ALLOCATED_ON_OPENING:
            # All of a progressive picture is kept until its last scan, whatever is made of it.
            whole = size or image.size
            before_pixels(whole, whole if "progressive" in image.info else image.size)
        if page and file_format in _COMPOSED:
            image.seek(page)
            check_size(image.size, limits)
        elif file_format == "BMP" and bmp.has_run_lengths(data):
            return _Stored(image_to_rgb(Image.fromarray(bmp.read_rgb(data)), channel), 1)
        elif file_format == "PNG" and png.is_deep(data):
            samples = png.read_samples(data, image.info.get("icc_profile"))
            return _Stored(samples_to_rgb(samples, channel), _orientation(image))
        image.load()
        check_size(image.size, limits)
        return _Stored(image_to_rgb(image, channel), _orientation(image), size)


def _open(file: IO[bytes], file_format: str) -> Image.Image:
    """The picture, its header read; without pillow-heif's opener, which would be registered for everybody."""
    return HeifImageFile(file) if file_format == "HEIF" else Image.open(file, formats=[file_format])


def _reduce(image: Image.Image, enough: Enough) -> tuple[int, int]:
    """Have a JPEG, not decoded yet, decoded to no less than `enough`; (width, height) of the whole, upright.

    libjpeg rounds sides up that do not divide: what lies at the far edge then shifts, by less than one pixel
    of the reduced picture, so less than one of those that are enough.
    """
    turned = _orientation(image) in _SWAPPING_SIDES
    size = image.size[::-1] if turned else image.size
    least = enough(size)
    image.draft(None, least[::-1] if turned else least)
    return size


def _turned(rgb: npt.NDArray[np.uint8], orientation: int) -> npt.NDArray[np.uint8]:
    """The pixels turned as EXIF's number asks."""
    if orientation in _SWAPPING_SIDES:
        rgb = rgb.transpose(1, 0, 2)
    rows = -1 if orientation in (3, 4, 7, 8) else 1
    columns = -1 if orientation in (2, 3, 6, 7) else 1
    return np.ascontiguousarray(rgb[::rows, ::columns])


def _orientation(image: Image.Image) -> int:
    """EXIF's number for how the picture is to be turned, 1 for not at all."""
    return exif.orientation(image.info.get("exif"), image.info.get("xmp"))
