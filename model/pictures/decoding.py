"""Decoding: turns the bytes of an image file into an RGB array, or raises an error that says why not."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from model.pictures import bmp, gif, png, tiff
from model.pictures.axes import axes_of
from model.pictures.colours import RawPixels, channel_count, own_values, to_rgb
from model.pictures.endings import completed, going_on
from model.pictures.headers import recognise
from model.pictures.jpeg import has_all_scans
from model.pictures.limits import (
    DEFAULT_LIMITS,
    BrokenPicture,
    Limits,
    PictureError,
    PictureTooLarge,
    check_drawn,
    check_frames,
    check_size,
    memory_for,
    memory_needed,
)
from model.pictures.opening import (
    ALLOCATED_ON_OPENING,
    COMPOSED,
    open_picture,
    orientation_of,
    pixel_size_of,
)
from model.pictures.origin import Origin
from model.pictures.pixel_size import of_tiff
from model.pictures.projection import Projection
from model.pictures.stacks import project_other, project_tiff
from model.pictures.tiff_directory import Directory
from model.pictures.tiff_pages import page_offsets
from model.pictures.tiff_planes import TiffPictures
from model.pictures.turning import SWAPPING_SIDES, turned
from model.pictures.vetting import Vetted, vetted
from model.pictures.wanted import BeforePixels, Enough, Stored, Wanted, not_told, whole

# Pillow warns and then raises at sizes that have nothing to do with our limits. `check_size` checks every
# header before any pixel is decoded.
Image.MAX_IMAGE_PIXELS = None


@dataclass(frozen=True)
class Decoded:
    """A picture, or a copy of it with fewer pixels.

    Attributes:
        image: uint8 (H, W, 3), RGB, upright, read-only.
        size: (width, height) of the whole picture, upright.
        origin: its place in the file, and what the file says about it.
        is_cut: whether the end of the file is missing, though no pixel is.
        values: (H, W, C), the whole, upright picture's own values, which were neither stretched nor converted
            by a colour profile, read-only; None unless they were requested. Opacity is left out.
    """

    image: npt.NDArray[np.uint8]
    size: tuple[int, int]
    origin: Origin
    is_cut: bool = False
    values: npt.NDArray[Any] | None = None


class Decode(Protocol):
    """A function like `decode_reduced`, which may decode in another process."""

    def __call__(
        self,
        data: bytes,
        enough: Enough,
        limits: Limits,
        *,
        page: int = 0,
        channel: int | None = None,
        projection: Projection = "none",
        keeps_values: bool = False,
    ) -> Decoded: ...


def decode(
    data: bytes,
    limits: Limits = DEFAULT_LIMITS,
    *,
    page: int = 0,
    channel: int | None = None,
    projection: Projection = "none",
) -> npt.NDArray[np.uint8]:
    """Return the picture in an image file's bytes, upright and in sRGB.

    Accepts JPEG, PNG, WebP, AVIF, HEIC, TIFF, BMP and GIF, recognised by their first bytes and not by the
    file name. EXIF orientation is applied, a colour profile is converted to sRGB, and transparent pixels
    become white. TIFF and PNG of more than 8 bits (16-bit, 32-bit, float) are stretched so that their darkest
    value becomes 0 and their brightest 255, because microscopes use a small part of the range. Hot and dead
    pixels and drawn marks are not counted.

    >>> decode(Path("app/static/samples/tissue.png").read_bytes()).dtype
    dtype('uint8')

    Args:
        data: a whole image file.
        limits: limits on the picture's size and number of pages.
        page: the page or frame to decode, counted from 0; a frame of an animation is drawn over those before
            it. In a HEIC, the primary picture is page 0. Thumbnails, reduced copies and masks are not pages.
        channel: the channel to return as grey, counted from 0; None: all channels. In a coloured picture, 0
            to 2 are red, green and blue as shown, and 3 is opacity; in CMYK, they are the inks. In a
            projection of a TIFF that says that each page is one channel, the pages of this channel.
        projection: how to combine all pages or frames: the brightest value at each place or the mean, at
            full depth; "none": decode only `page`.

    Returns:
        uint8 (height, width, 3), RGB, read-only.

    Raises:
        NotAPicture: the data is not an image, or the format is not accepted.
        PictureTooLarge: more pixels than `limits` allows, or as much work as too many pixels make;
            TooManyFrames: more pages or frames than `limits` allows.
        NoSuchPage: the file has no page with that number.
        PagesDiffer: the pages differ in size or kind, so that they cannot be projected.
        NoSuchChannel: the picture has no channel with that number.
        BrokenPicture: the file is truncated or corrupt.
    """
    return decode_reduced(data, whole, limits, page=page, channel=channel, projection=projection).image


def decode_reduced(
    data: bytes,
    enough: Enough,
    limits: Limits = DEFAULT_LIMITS,
    *,
    page: int = 0,
    channel: int | None = None,
    projection: Projection = "none",
    keeps_values: bool = False,
    before_pixels: BeforePixels = not_told,
) -> Decoded:
    """Decode like `decode`, but a JPEG at 1/2, 1/4 or 1/8 of its size if that leaves enough pixels.

    libjpeg then computes only those pixels, in a fraction of the time and memory.

    Args:
        data: a whole image file.
        enough: returns the smallest (width, height) that is enough; called for a JPEG only, after its header
            is read.
        limits: as in `decode`; they apply to the whole size.
        page, channel, projection: as in `decode`.
        keeps_values: whether to return the picture's own values too; it is then not reduced.
        before_pixels: called once the header is read, with the memory that the pixels take. To stop the
            decoding, it raises a PictureError or a BaseException that is not an Exception.

    Raises:
        PictureError: as in `decode`.
    """
    file_format = recognise(data)
    if keeps_values:
        enough = whole
    wanted = Wanted(enough, limits, page, channel, projection, before_pixels, keeps_values)
    try:
        if file_format == "TIFF":
            stored = _decode_tiff(data, wanted)
        else:
            stored = _decode_other(data, file_format, wanted)
        upright = turned(stored.rgb, stored.orientation)
        values = None if stored.values is None else turned(stored.values, stored.orientation)
    except PictureError:
        raise
    except MemoryError as error:
        raise PictureTooLarge(f"decoding the {file_format} picture takes more memory than is left") from error
    # Hostile bytes make Pillow raise nearly anything: OSError, SyntaxError, struct.error, ...
    except Exception as error:
        raise BrokenPicture(
            f"the {file_format} picture is truncated or corrupt, or of a rare kind that is not supported"
        ) from error
    upright.flags.writeable = False
    if values is not None:
        values.flags.writeable = False
    size = stored.whole_size or (upright.shape[1], upright.shape[0])
    return Decoded(upright, size, _origin(stored, wanted), stored.is_cut, values)


def _origin(stored: Stored, wanted: Wanted) -> Origin:
    pixel_size = stored.pixel_size
    if pixel_size and stored.orientation in SWAPPING_SIDES:
        pixel_size = (pixel_size[1], pixel_size[0])
    page = wanted.page if wanted.projection == "none" else None
    return Origin(stored.pages, page, stored.channels, wanted.projection, pixel_size, stored.axes)


def check_rgb(image: npt.NDArray) -> None:
    """Raise ValueError unless `image` is uint8 (H, W, 3) with at least one pixel."""
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f"an image must be uint8 (H, W, 3), RGB, not {image.dtype} {image.shape}")
    if not image.size:
        raise ValueError(f"an image must have at least one pixel; this one has shape {image.shape}")


def read(path: str | Path, limits: Limits = DEFAULT_LIMITS) -> npt.NDArray[np.uint8]:
    """Return the picture in the file at `path`; see `decode`. Raises OSError if the file cannot be read.

    >>> read("app/static/samples/tissue.png").shape
    (512, 512, 3)
    """
    return decode(Path(path).read_bytes(), limits)


def _decode_tiff(data: bytes, wanted: Wanted) -> Stored:
    limits, page = wanted.limits, wanted.page
    pictures = TiffPictures(data, limits)
    described = Directory.at(data, page_offsets(data, 0)[0])
    if wanted.projection != "none":
        layouts = pictures.layouts()
        layout = layouts[0]
        axes = axes_of(described, layout.size, len(layouts), layout.channels)
        stored = project_tiff(layouts, axes, wanted)
    else:
        check_frames(len(pictures), page, limits)
        layout = pictures.layout(page)
        # A page that takes more is refused when it is read, with a message that says so.
        most = memory_needed("TIFF", limits.max_pixels, len(data), page=page)
        needed = min(memory_for(layout.peak_bytes, len(data)), most)
        # A palette's colours are three channels.
        samples = math.prod(layout.size) * max(layout.channels, 3)
        needed += wanted.bytes_of_values(samples, layout.sample_bytes)
        wanted.before_pixels(layout.size, needed, 1)
        picture, channel = tiff.read(layout, wanted.channel, limits)
        channels = max(layout.channels, channel_count(picture))
        values = own_values(picture, channel) if wanted.keeps_values else None
        stored = Stored(to_rgb(picture, channel), layout.orientation, len(pictures), channels, values=values)
    return replace(
        stored,
        pixel_size=of_tiff(layout.directory, described, layout.size),
        axes=axes_of(described, layout.size, stored.pages, stored.channels),
    )


def _decode_other(file: bytes, file_format: str, wanted: Wanted) -> Stored:
    if wanted.projection != "none" and (projected := project_other(file, file_format, wanted)):
        return projected
    as_sent = vetted(file, file_format, wanted.page, wanted.limits)
    data, is_cut = completed(as_sent.data, file_format)
    whole_file = as_sent._replace(data=data)
    if is_cut and file_format == "JPEG":
        wanted = replace(wanted, enough=whole)  # in a reduced copy, missing pixels could go unnoticed
    stored = _decode_vetted(whole_file, file_format, wanted, file)
    if is_cut and file_format == "JPEG":
        longer = as_sent._replace(data=going_on(data))
        other = _decode_vetted(longer, file_format, replace(wanted, before_pixels=not_told), file)
        if not has_all_scans(data) or not np.array_equal(stored.rgb, other.rgb):
            raise BrokenPicture("the JPEG picture is truncated or corrupt: pixels are missing")
    if file_format == "GIF":
        is_cut = not gif.is_ended(file, wanted.limits)
    return replace(stored, is_cut=is_cut)


def _decode_vetted(file: Vetted, file_format: str, wanted: Wanted, sent: bytes) -> Stored:
    limits, channel = wanted.limits, wanted.channel
    data, page, pages, gone_over = file

    def before_pixels(whole: tuple[int, int], decoded: tuple[int, int]) -> None:
        needed = memory_needed(file_format, math.prod(decoded), len(data), page=page)
        needed += wanted.bytes_of_values(4 * math.prod(decoded), 2)  # 16-bit colours take the most
        wanted.before_pixels(whole, needed, gone_over)

    if file_format in ALLOCATED_ON_OPENING:
        canvas = ALLOCATED_ON_OPENING[file_format](data, limits)
        before_pixels(canvas, canvas)
    with open_picture(io.BytesIO(data), file_format) as image:
        check_size(image.size, limits)
        if pages is None:
            pages = getattr(image, "n_frames", 1)
            check_frames(pages, page, limits)
        if file_format in COMPOSED:
            check_drawn(page + 1, image.size, limits)
        elif page:
            first = image.tell()  # in a HEIC, the primary picture, wherever it lies
            image.seek(page if page > first else page - 1)
            check_size(image.size, limits)
        size = _reduce(image, wanted.enough) if file_format == "JPEG" else None
        if file_format not in ALLOCATED_ON_OPENING:
            # A progressive picture is kept at full size until its last scan, even if it is reduced.
            whole = size or image.size
            before_pixels(whole, whole if "progressive" in image.info else image.size)
        if page and file_format in COMPOSED:
            image.seek(page)
            check_size(image.size, limits)
        picture = _loaded(image, data, file_format, page)
        check_size(image.size, limits)
        return Stored(
            to_rgb(picture, channel),
            orientation_of(image),
            pages,
            channel_count(picture),
            pixel_size_of(image, file_format, sent),
            size,
            values=own_values(picture, channel) if wanted.keeps_values else None,
        )


def _loaded(image: Image.Image, data: bytes, file_format: str, page: int) -> Image.Image | RawPixels:
    """Read the pixels of an opened picture, by Pillow or by a library that reads this kind better."""
    if file_format == "BMP" and bmp.has_run_lengths(data):
        return Image.fromarray(bmp.read_rgb(data))
    if file_format == "PNG" and not page and png.is_deep(data):
        return png.read_raw_pixels(data, image.info.get("icc_profile"))
    image.load()
    return image


def _reduce(image: Image.Image, enough: Enough) -> tuple[int, int]:
    """Have a JPEG decoded at no less than `enough`; return the (width, height) of the whole, upright.

    libjpeg rounds up sides that are not divisible. Content at the far edge then shifts by less than one pixel
    of the reduced picture, and so by less than one pixel of the size that is enough.
    """
    swaps = orientation_of(image) in SWAPPING_SIDES
    size = image.size[::-1] if swaps else image.size
    least = enough(size)
    image.draft(None, least[::-1] if swaps else least)
    return size
