"""TIFF layouts: how a page is stored, by its tags, and the file as Pillow may see it."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np

from model.pictures.limits import BrokenPicture, Limits, PictureTooLarge, check_size, check_work
from model.pictures.tiff_directory import Directory, Tag, with_directory
from model.pictures.tiff_pages import byte_order

WIDTH, LENGTH, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER = 256, 257, 258, 259, 262, 266
STRIP_OFFSETS, _ORIENTATION, CHANNELS, ROWS_PER_STRIP, STRIP_BYTES, PLANAR = 273, 274, 277, 278, 279, 284
PREDICTOR, TILE_WIDTH, TILE_LENGTH, TILE_OFFSETS, TILE_BYTES = 317, 322, 323, 324, 325
EXTRA, _SAMPLE_FORMAT, PROFILE = 338, 339, 34675

GREY_INVERTED, GREY, RGB = 0, 1, 2
PREMULTIPLIED, OPACITY = 1, 2
SEPARATE_PLANES = 2
DIFFERENCES = 2

# Compressions of bytes, whatever they mean: none, LZW, deflate (it has two numbers), PackBits, LZMA, Zstd
_LOSSLESS = (1, 5, 8, 32946, 32773, 34925, 50000)

_KINDS = {1: "u", 2: "i", 3: "f"}
_TYPES = ("u1", "i1", "u2", "i2", "f2", "u4", "i4", "f4", "u8", "i8", "f8")

# What Pillow and libtiff unpack pixels by, beside offsets and lengths, and how many values each may have.
_NEEDED = {
    **dict.fromkeys((WIDTH, LENGTH, COMPRESSION, PHOTOMETRIC, FILL_ORDER, CHANNELS, ROWS_PER_STRIP), 1),
    **dict.fromkeys((PLANAR, PREDICTOR, TILE_WIDTH, TILE_LENGTH), 1),
    **dict.fromkeys((BITS, EXTRA, _SAMPLE_FORMAT), 65_535),  # one a channel
    **dict.fromkeys((292, 293), 1),  # options of fax compressions
    320: 3 << 16,  # palette
    **dict.fromkeys((332, 334), 1),  # inks
    347: 1 << 16,  # tables of JPEG
    **dict.fromkeys(range(512, 522), 64),  # of JPEG as it was first
    **dict.fromkeys((529, 530, 531, 532), 6),  # YCbCr
    50674: 16,  # LERC
}

# Of a progressive JPEG in each strip, as of a JPEG with all pixels in `limits`. libtiff reads it.
os.environ.setdefault("LIBTIFF_JPEG_MAX_ALLOWED_SCAN_NUMBER", "20")

# Pillow makes an object of each strip. A picture of 50 megapixels in tiles of 32 has half as many.
MOST_PIECES = 100_000

# libtiff copies a strip before it unpacks it, if only a part, and strips may be the same bytes: 0.3 s.
_MOST_COPIED = 256 << 20


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
    def sample_bytes(self) -> int:
        """Bytes of a sample once it is unpacked."""
        return 1 if self.dtype is None else self.dtype.itemsize

    @property
    def unpacked_width(self) -> int:
        """In pixels, what is unpacked of a row: of tiles, all to their ends."""
        return -(-self.size[0] // self.tile[0]) * self.tile[0] if self.tile else self.size[0]

    @property
    def equal_pixels(self) -> int:
        """How many pixels of four channels of 16 bits take as much memory to decode as this page."""
        samples = self.unpacked_width * self.size[1] * self.channels
        # Whatever the samples, RGB is made of them: of 8 bits that takes two fifths of the memory.
        return max(2 * self.size[0] * self.size[1] // 5, samples * self.sample_bytes // 8)

    @property
    def rows(self) -> int:
        """Of a strip."""
        return max(1, min(self.tag(ROWS_PER_STRIP, self.size[1]), self.size[1]))

    @property
    def pieces(self) -> int:
        """How many strips or tiles a page has, or each of its planes."""
        if self.tile is None:
            return -(-self.size[1] // self.rows)
        return -(-self.size[0] // self.tile[0]) * -(-self.size[1] // self.tile[1])

    @property
    def known_to_pillow(self) -> bool:
        """Whether Pillow reads all there is, or reads it better: CMYK, JPEG inside, a palette, bits."""
        photometric = self.tag(PHOTOMETRIC, GREY_INVERTED)
        if (
            self.dtype is None
            or photometric not in (GREY_INVERTED, GREY, RGB)
            or self.tag(COMPRESSION, 1) not in _LOSSLESS
            or (self.dtype.kind == "f" and self.tag(PREDICTOR, 1) not in (1, DIFFERENCES))
        ):
            return True
        if self.dtype != np.uint8:
            return False
        return self.channels == 1 or (photometric == RGB and self.channels <= 4)


def read_layout(data: bytes, offset: int, limits: Limits) -> Layout:
    """How the page is stored whose directory lies at `offset`.

    Raises:
        PictureTooLarge: the page is beyond the limits, or one of its tiles: libtiff allocates a whole one
            even for a picture of one pixel. Or it is cut into too many strips or tiles.
        BrokenPicture: its tags make no sense.
    """
    directory = Directory.at(data, offset)
    size = (directory.first(WIDTH, 0), directory.first(LENGTH, 0))
    tile = None
    if TILE_WIDTH in directory:
        tile = (directory.first(TILE_WIDTH, 0), directory.first(TILE_LENGTH, 0))
    channels = directory.first(CHANNELS, 1)
    if min(*size, *(tile or ()), channels) < 1:
        raise BrokenPicture("the TIFF picture is truncated or corrupt: it has no size")
    for sides in (size, tile or size):
        check_size(sides, limits)
    bits, kinds = directory.numbers(BITS) or (1,), directory.numbers(_SAMPLE_FORMAT) or (1,)
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
    numbers = (STRIP_OFFSETS, STRIP_BYTES, TILE_OFFSETS, TILE_BYTES)
    planes = layout.channels if layout.tag(PLANAR, 1) == SEPARATE_PLANES else 1
    count = max(layout.pieces * planes, *(directory.tags[n].count for n in numbers if n in directory), 0)
    if count > MOST_PIECES:
        raise PictureTooLarge(
            f"the TIFF picture is cut into {count:,} strips or tiles; at most {MOST_PIECES:,} are accepted"
        )
    if layout.tile:
        check_work(layout.pieces * layout.tile[0] * layout.tile[1], limits)
    file_bytes = len(directory.data)
    for lengths in (STRIP_BYTES, TILE_BYTES):
        copied = sum(min(length, file_bytes) for length in directory.numbers(lengths, MOST_PIECES))
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
    for number in (STRIP_OFFSETS, STRIP_BYTES, TILE_OFFSETS, TILE_BYTES):
        if number in directory:
            tags[number] = directory.tags[number]
    if directory.content(PROFILE):
        tags[PROFILE] = directory.tags[PROFILE]
    return with_directory(directory.data, tags)
