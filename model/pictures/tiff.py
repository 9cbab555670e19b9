"""TIFF: reads the pixels of a page.

tifffile interprets strips and tiles of any depth, and imagecodecs decompresses them. They see only the few
tags that decoding needs, never the file. Colours that only libtiff converts are read through Pillow.
"""

from __future__ import annotations

import io
import logging
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from model.pictures.blocks import row_blocks
from model.pictures.colours import RawPixels
from model.pictures.jpeg import jpeg_scans
from model.pictures.limits import (
    BrokenPicture,
    Limits,
    NotAPicture,
    PictureTooLarge,
    check_channel,
    check_scans,
)
from model.pictures.tiff_directory import with_directory
from model.pictures.tiff_layout import (
    BITS,
    CHANNELS,
    CMYK,
    COMPRESSION,
    DEFLATES,
    EXTRA,
    FAX_OPTIONS,
    FILL_ORDER,
    GREY,
    GREY_INVERTED,
    INDEXED,
    JPEG_TABLES,
    JPEGS,
    LENGTH,
    LINEAR,
    OPACITY,
    PACKBITS,
    PALETTE,
    PHOTOMETRIC,
    PLANAR,
    PREDICTOR,
    PREMULTIPLIED,
    PROFILE,
    RGB,
    ROWS_PER_STRIP,
    SAMPLE_FORMAT,
    SEPARATE_PLANES,
    TILE_LENGTH,
    TILE_WIDTH,
    WIDTH,
    YCBCR,
    ZSTDS,
    Layout,
    vetted,
)
from model.pictures.tiff_pages import byte_order

if TYPE_CHECKING:  # the service's own process decodes nothing, and does not load tifffile
    from tifffile import TiffPage

# Bytes for each pixel that the limits allow: four channels of 16 bits, or more channels of a smaller picture.
_MOST_BYTES = 8

# The tags that are needed to decode strips and tiles, in addition to the values of a `Layout`.
_SHOWN = (BITS, EXTRA, FAX_OPTIONS, FILL_ORDER, SAMPLE_FORMAT, TILE_WIDTH, TILE_LENGTH)

_COLOURS = (RGB, INDEXED, YCBCR, LINEAR)


def read(layout: Layout, channel: int | None, limits: Limits) -> tuple[Image.Image | RawPixels, int | None]:
    """Return the pixels of a page as stored, not upright, and the index in them of the requested channel.

    Args:
        layout: the layout of the page.
        channel: the only channel that is requested, or None; of separate planes, only this one is read.
        limits: the limits on the picture.

    Raises:
        NotAPicture: the samples are of a kind that is not supported.
        NoSuchChannel: the picture has no channel with that number.
        PictureTooLarge: the samples take more bytes than the limits imply.
        Exception: whatever libraries raise on broken data.
    """
    if layout.is_for_libtiff:
        with Image.open(io.BytesIO(vetted(layout)), formats=["TIFF"]) as image:
            image.load()
            return image, channel
    extra = layout.directory.numbers(EXTRA)
    if EXTRA not in layout.directory and layout.photometric == RGB and layout.channels == 4:
        extra = (OPACITY,)
    own = layout.channels - len(extra)
    alpha = next((own + index for index, kind in enumerate(extra) if kind in (PREMULTIPLIED, OPACITY)), None)
    if own < 1:
        alpha = None
    planes = range(layout.channels)
    if channel is not None and layout.in_planes and layout.photometric not in (INDEXED, CMYK):
        check_channel(layout.channels, channel)
        planes, channel, alpha = range(channel, channel + 1), 0, None
    _check_bytes(layout, len(planes), limits)
    values = _unpacked(layout, planes, limits)
    profile = layout.directory.content(PROFILE)
    if layout.photometric == CMYK and layout.channels >= 4 and values.dtype.kind == "u":
        return _image("CMYK", _eight_bits(values[:, :, :4]), profile), channel
    if layout.stays_ycbcr and values.dtype == np.uint8 and values.shape[2] == 3:
        return _image("YCbCr", values, profile), channel
    if layout.photometric == INDEXED:
        values, alpha = _coloured(layout, values, alpha), alpha and 3
    pixels = RawPixels(
        values,
        colour=layout.photometric in _COLOURS and values.shape[2] >= 3,
        alpha=alpha,
        premultiplied=alpha is not None and PREMULTIPLIED in extra,
        inverted=layout.photometric == GREY_INVERTED and values.dtype != np.uint8,
        profile=profile,
        shift=_shift(values.dtype, layout.bits),
    )
    if mode := _mode(pixels):
        return _image(mode, values, profile), channel
    return pixels, channel


