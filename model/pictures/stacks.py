"""Stacks: reads all pages or frames of a file, one after the other, and projects them to one picture."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from PIL import Image

from model.pictures import tiff
from model.pictures.colours import RawPixels, as_raw_pixels, channel_count, own_values, raw_pixels_to_rgb
from model.pictures.limits import (
    PagesDiffer,
    PictureTooLarge,
    check_channel,
    check_frames,
    check_size,
    check_work,
    memory_for,
    memory_needed,
    most_memory_needed,
)
from model.pictures.opening import ALLOCATED_ON_OPENING, open_picture, orientation_of, pixel_size_of
from model.pictures.origin import Axes
from model.pictures.projection import Projection, check_sizes_alike, memory_beside, project
from model.pictures.tiff_layout import Layout
from model.pictures.vetting import vetted
from model.pictures.wanted import Stored, Wanted

_Picture = Image.Image | RawPixels

_MEAN_BYTES = 8  # the mean of samples is a float64


def project_tiff(layouts: Sequence[Layout], axes: Axes, wanted: Wanted) -> Stored:
    """Return the projection of the pages of a TIFF, without its pixel size.

    If each page is one channel, as `axes` say, and a channel is wanted, these are the pages of that channel.

    Raises:
        PictureTooLarge: the pages have too many pixels in all.
        PagesDiffer: the pages differ in size or kind.
        NoSuchChannel: there is no such channel.
    """
    if axes.channels == 1 or layouts[0].channels > 1:
        return _projected_tiff(layouts, wanted)
    pages, channel = layouts, wanted.channel
    if channel is not None:
        check_channel(axes.channels, channel)
        pages = [layout for page, layout in enumerate(layouts) if axes.is_of_channel(page, channel)]
    stored = _projected_tiff(pages, replace(wanted, channel=None))
    return replace(stored, pages=len(layouts), channels=axes.channels)


def _projected_tiff(layouts: Sequence[Layout], wanted: Wanted) -> Stored:
    """Return the projection of these pages. Raises PictureTooLarge, PagesDiffer."""
    first, limits, how = layouts[0], wanted.limits, wanted.projection
    for number, layout in enumerate(layouts):
        check_sizes_alike(number, first.size, layout.size)
        if layout.channels != first.channels:
            raise PagesDiffer(
                f"a projection needs pages of one kind, but page 0 has {first.channels} channels and page"
                f" {number} has {layout.channels}; ask for one page by its number"
            )
    check_work(sum(map(_worked_on, layouts)), limits)
    file_bytes = len(first.directory.data)
    # A page that takes more is refused when it is read, with a message that says so.
    needed = memory_for(max(layout.peak_bytes for layout in layouts), file_bytes)
    needed = min(needed, memory_needed("TIFF", limits.max_pixels, file_bytes))
    # Pages of 8 bits a channel may be projected as they are shown, in three channels.
    channels = first.channels if first.sample_bytes > 1 else max(first.channels, 3)
    samples = math.prod(first.size) * channels
    needed += memory_beside(samples, first.sample_bytes, how)
    of_values = wanted.bytes_of_values(samples, _MEAN_BYTES if how == "mean" else first.sample_bytes)
    _announce(first.size, needed, of_values, len(layouts), file_bytes, wanted)
    pictures = (tiff.read(layout, wanted.channel, limits) for layout in layouts)
    projected, channel, shown = _projected(pictures, how)
    return Stored(
        raw_pixels_to_rgb(projected, channel),
        first.orientation,
        len(layouts),
        max(first.channels, shown),
        values=own_values(projected, channel) if wanted.keeps_values else None,
    )


def _worked_on(layout: Layout) -> int:
    """Return the pixels of a page, counted as more if a pixel has over 8 bytes: four channels of 16 bits."""
    pixels = math.prod(layout.size)
    return max(pixels, pixels * layout.channels * layout.sample_bytes // 8)


def project_other(file: bytes, file_format: str, wanted: Wanted) -> Stored | None:
    """Return the projection of a non-TIFF file's pages or frames as they are shown; None for a single one.

    Raises:
        PictureTooLarge: the pages have too many pixels in all.
        PagesDiffer: the pages differ in size or kind.
    """
    data, _, pages, _ = vetted(file, file_format, 0, wanted.limits)
    if pages is None:
        with open_picture(io.BytesIO(data), file_format) as image:
            pages = getattr(image, "n_frames", 1)
    check_frames(pages, 0, wanted.limits)
    if pages == 1:
        return None
    orientation, pixel_size = 1, None

    def pictures() -> Iterator[tuple[_Picture, int | None]]:
        nonlocal orientation, pixel_size
        for number, image in enumerate(_loaded(file, file_format, pages, wanted)):
            if not number:
                orientation, pixel_size = orientation_of(image), pixel_size_of(image, file_format, file)
            yield image, wanted.channel

    projected, channel, channels = _projected(pictures(), wanted.projection)
    rgb = raw_pixels_to_rgb(projected, channel)
    values = own_values(projected, channel) if wanted.keeps_values else None
    return Stored(rgb, orientation, pages, channels, pixel_size, values=values)


def _projected(
    pictures: Iterable[tuple[_Picture, int | None]], how: Projection
) -> tuple[RawPixels, int | None, int]:
    """Return the projection, the index of the requested channel in it, and how many channels a page has."""
    channel: int | None = None
    channels = 0

    def raw_pages() -> Iterator[RawPixels]:
        nonlocal channel, channels
        for picture, number in pictures:
            channels = channel_count(picture)
            page, channel = as_raw_pixels(picture, number)
            yield page

    projected = project(raw_pages(), how)
    return projected, channel, channels


def _loaded(file: bytes, file_format: str, pages: int, wanted: Wanted) -> Iterator[Image.Image]:
    """Yield each page or frame with its pixels; all must have one size."""
    limits = wanted.limits

    def prepare(size: tuple[int, int]) -> None:
        pixels = math.prod(size)
        check_work(pages * pixels, limits)
        needed = memory_needed(file_format, pixels, len(file), page=1)
        needed += memory_beside(3 * pixels, 1, wanted.projection)
        of_values = wanted.bytes_of_values(3 * pixels, _MEAN_BYTES)
        _announce(size, needed, of_values, pages, len(file), wanted)

    if file_format in ALLOCATED_ON_OPENING:
        prepare(ALLOCATED_ON_OPENING[file_format](file, limits))
    first: tuple[int, int] | None = None
    for number, image in enumerate(_opened(file, file_format, pages, wanted)):
        check_size(image.size, limits)
        if first is None:
            first = image.size
            if file_format not in ALLOCATED_ON_OPENING:
                prepare(first)
        check_sizes_alike(number, first, image.size)
        image.load()
        check_sizes_alike(number, first, image.size)
        yield image


def _announce(
    size: tuple[int, int], needed: int, of_values: int, pages: int, file_bytes: int, wanted: Wanted
) -> None:
    """Announce the memory that a projection takes, and its own values; raise if it takes too much.

    Without the values, it may take as much as a single picture.
    """
    if needed > most_memory_needed(wanted.limits, file_bytes):
        raise PictureTooLarge(
            f"the pages of {size[0]} x {size[1]} pixels are too large for a projection:"
            " ask for one page by its number"
        )
    wanted.before_pixels(size, needed + of_values, pages)


def _opened(file: bytes, file_format: str, pages: int, wanted: Wanted) -> Iterator[Image.Image]:
    """Yield each page or frame with its header read."""
    if file_format == "JPEG":
        for page in range(pages):
            data = vetted(file, file_format, page, wanted.limits).data
            with open_picture(io.BytesIO(data), file_format) as image:
                yield image
        return
    data = vetted(file, file_format, pages - 1, wanted.limits).data  # keeps all frames of a GIF
    with open_picture(io.BytesIO(data), file_format) as image:
        for page in range(pages):
            image.seek(page)
            yield image
