"""TIFF layouts: reads from its tags how a page is stored, and refuses pages before a decoder sees them."""

from __future__ import annotations

import math
import os
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from model.pictures.limits import BrokenPicture, Limits, NotAPicture, PictureTooLarge, check_size, check_work
from model.pictures.tiff_directory import Directory, Tag, with_directory

WIDTH, LENGTH, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER = 256, 257, 258, 259, 262, 266
STRIP_OFFSETS, _ORIENTATION, CHANNELS, ROWS_PER_STRIP, _STRIP_BYTES, PLANAR = 273, 274, 277, 278, 279, 284
FAX_OPTIONS, PREDICTOR, TILE_WIDTH, TILE_LENGTH, _TILE_OFFSETS, _TILE_BYTES = 292, 317, 322, 323, 324, 325
PALETTE, EXTRA, SAMPLE_FORMAT, JPEG_TABLES, PROFILE = 320, 338, 339, 347, 34675

# Values of PhotometricInterpretation. The last two are for raw photos: a colour mosaic, and linear colours.
GREY_INVERTED, GREY, RGB, INDEXED, CMYK, YCBCR, LAB = 0, 1, 2, 3, 5, 6, 8
_MASK, _MOSAIC, LINEAR = 4, 32803, 34892
PREMULTIPLIED, OPACITY = 1, 2
SEPARATE_PLANES = 2

JPEGS = (7, 33007, 34892)
_APERIO_YCBCR = 33003  # JPEG 2000 that is in YCbCr without declaring it

# Compressions of plain bytes, with which a predictor may be used: LZW, deflate (three numbers), LZMA,
# PackBits and Zstd (two numbers). With other compressions, libraries ignore a predictor.
DEFLATES, ZSTDS, PACKBITS, LZMA = (8, 32946, 50013), (50000, 34926), 32773, 34925
_OF_BYTES = (5, *DEFLATES, *ZSTDS, PACKBITS, LZMA)
_OF_BITS = (2, 3, 4)  # fax
# Compressions in which each strip or tile is an image file: JPEG 2000, LERC, PNG, JPEG XR, WebP and JPEG XL.
_JPEG_XLS = (50002, 52546)
_OTHER_PICTURES = (33004, 33005, 34712, 34887, 34933, 34934, 22610, 50001, 34927, *_JPEG_XLS)
_OF_PICTURES = (*JPEGS, _APERIO_YCBCR, *_OTHER_PICTURES)

# Compressions that only libtiff reads: old-style JPEG, word-aligned fax, and ThunderScan.
_OLD_JPEG = 6
_OF_LIBTIFF = (_OLD_JPEG, 32771, 32809)

_COMPRESSION_NAMES = {
    32766: "NeXT",
    32895: "IT8",
    32908: "Pixar's film",
    32909: "Pixar's logarithms",
    32947: "Kodak DCS",
    34661: "JBIG",
    34676: "SGI's logarithms",
    34677: "SGI's logarithms of 24 bits",
    34713: "Nikon's NEF",
    34715: "JBIG2",
    48124: "Jetraw",
    65000: "Kodak DCR or EER",
    65001: "EER",
    65002: "EER",
    65535: "Pentax's PEF",
}

# The tags that decoding needs, apart from offsets and lengths, and how many values each may have.
_NEEDED = {
    **dict.fromkeys((WIDTH, LENGTH, COMPRESSION, PHOTOMETRIC, FILL_ORDER, CHANNELS, ROWS_PER_STRIP), 1),
    **dict.fromkeys((PLANAR, PREDICTOR, TILE_WIDTH, TILE_LENGTH), 1),
    **dict.fromkeys((BITS, EXTRA, SAMPLE_FORMAT), 65_535),  # one a channel
    **dict.fromkeys((FAX_OPTIONS, 293), 1),
    PALETTE: 3 << 16,
    **dict.fromkeys((332, 334), 1),  # inks
    JPEG_TABLES: 1 << 16,
    **dict.fromkeys(range(512, 522), 64),  # old-style JPEG
    **dict.fromkeys((529, 530, 531, 532), 6),  # YCbCr
    50674: 16,  # LERC
}

# The most scans of a progressive JPEG in a strip, as in `limits` for a JPEG of full size. libtiff reads this.
os.environ.setdefault("LIBTIFF_JPEG_MAX_ALLOWED_SCAN_NUMBER", "20")

# A Python object is made for each strip or tile. 50 megapixels in tiles of 32 x 32 are half as many.
MOST_PIECES = 100_000

# Each strip or tile takes time even if it has few pixels, and more if the decompressor allocates memory each
# time or if the piece is an image file. All pieces together may take 0.2 s in a small picture, and 1.2 s in
# one of 50 megapixels, which has 28,000 pieces if each row of each of four channels is a strip.
_PIECE_SECONDS = 10e-6
_PIECE_SECONDS_BY_COMPRESSION = {
    **dict.fromkeys((*ZSTDS, LZMA), 30e-6),
    **dict.fromkeys((*_OF_PICTURES, _OLD_JPEG), 20e-6),
    **dict.fromkeys(_JPEG_XLS, 110e-6),
}
_MOST_SECONDS, _MOST_SECONDS_A_PIXEL = 0.2, 20e-9