def _check_bytes(layout: Layout, channels: int, limits: Limits) -> None:
    width, height = layout.unpacked_width, layout.size[1]
    count = width * height * channels * layout.sample_bytes
    if count > _MOST_BYTES * limits.max_pixels:
        raise PictureTooLarge(
            f"the picture has {count:,} bytes ({width} x {height} pixels, {channels} channels of"
            f" {8 * layout.sample_bytes} bits); at most {_MOST_BYTES * limits.max_pixels:,} are accepted"
        )


def _unpacked(layout: Layout, planes: range, limits: Limits) -> npt.NDArray[Any]:
    """Return (H, W, C) samples of these planes, or of all channels; 0 where the file omits a strip or tile.

    Whole numbers of a depth that NumPy does not have are scaled up to the next depth.
    """
    page = _page(layout)
    if page.dtype is None or page.dtype.kind == "c":
        raise NotAPicture(
            f"the TIFF picture has samples of {layout.bits} bits in sample format"
            f" {layout.tag(SAMPLE_FORMAT, 1)}, which is not accepted: save it again with 8 or 16 bits"
        )
    width, height = layout.size
    if layout.in_planes:
        values = np.zeros((len(planes), height, width, 1), page.dtype)
        numbers = range(planes.start * layout.pieces, planes.stop * layout.pieces)
    else:
        values = np.zeros((1, height, width, layout.channels), page.dtype)
        numbers = range(layout.pieces)
    scans, tables, places = 0, {}, layout.places()
    if layout.compression in JPEGS:
        tables["jpegtables"] = layout.directory.content(JPEG_TABLES)
    for number in numbers:
        offset, length = places[number]
        if not offset:
            continue
        piece = layout.directory.data[offset : offset + length]
        if layout.compression in JPEGS:
            if len(piece) < length:
                raise BrokenPicture("the TIFF picture is truncated")
            scans += jpeg_scans(piece)
            check_scans(scans, layout.tile or (width, layout.rows), limits)
        try:
            part, (plane, _, top, left, _), _ = page.decode(piece, number, **tables)
        except Exception:
            shortened = _shortened(piece, layout, number)
            if shortened is None:
                raise
            part, (plane, _, top, left, _), _ = page.decode(shortened, number, **tables)
        assert part is not None  # tifffile returns None only for a piece without data
        if values.dtype != bool and not np.can_cast(part.dtype, values.dtype):
            raise BrokenPicture(
                f"the TIFF picture is corrupt: it declares {values.dtype} samples, but has {part.dtype}"
            )
        part = part[0, : height - top, : width - left]
        if len(numbers) == 1 and part.shape == values.shape[1:]:
            values = part.astype(values.dtype, copy=False)[
                np.newaxis
            ]  # not copied, because there may be no memory for a copy
            break
        values[plane - planes.start, top : top + part.shape[0], left : left + part.shape[1]] = part
    samples = np.moveaxis(values[..., 0], 0, 2) if layout.in_planes else values[0]
    if layout.photometric == INDEXED:
        return samples
    samples = _full_range(samples, layout.bits)
    if layout.photometric == GREY_INVERTED and samples.dtype == np.uint8:
        return np.invert(samples, out=samples if samples.flags.writeable else None)
    return samples


def _shortened(piece: bytes, layout: Layout, number: int) -> bytes | None:
    """Compress a strip or tile again without the data beyond its rows; None for other compressions.

    Some writers pad the last strip. libdeflate and Zstd reject a stream with more bytes than expected, and
    imagecodecs does so for PackBits.
    """
    import imagecodecs

    rows = layout.tile[1] if layout.tile else layout.rows
    if layout.tile is None:
        rows = min(rows, layout.size[1] - number % layout.pieces * rows)
    length = layout.row_bytes * rows
    if layout.tag(FILL_ORDER, 1) != 1:
        return None
    if layout.compression in DEFLATES:
        return zlib.compress(zlib.decompressobj().decompress(piece, length), 0)
    if layout.compression in ZSTDS:
        return bytes(imagecodecs.zstd_encode(imagecodecs.zstd_decode(piece)[:length], 1))
    if layout.compression == PACKBITS:
        return bytes(imagecodecs.packbits_encode(imagecodecs.packbits_decode(piece)[:length]))
    return None


