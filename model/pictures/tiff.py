"""TIFF: the pixels of pages for which Pillow has no mode, such as 16-bit colours.

Pillow cuts colours of 16 bits to 8, of which a microscope's 12 bits leave 4, and opens no page of 2 or 5
channels. Such a page is shown to it as a grey one of 8 bits, as wide as a row has bytes: then libtiff unpacks
the strips or tiles, and NumPy makes of the bytes what the tags say.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

from model.pictures.blocks import row_blocks
from model.pictures.colours import Samples
from model.pictures.limits import BrokenPicture, Limits, PictureTooLarge, check_channel
from model.pictures.tiff_directory import with_directory
from model.pictures.tiff_layout import (
    BITS,
    CHANNELS,
    COMPRESSION,
    DIFFERENCES,
    EXTRA,
    FILL_ORDER,
    GREY,
    GREY_INVERTED,
    LENGTH,
    MOST_PIECES,
    OPACITY,
    PHOTOMETRIC,
    PLANAR,
    PREDICTOR,
    PREMULTIPLIED,
    PROFILE,
    RGB,
    ROWS_PER_STRIP,
    SEPARATE_PLANES,
    STRIP_BYTES,
    STRIP_OFFSETS,
    TILE_BYTES,
    TILE_LENGTH,
    TILE_OFFSETS,
    TILE_WIDTH,
    WIDTH,
    Layout,
)

# Bytes for each pixel that the limits allow: four channels of 16 bits, or more channels of a smaller picture.
_MOST_BYTES = 8


def read_samples(layout: Layout, channel: int | None, limits: Limits) -> tuple[Samples, int | None]:
    """The pixels of a page for which Pillow has no mode, not turned upright.

    Args:
        layout: of the page.
        channel: the only one that is wanted, if it is one.
        limits: what it may cost.

    Returns:
        The samples, and the number in them of the channel that was asked for: of separate planes, only its
        own is read.

    Raises:
        NoSuchChannel: `channel` is beyond the last.
        PictureTooLarge: the samples take more bytes than the limits imply.
        Exception: whatever Pillow raises on broken data.
    """
    assert layout.dtype is not None
    if channel is not None:
        check_channel(layout.channels, channel)
    photometric = layout.tag(PHOTOMETRIC, GREY_INVERTED)
    extra = layout.directory.numbers(EXTRA)
    if EXTRA not in layout.directory and photometric == RGB and layout.channels == 4:
        extra = (OPACITY,)
    alpha = next((kind for kind in extra if kind in (PREMULTIPLIED, OPACITY)), None)
    first_extra = layout.channels - len(extra)
    if layout.tag(PLANAR, 1) == SEPARATE_PLANES:
        planes = range(layout.channels) if channel is None else [channel]
        _check_bytes(layout, len(planes), limits)
        values = np.empty((layout.size[1], layout.size[0], len(planes)), layout.dtype)
        for index, plane in enumerate(planes):
            values[:, :, index] = _unpack(layout, plane)[:, :, 0]
        channel = None if channel is None else 0
    else:
        _check_bytes(layout, layout.channels, limits)
        values = _unpack(layout, None)
    profile = layout.directory.content(PROFILE)
    colour = photometric == RGB and layout.channels >= 3
    return (
        Samples(
            values,
            colour=colour,
            alpha=first_extra + extra.index(alpha) if alpha and first_extra > 0 else None,
            premultiplied=alpha == PREMULTIPLIED,
            inverted=photometric == GREY_INVERTED,
            profile=profile if colour else None,
        ),
        channel,
    )


def _check_bytes(layout: Layout, channels: int, limits: Limits) -> None:
    assert layout.dtype is not None
    width, height = layout.unpacked_width, layout.size[1]
    count = width * height * channels * layout.dtype.itemsize
    if count > _MOST_BYTES * limits.max_pixels:
        raise PictureTooLarge(
            f"the picture has {count:,} bytes ({width} x {height} pixels, {channels} channels of"
            f" {8 * layout.dtype.itemsize} bits); at most {_MOST_BYTES * limits.max_pixels:,} are accepted"
        )


def _unpack(layout: Layout, plane: int | None) -> npt.NDArray[np.generic]:
    """(H, W, C) samples, of one plane (C = 1) or, if there are no planes, of all channels."""
    assert layout.dtype is not None
    width, height = layout.size
    channels = layout.channels if plane is None else 1
    read_width = layout.unpacked_width
    pixel_bytes = channels * layout.dtype.itemsize
    file = io.BytesIO(_as_bytes(layout, plane, read_width * pixel_bytes, pixel_bytes))
    packed = np.empty((height, read_width * pixel_bytes), np.uint8)
    with Image.open(file, formats=["TIFF"]) as image:
        image.load()
        for rows in row_blocks(packed.shape):  # Pillow makes two copies of what it hands over
            packed[rows] = np.asarray(image.crop((0, rows.start, packed.shape[1], min(rows.stop, height))))
    values = packed.reshape(-1).view(layout.dtype).reshape(height, read_width, channels)
    if layout.tag(PREDICTOR, 1) == DIFFERENCES and layout.tag(COMPRESSION, 1) != 1:
        if not layout.dtype.isnative:
            values = values.byteswap(inplace=True).view(layout.dtype.newbyteorder("="))
        step = layout.tile[0] if layout.tile else read_width
        for start in range(0, read_width, step):
            part = values[:, start : start + step]
            np.add.accumulate(part, axis=1, dtype=part.dtype, out=part)
    return values[:, :width]


def _as_bytes(layout: Layout, plane: int | None, row_bytes: int, pixel_bytes: int) -> bytes:
    """The file with one more directory, which shows the page as grey of 8 bits, a pixel for each byte."""
    tags: dict[int, Sequence[int]] = {
        WIDTH: [row_bytes],
        LENGTH: [layout.size[1]],
        BITS: [8],
        COMPRESSION: [layout.tag(COMPRESSION, 1)],
        PHOTOMETRIC: [GREY],
        FILL_ORDER: [layout.tag(FILL_ORDER, 1)],
        CHANNELS: [1],
    }
    if layout.tile is None:
        offsets, lengths = STRIP_OFFSETS, STRIP_BYTES
        tags[ROWS_PER_STRIP] = [layout.rows]
    else:
        offsets, lengths = TILE_OFFSETS, TILE_BYTES
        tags |= {TILE_WIDTH: [layout.tile[0] * pixel_bytes], TILE_LENGTH: [layout.tile[1]]}
    first = (plane or 0) * layout.pieces
    for number in (offsets, lengths):
        values = layout.directory.numbers(number, MOST_PIECES)
        tags[number] = values[first : first + layout.pieces]
        if len(tags[number]) != layout.pieces:
            raise BrokenPicture("the TIFF picture is truncated or corrupt: strips or tiles are missing")
    return with_directory(layout.directory.data, tags)
