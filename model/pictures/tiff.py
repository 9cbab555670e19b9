"""TIFF: the pixels of pages for which Pillow has no mode, such as 16-bit colours.

Pillow cuts colours of 16 bits to 8, of which a microscope's 12 bits leave 4, and opens no page of 2 or 5
channels. Such a page is shown to it as a grey one of 8 bits, as wide as a row has bytes: then libtiff unpacks
the strips or tiles, and NumPy makes of the bytes what the tags say.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from model.pictures.colours import Samples, row_blocks
from model.pictures.limits import (
    BrokenPicture,
    Limits,
    PictureTooLarge,
    check_channel,
    check_size,
    check_work,
)
from model.pictures.tiff_directory import Directory, Tag, with_directory
from model.pictures.tiff_pages import byte_order

_WIDTH, _LENGTH, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER = 256, 257, 258, 259, 262, 266
_STRIP_OFFSETS, _ORIENTATION, _CHANNELS, _ROWS_PER_STRIP, _STRIP_BYTES, _PLANAR = 273, 274, 277, 278, 279, 284
_PREDICTOR, _TILE_WIDTH, _TILE_LENGTH, _TILE_OFFSETS, _TILE_BYTES = 317, 322, 323, 324, 325
_EXTRA, _SAMPLE_FORMAT, _PROFILE = 338, 339, 34675

_GREY_INVERTED, _GREY, _RGB = 0, 1, 2
_PREMULTIPLIED, _OPACITY = 1, 2
_SEPARATE_PLANES = 2
_DIFFERENCES = 2

# Compressions of bytes, whatever they mean: none, LZW, deflate (it has two numbers), PackBits, LZMA, Zstd
_LOSSLESS = (1, 5, 8, 32946, 32773, 34925, 50000)

_KINDS = {1: "u", 2: "i", 3: "f"}
_TYPES = ("u1", "i1", "u2", "i2", "f2", "u4", "i4", "f4", "u8", "i8", "f8")

# What Pillow and libtiff unpack pixels by, beside offsets and lengths, and how many values each may have.
_NEEDED = {
    **dict.fromkeys(
        (_WIDTH, _LENGTH, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER, _CHANNELS, _ROWS_PER_STRIP), 1
    ),
    **dict.fromkeys((_PLANAR, _PREDICTOR, _TILE_WIDTH, _TILE_LENGTH), 1),
    **dict.fromkeys((_BITS, _EXTRA, _SAMPLE_FORMAT), 65_535),  # one a channel
    **dict.fromkeys((292, 293), 1),  # options of fax compressions
    320: 3 << 16,  # palette
    **dict.fromkeys((332, 334), 1),  # inks
    347: 1 << 16,  # tables of JPEG
    **dict.fromkeys(range(512, 522), 64),  # of JPEG as it was first
    **dict.fromkeys((529, 530, 531, 532), 6),  # YCbCr
    50674: 16,  # LERC
}

# Pillow makes an object of each strip. A picture of 50 megapixels in tiles of 32 has half as many.
_MOST_PIECES = 100_000

# libtiff copies a strip before it unpacks it, if only a part, and strips may be the same bytes: 0.3 s.
_MOST_COPIED = 256 << 20

# Bytes for each pixel that the limits allow: four channels of 16 bits, or more channels of a smaller picture.
_MOST_BYTES = 8


@dataclass(frozen=True)
class Layout:
    """How the pixels of a page are stored.

    Attributes:
        directory: all tags.
        size: (width, height) as stored.
        tile: (width, height) of a tile; None where the page is in strips.
        channels: how many samples a pixel has.
        dtype: of a sample, in the file's byte order; None for one that is no whole number of bytes.
        orientation: EXIF's number.
    """

    directory: Directory
    size: tuple[int, int]
    tile: tuple[int, int] | None
    channels: int
    dtype: np.dtype | None
    orientation: int

    def tag(self, number: int, default: int) -> int:
        """A tag's first or only value."""
        return self.directory.first(number, default)

    @property
    def unpacked_width(self) -> int:
        """In pixels, what is unpacked of a row: of tiles, all to their ends."""
        return -(-self.size[0] // self.tile[0]) * self.tile[0] if self.tile else self.size[0]

    @property
    def equal_pixels(self) -> int:
        """How many pixels of four channels of 16 bits take as much memory to decode as this page."""
        item_bytes = 1 if self.dtype is None else self.dtype.itemsize
        samples = self.unpacked_width * self.size[1] * self.channels
        # Whatever the samples, RGB is made of them: of 8 bits that takes two fifths of the memory.
        return max(2 * self.size[0] * self.size[1] // 5, samples * item_bytes // _MOST_BYTES)

    @property
    def rows(self) -> int:
        """Of a strip."""
        return max(1, min(self.tag(_ROWS_PER_STRIP, self.size[1]), self.size[1]))

    @property
    def pieces(self) -> int:
        """How many strips or tiles a page has, or each of its planes."""
        if self.tile is None:
            return -(-self.size[1] // self.rows)
        return -(-self.size[0] // self.tile[0]) * -(-self.size[1] // self.tile[1])

    @property
    def known_to_pillow(self) -> bool:
        """Whether Pillow reads all there is, or reads it better: CMYK, JPEG inside, a palette, bits."""
        photometric = self.tag(_PHOTOMETRIC, _GREY_INVERTED)
        if (
            self.dtype is None
            or photometric not in (_GREY_INVERTED, _GREY, _RGB)
            or self.tag(_COMPRESSION, 1) not in _LOSSLESS
            or (self.dtype.kind == "f" and self.tag(_PREDICTOR, 1) not in (1, _DIFFERENCES))
        ):
            return True
        if self.dtype != np.uint8:
            return False
        return self.channels == 1 or (photometric == _RGB and self.channels <= 4)


def read_layout(data: bytes, offset: int, limits: Limits) -> Layout:
    """How the page is stored whose directory lies at `offset`.

    Raises:
        PictureTooLarge: the page is beyond the limits, or one of its tiles: libtiff allocates a whole one
            even for a picture of one pixel. Or it is cut into too many strips or tiles.
        BrokenPicture: its tags make no sense.
    """
    directory = Directory.at(data, offset)
    size = (directory.first(_WIDTH, 0), directory.first(_LENGTH, 0))
    tile = None
    if _TILE_WIDTH in directory:
        tile = (directory.first(_TILE_WIDTH, 0), directory.first(_TILE_LENGTH, 0))
    channels = directory.first(_CHANNELS, 1)
    if min(*size, *(tile or ()), channels) < 1:
        raise BrokenPicture("the TIFF picture is truncated or corrupt: it has no size")
    for sides in (size, tile or size):
        check_size(sides, limits)
    bits, kinds = directory.numbers(_BITS) or (1,), directory.numbers(_SAMPLE_FORMAT) or (1,)
    dtype = None
    if len(set(bits)) == 1 and len(set(kinds)) == 1:
        name = f"{_KINDS.get(kinds[0], 'u')}{bits[0] // 8}"
        if bits[0] % 8 == 0 and name in _TYPES:
            dtype = np.dtype(byte_order(data) + name)
    layout = Layout(directory, size, tile, channels, dtype, directory.first(_ORIENTATION, 1))
    _check_pieces(layout, limits)
    return layout


def _check_pieces(layout: Layout, limits: Limits) -> None:
    """Raise PictureTooLarge unless strips or tiles are few enough, and what they unpack to."""
    directory = layout.directory
    numbers = (_STRIP_OFFSETS, _STRIP_BYTES, _TILE_OFFSETS, _TILE_BYTES)
    planes = layout.channels if layout.tag(_PLANAR, 1) == _SEPARATE_PLANES else 1
    count = max(layout.pieces * planes, *(directory.tags[n].count for n in numbers if n in directory), 0)
    if count > _MOST_PIECES:
        raise PictureTooLarge(
            f"the TIFF picture is cut into {count:,} strips or tiles; at most {_MOST_PIECES:,} are accepted"
        )
    if layout.tile:
        check_work(layout.pieces * layout.tile[0] * layout.tile[1], limits)
    file_bytes = len(directory.data)
    for lengths in (_STRIP_BYTES, _TILE_BYTES):
        copied = sum(min(length, file_bytes) for length in directory.numbers(lengths, _MOST_PIECES))
        if copied > 4 * file_bytes + _MOST_COPIED:
            raise BrokenPicture("the TIFF picture is corrupt: its strips or tiles overlap")


def vetted(layout: Layout) -> bytes:
    """The file as if it had this page alone, of which Pillow sees what it needs, without orientation.

    Raises:
        BrokenPicture: a tag has more values than make sense.
    """
    directory = layout.directory
    tags: dict[int, Tag] = {}
    for number, most in _NEEDED.items():
        if number in directory:
            directory.check_count(number, most)
            tags[number] = directory.tags[number]
    for number in (_STRIP_OFFSETS, _STRIP_BYTES, _TILE_OFFSETS, _TILE_BYTES):
        if number in directory:
            tags[number] = directory.tags[number]
    if directory.content(_PROFILE):
        tags[_PROFILE] = directory.tags[_PROFILE]
    return with_directory(directory.data, tags)


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
    photometric = layout.tag(_PHOTOMETRIC, _GREY_INVERTED)
    extra = layout.directory.numbers(_EXTRA)
    if _EXTRA not in layout.directory and photometric == _RGB and layout.channels == 4:
        extra = (_OPACITY,)
    alpha = next((kind for kind in extra if kind in (_PREMULTIPLIED, _OPACITY)), None)
    first_extra = layout.channels - len(extra)
    if layout.tag(_PLANAR, 1) == _SEPARATE_PLANES:
        planes = range(layout.channels) if channel is None else [channel]
        _check_bytes(layout, len(planes), limits)
        values = np.empty((layout.size[1], layout.size[0], len(planes)), layout.dtype)
        for index, plane in enumerate(planes):
            values[:, :, index] = _unpack(layout, plane)[:, :, 0]
        channel = None if channel is None else 0
    else:
        _check_bytes(layout, layout.channels, limits)
        values = _unpack(layout, None)
    profile = layout.directory.content(_PROFILE)
    colour = photometric == _RGB and layout.channels >= 3
    return (
        Samples(
            values,
            colour=colour,
            alpha=first_extra + extra.index(alpha) if alpha and first_extra > 0 else None,
            premultiplied=alpha == _PREMULTIPLIED,
            inverted=photometric == _GREY_INVERTED,
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
    if layout.tag(_PREDICTOR, 1) == _DIFFERENCES and layout.tag(_COMPRESSION, 1) != 1:
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
        _WIDTH: [row_bytes],
        _LENGTH: [layout.size[1]],
        _BITS: [8],
        _COMPRESSION: [layout.tag(_COMPRESSION, 1)],
        _PHOTOMETRIC: [_GREY],
        _FILL_ORDER: [layout.tag(_FILL_ORDER, 1)],
        _CHANNELS: [1],
    }
    if layout.tile is None:
        offsets, lengths = _STRIP_OFFSETS, _STRIP_BYTES
        tags[_ROWS_PER_STRIP] = [layout.rows]
    else:
        offsets, lengths = _TILE_OFFSETS, _TILE_BYTES
        tags |= {_TILE_WIDTH: [layout.tile[0] * pixel_bytes], _TILE_LENGTH: [layout.tile[1]]}
    first = (plane or 0) * layout.pieces
    for number in (offsets, lengths):
        values = layout.directory.numbers(number, _MOST_PIECES)
        tags[number] = values[first : first + layout.pieces]
        if len(tags[number]) != layout.pieces:
            raise BrokenPicture("the TIFF picture is truncated or corrupt: strips or tiles are missing")
    return with_directory(layout.directory.data, tags)