# Strips may share the same bytes, and each is read: this much takes 0.3 s.
_MOST_COPIED = 256 << 20


@dataclass(frozen=True)
class Layout:
    """How the pixels of a page are stored.

    Attributes:
        directory: all tags of the page.
        size: (width, height) as stored.
        tile: (width, height) of a tile; None if the page is in strips.
        channels: how many samples a pixel has.
        bits: the bits of a sample in the first channel.
        orientation: EXIF's orientation.
    """

    directory: Directory
    size: tuple[int, int]
    tile: tuple[int, int] | None
    channels: int
    bits: int
    orientation: int

    def tag(self, number: int, default: int) -> int:
        """Return a tag's first or only value."""
        return self.directory.first(number, default)

    @cached_property
    def compression(self) -> int:
        """The number of the compression."""
        return self.tag(COMPRESSION, 1)

    @cached_property
    def predictor(self) -> int:
        """The number of the predictor that was applied before compression; 1 for none."""
        return self.tag(PREDICTOR, 1) if self.compression in _OF_BYTES else 1

    @cached_property
    def photometric(self) -> int:
        """What the samples mean. By default, three channels are colours, and low values are dark."""
        if PHOTOMETRIC in self.directory:
            return self.tag(PHOTOMETRIC, GREY)
        if self.channels - len(self.directory.numbers(EXTRA)) != 3:
            return GREY
        return YCBCR if self.compression in JPEGS else RGB  # a JPEG itself says whether it is in YCbCr

    @cached_property
    def in_planes(self) -> bool:
        """Whether each channel is stored separately."""
        return self.channels > 1 and self.tag(PLANAR, 1) == SEPARATE_PLANES

    @property
    def sample_bytes(self) -> int:
        """The bytes of a decoded sample."""
        return next((count for count in (1, 2, 4, 8) if self.bits <= 8 * count), 16)

    @property
    def unpacked_width(self) -> int:
        """The pixels of a row that are decoded: with tiles, up to the end of the last tile."""
        return -(-self.size[0] // self.tile[0]) * self.tile[0] if self.tile else self.size[0]

    @property
    def peak_bytes(self) -> int:
        """The bytes of memory at the peak of decoding, as measured for each kind of page."""
        pixels = self.size[0] * self.size[1]
        stored = self.unpacked_width * self.size[1] * self.channels * self.sample_bytes
        # A decoded piece, and what the decoder makes it from: 2 bytes a sample in libjpeg, 4 in OpenJPEG.
        words = 2 if self.compression in JPEGS else 4 if self.compression in _OTHER_PICTURES else 1
        each = self.sample_bytes + max(words, self.sample_bytes)
        width, height = self.tile or (self.size[0], self.rows)
        unpacking = width * height * (1 if self.in_planes else self.channels) * each
        if self.pieces > 1 or self.in_planes:
            unpacking += stored
        # RGB and its upright copy; or the image that Pillow converts, and RGB.
        plain = self.photometric in (GREY_INVERTED, GREY, RGB) or self.compression in JPEGS
        plain = plain and PROFILE not in self.directory and EXTRA not in self.directory
        return max(unpacking, stored + 3 * pixels if plain else stored + 10 * pixels, 6 * pixels)

    @property
    def rows(self) -> int:
        """The rows of a strip."""
        return max(1, min(self.tag(ROWS_PER_STRIP, self.size[1]), self.size[1]))

    @property
    def row_bytes(self) -> int:
        """The bytes of a decompressed row of a strip or tile, which is padded to a whole byte."""
        width = self.tile[0] if self.tile else self.size[0]
        return -(-width * (1 if self.in_planes else self.channels) * self.bits // 8)

    @property
    def pieces(self) -> int:
        """How many strips or tiles the page has; with separate planes, each plane."""
        if self.tile is None:
            return -(-self.size[1] // self.rows)
        return -(-self.size[0] // self.tile[0]) * -(-self.size[1] // self.tile[1])

    @property
    def is_for_libtiff(self) -> bool:
        """Whether only libtiff can decode the colours or the compression."""
        return (
            self.compression in _OF_LIBTIFF
            or self.photometric == LAB
            or (self.photometric == YCBCR and self.compression not in _OF_PICTURES)
        )

    @property
    def stays_ycbcr(self) -> bool:
        """Whether decoded colours are still in YCbCr."""
        return self.compression == _APERIO_YCBCR or (self.photometric == YCBCR and self.in_planes)

    def check_readable(self) -> None:
        """Raise NotAPicture if no library here reads the compression or the colours."""
        if self.compression not in (1, *_OF_BYTES, *_OF_BITS, *_OF_PICTURES, *_OF_LIBTIFF):
            name = _COMPRESSION_NAMES.get(self.compression, "an unknown method")
            raise NotAPicture(
                f"the TIFF picture is compressed with {name} (compression {self.compression}), which is not"
                " accepted: save it again with deflate or LZW compression"
            )
        if self.photometric not in (
            GREY_INVERTED,
            GREY,
            RGB,
            INDEXED,
            _MASK,
            CMYK,
            YCBCR,
            LAB,
            _MOSAIC,
            LINEAR,
        ):
            raise NotAPicture(
                f"the TIFF picture has colours of a kind (photometric interpretation {self.photometric}) that"
                " is not accepted: save it again in RGB"
            )

    def places(self) -> list[tuple[int, int]]:
        """Return the offset and the length in bytes of each strip or tile; (0, 0) for one that is omitted.

        If the file does not declare a length, the piece ends where another piece begins or the file ends.
        """
        offsets = self._numbers(_TILE_OFFSETS, STRIP_OFFSETS)
        lengths = self._numbers(_TILE_BYTES, _STRIP_BYTES) or (0,) * len(offsets)
        count = self.pieces * (self.channels if self.in_planes else 1)
        if min(len(offsets), len(lengths)) < count:
            raise BrokenPicture("the TIFF picture is truncated or corrupt: strips or tiles are missing")
        ends = sorted({*offsets, len(self.directory.data)})
        places = [
            (offset, length or (ends[bisect_right(ends, offset)] - offset if 0 < offset < ends[-1] else 0))
            for offset, length in zip(offsets[:count], lengths, strict=False)
        ]
        _check_copied([length for _, length in places], len(self.directory.data))
        return places

    def _numbers(self, *tags: int) -> tuple[int, ...]:
        return next(filter(None, (self.directory.numbers(tag, MOST_PIECES) for tag in tags)), ())


def read_layout(data: bytes, offset: int, limits: Limits) -> Layout:
    """Return how the page with its directory at `offset` is stored.

    Raises:
        PictureTooLarge: the page or one of its tiles is beyond the limits (libtiff allocates a whole tile
            even for a picture of one pixel), or the page has too many strips or tiles.
        NotAPicture: no library here reads the page.
        BrokenPicture: its tags are inconsistent.
    """
    directory = Directory.at(data, offset)
    for number, most in _NEEDED.items():
        directory.check_count(number, most)
    size = (directory.first(WIDTH, 0), directory.first(LENGTH, 0))
    tile = None
    if TILE_WIDTH in directory:
        tile = (directory.first(TILE_WIDTH, 0), directory.first(TILE_LENGTH, 0))
    channels = directory.first(CHANNELS, 1)
    if min(*size, *(tile or ()), channels) < 1:
        raise BrokenPicture("the TIFF picture is truncated or corrupt: it has no size")
    for sides in (size, tile or size):
        check_size(sides, limits)
    bits, orientation = directory.first(BITS, 1), directory.first(_ORIENTATION, 1)
    layout = Layout(directory, size, tile, channels, bits, orientation)
    layout.check_readable()
    _check_pieces(layout, limits)
    return layout


def _check_pieces(layout: Layout, limits: Limits) -> None:
    """Raise PictureTooLarge if there are too many strips or tiles, or they decode to too many pixels."""
    directory = layout.directory
    numbers = (STRIP_OFFSETS, _STRIP_BYTES, _TILE_OFFSETS, _TILE_BYTES)
    planes = layout.channels if layout.in_planes else 1
    count = max(layout.pieces * planes, *(directory.tags[n].count for n in numbers if n in directory), 0)
    seconds = _PIECE_SECONDS_BY_COMPRESSION.get(layout.compression, _PIECE_SECONDS)
    seconds_allowed = _MOST_SECONDS + _MOST_SECONDS_A_PIXEL * math.prod(layout.size)
    most = min(MOST_PIECES, int(seconds_allowed / seconds))
    if count > most:
        raise PictureTooLarge(
            f"the TIFF picture has {count:,} strips or tiles; at most {most:,} are accepted for its size and"
            " compression: save it again with larger strips or tiles"
        )
    if layout.tile:
        check_work(layout.pieces * layout.tile[0] * layout.tile[1], limits)
    for lengths in (_STRIP_BYTES, _TILE_BYTES):
        _check_copied(directory.numbers(lengths, MOST_PIECES), len(directory.data))


def _check_copied(lengths: Sequence[int], file_bytes: int) -> None:
    """Raise BrokenPicture if strips or tiles of these lengths must share the same bytes."""
    if sum(min(length, file_bytes) for length in lengths) > 4 * file_bytes + _MOST_COPIED:
        raise BrokenPicture("the TIFF picture is corrupt: its strips or tiles overlap")


def vetted(layout: Layout) -> bytes:
    """Return the file with this page only, and with only the tags that Pillow needs, without orientation."""
    directory = layout.directory
    tags: dict[int, Tag] = {}
    for number in (*_NEEDED, STRIP_OFFSETS, _STRIP_BYTES, _TILE_OFFSETS, _TILE_BYTES):
        if number in directory:
            tags[number] = directory.tags[number]
    if directory.content(PROFILE):
        tags[PROFILE] = directory.tags[PROFILE]
    return with_directory(directory.data, tags)