def _page(layout: Layout) -> TiffPage:
    """Return the page as tifffile reads it, from a file that has only its tags."""
    from tifffile import TiffFile

    logging.getLogger("tifffile").disabled = True  # it would warn that the page has no pixels
    photometric = {LINEAR: RGB}.get(layout.photometric, layout.photometric)
    as_jpeg = layout.compression in JPEGS and not layout.in_planes and photometric in (RGB, CMYK, YCBCR)
    tags: dict[int, Sequence[int]] = {number: layout.directory.numbers(number) for number in _SHOWN}
    tags |= {
        WIDTH: [layout.size[0]],
        LENGTH: [layout.size[1]],
        COMPRESSION: [layout.compression],
        PHOTOMETRIC: [photometric if as_jpeg else GREY],  # matters for JPEG only
        CHANNELS: [layout.channels],
        ROWS_PER_STRIP: [layout.rows],
        PLANAR: [SEPARATE_PLANES if layout.in_planes else 1],
        PREDICTOR: [layout.predictor],
    }
    header = {"<": b"II*", ">": b"MM\0*"}[byte_order(layout.directory.data)].ljust(8, b"\0")
    file = with_directory(header, {number: values for number, values in tags.items() if values})
    page = TiffFile(io.BytesIO(file)).pages.first
    # A JFIF header tells the colours better than the tag. tifffile would look for it in its own file.
    if layout.compression in JPEGS:
        start = layout.places()[0][0]
        page.is_jfif = layout.directory.data[start + 6 : start + 10] == b"JFIF"
    return page


def _full_range(values: npt.NDArray[Any], bits: int) -> npt.NDArray[Any]:
    """Scale whole numbers of `bits` bits, such as 1, 10, 12 or 14, to the whole range of their type."""
    if values.dtype == bool:
        return values.view(np.uint8) * np.uint8(255)
    if values.dtype.kind != "u" or bits >= 8 * values.dtype.itemsize:
        return values
    if values.dtype == np.uint8:
        scaled = np.minimum(np.arange(256) * 255 // (2**bits - 1), 255).astype(np.uint8)
        for rows in row_blocks(values.shape):
            values[rows] = scaled[values[rows]]
        return values
    return np.left_shift(values, _shift(values.dtype, bits), out=values)


def _shift(dtype: np.dtype, bits: int) -> int:
    """Return by how many bits `_full_range` shifts samples of `bits` bits; 0 if it does not shift them."""
    if dtype.kind != "u" or dtype == np.uint8:
        return 0
    return max(0, 8 * dtype.itemsize - bits)


def _coloured(layout: Layout, indices: npt.NDArray[Any], alpha: int | None) -> npt.NDArray[np.uint8]:
    """Return uint8 (H, W, 3) of a page with a palette, or (H, W, 4) if it has opacity."""
    numbers = np.array(layout.directory.numbers(PALETTE, 3 << 16), np.uint32)
    if not numbers.size or indices.dtype.kind not in "ub":
        raise BrokenPicture("the TIFF picture is corrupt: it has no palette")
    if numbers.max() > 255:  # otherwise, the writer stored 8-bit values
        numbers >>= 8
    colours = numbers.astype(np.uint8).reshape(3, -1).T
    coloured = np.empty((*indices.shape[:2], 3 if alpha is None else 4), np.uint8)
    for rows in row_blocks(coloured.shape):
        coloured[rows, :, :3] = np.take(colours, indices[rows, :, 0], axis=0, mode="clip")
    if alpha is not None:
        coloured[:, :, 3] = _full_range(indices[:, :, alpha], layout.bits)
    return coloured


def _eight_bits(values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Return the upper 8 bits of unsigned whole numbers."""
    scaled = np.empty(values.shape, np.uint8)
    return np.right_shift(values, 8 * (values.dtype.itemsize - 1), out=scaled, casting="unsafe")


def _mode(pixels: RawPixels) -> str | None:
    """Return Pillow's mode for 8-bit samples with opacity or a profile, which Pillow converts; else None."""
    channels = pixels.values.shape[2]
    if pixels.values.dtype != np.uint8 or pixels.premultiplied or pixels.inverted:
        return None
    if pixels.alpha is None and not pixels.profile:
        return None
    mode = "RGB" if pixels.colour else "L"
    if pixels.alpha is not None:
        mode += "A"
    return mode if channels == len(mode) and pixels.alpha in (None, channels - 1) else None


def _image(mode: str, values: npt.NDArray[np.uint8], profile: bytes | None) -> Image.Image:
    """Return (H, W, C) values as a Pillow image."""
    height, width, _ = values.shape
    image = Image.frombuffer(mode, (width, height), np.ascontiguousarray(values), "raw", mode, 0, 1)
    if profile:
        image.info["icc_profile"] = profile
    return image
