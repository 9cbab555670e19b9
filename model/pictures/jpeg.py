"""JPEG: the file as decoders may see it, without what no pixel is made of, and its further pictures.

Pillow handles each segment before the pixels in Python, each byte between them too, and unpacks EXIF and the
list of a phone's further pictures: 20 MB of them take it 10 s.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from model.pictures.exif import PREFIX, exif_of, orientation
from model.pictures.limits import (
    BrokenPicture,
    Limits,
    PictureTooLarge,
    check_frames,
    check_scans,
    check_size,
)

# A photo has some ten, and some twenty scans with a table each if it is progressive; a large profile has 255.
_MOST_SEGMENTS = 5_000

# The next marker before the pixels: fill bytes may come before it, and rubbish, which decoders skip.
_MARKER = re.compile(rb"(?:[^\xff]++|\xff++\x00)*+\xff++([^\x00\xff])", re.DOTALL)

# In a scan 0xFF is followed by 0 or by a restart marker; anything else ends it. Fill bytes may repeat 0xFF.
# Matched from where one stands, giving nothing back: a search would go through a long row of 0xFF from each.
_TO_MARKER = re.compile(rb"(?:[^\xff]++|\xff++[\x00\xd0-\xd7])*+\xff++([^\x00\xd0-\xd7])", re.DOTALL)

_START, _END, _SCAN, _COMMENT = 0xD8, 0xD9, 0xDA, 0xFE
END = bytes([0xFF, _END])
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD9)}
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # the size is in them
_PROGRESSIVE = (0xC2, 0xC6, 0xCA, 0xCE)
_COEFFICIENTS, _ALL_BITS = 64, 15
_APPLICATIONS = range(0xE0, 0xF0)
_JFIF, _METADATA, _PROFILE, _ADOBE = 0xE0, 0xE1, 0xE2, 0xEE

_PICTURES = b"MPF\0"
_PICTURE_COUNT, _PICTURE_LIST = 0xB001, 0xB002
_THUMBNAILS = (0x010001, 0x010002)
_GAIN_MAP = b' hdrgm:Version="'  # the second picture is not one to look at


def vetted(data: bytes, page: int, limits: Limits) -> tuple[bytes, int, int]:
    """The picture of number `page` in a JPEG, upright as it was, with its tables, profile and pixels alone.

    With it come how many there are, and how many scans this one has.

    Raises:
        PictureTooLarge: by its header, or so many segments or scans that they take too long.
        TooManyFrames, NoSuchPage: of a file of several pictures.
        BrokenPicture: no pixels follow the header.
    """
    header = _Header(data)
    pages = header.pages(limits.max_frames)
    check_frames(len(pages), page, limits)
    if page:
        data = data[pages[page] :]
        header = _Header(data)
    check_size(header.size, limits)
    scans = jpeg_scans(data, header.end)
    check_scans(scans, header.size, limits)
    return b"".join([*header.kept(), memoryview(data)[header.end :]]), len(pages), scans


def jpeg_scans(data: bytes, position: int = 2) -> int:
    """How many times a JPEG goes over its picture: once, or some ten times where it is progressive.

    Args:
        data: the file.
        position: where a marker is due.

    Raises:
        PictureTooLarge: so many segments that they take too long.
    """
    return sum(marker == _SCAN for marker, _ in _segments(data, position))


def is_ended(data: bytes) -> bool:
    """Whether a JPEG has its end, whatever may lie behind it. Raises PictureTooLarge as `jpeg_scans`."""
    return any(marker == _END for marker, _ in _segments(data, 2))


def has_all_scans(data: bytes) -> bool:
    """Whether the scans of a JPEG, of which the end may be missing, give each component at full precision.

    Raises:
        PictureTooLarge: as `jpeg_scans`.
        IndexError: a header is cut off.
    """
    missing: dict[int, list[int]] = {}  # of each component, bits of each of its coefficients
    is_progressive = False
    for marker, at in _segments(data, 2):
        if marker in _FRAMES:
            is_progressive = marker in _PROGRESSIVE
            missing = {
                data[at + 8 + 3 * number]: [_ALL_BITS] * _COEFFICIENTS for number in range(data[at + 7])
            }
        elif marker == _SCAN:
            count = data[at + 2]
            first, last, bits = data[at + 3 + 2 * count : at + 6 + 2 * count]
            if not is_progressive:
                first, last, bits = 0, _COEFFICIENTS - 1, 0
            for number in range(count):
                component = missing.get(data[at + 3 + 2 * number], [])
                component[first : last + 1] = [bits & 15] * len(component[first : last + 1])
    return not any(map(any, missing.values()))


def _segments(data: bytes, position: int) -> Iterator[tuple[int, int]]:
    """Each marker to the end's, and where what it says begins. Raises PictureTooLarge."""
    count = 0
    while found := _TO_MARKER.match(data, position):
        marker, position = found[1][0], found.end()
        yield marker, position
        if marker == _END:
            return
        count += 1
        _check_segments(count)
        if marker not in _WITHOUT_LENGTH:
            position += int.from_bytes(data[position : position + 2])


def _check_segments(count: int) -> None:
    if count > _MOST_SEGMENTS:
        raise PictureTooLarge(
            f"the JPEG picture has more than {_MOST_SEGMENTS:,} segments, the most accepted: save it anew"
        )


class _Header:
    """What comes before the first scan.

    Attributes:
        size: (width, height).
        end: where the first scan begins.
    """

    def __init__(self, data: bytes) -> None:
        self.size = (0, 0)
        self._kept: list[bytes] = []
        self._exif: bytes | None = None
        self._has_gain_map = False
        self._pictures: tuple[bytes, int] | None = None  # the list of them, and where in the file it lies
        position, count = 2, 0
        while (found := _MARKER.match(data, position)) and (marker := found[1][0]) not in (_SCAN, _END):
            count += 1
            _check_segments(count)
            start, position = found.end() - 2, found.end()
            if marker not in _WITHOUT_LENGTH:
                position += max(2, int.from_bytes(data[position : position + 2]))
                self._take(marker, data[start + 4 : position], start + 4, data[start:position])
        if not found or found[1][0] != _SCAN or not all(self.size):
            raise BrokenPicture("the JPEG picture is truncated or corrupt: no pixels follow its header")
        self.end = found.end() - 2

    def _take(self, marker: int, content: bytes, at: int, segment: bytes) -> None:
        """Note what a segment says, and keep it if pixels are made with it."""
        if marker in _FRAMES and len(content) >= 5:
            height, width = struct.unpack_from(">HH", content, 1)
            self.size = (width, height)
        if marker == _METADATA:
            self._has_gain_map |= _GAIN_MAP in content
            if content.startswith(PREFIX):
                self._exif = self._exif or content
        elif marker == _PROFILE and content.startswith(_PICTURES):
            self._pictures = (content[len(_PICTURES) :], at + len(_PICTURES))
        if marker in _APPLICATIONS or marker == _COMMENT:
            profile = marker == _PROFILE and content.startswith(b"ICC_PROFILE\0")
            if marker not in (_JFIF, _ADOBE) and not profile:
                return
        self._kept.append(segment)

    def kept(self) -> list[bytes]:
        """The header's parts that a decoder needs, from the first byte of the file."""
        parts = [bytes([0xFF, _START]), *self._kept]
        if (number := orientation(self._exif)) != 1:
            exif = PREFIX + exif_of(number)
            parts.insert(1, bytes([0xFF, _METADATA]) + struct.pack(">H", 2 + len(exif)) + exif)
        return parts

    def pages(self, most: int) -> list[int]:
        """Where each picture in the file begins, of at most `most` + 1."""
        if self._pictures is None or self._has_gain_map:
            return [0]
        try:
            return _offsets(*self._pictures, most) or [0]
        except struct.error:  # a broken list: the first picture is there in any case
            return [0]


def _offsets(listed: bytes, at: int, most: int) -> list[int] | None:
    """Where the pictures begin that the Multi-Picture Format lists; None if that is fewer than two JPEGs."""
    order = ">" if listed[:2] == b"MM" else "<"
    (directory,) = struct.unpack_from(order + "I", listed, 4)
    (entries,) = struct.unpack_from(order + "H", listed, directory)
    tags: dict[int, tuple[int, int]] = {}
    for number in range(entries):
        tag, _, count, value = struct.unpack_from(order + "HHII", listed, directory + 2 + 12 * number)
        tags[tag] = (count, value)
    if _PICTURE_COUNT not in tags or _PICTURE_LIST not in tags:
        return None
    count, position = tags[_PICTURE_COUNT][1], tags[_PICTURE_LIST][1]
    offsets = [0]
    for number in range(min(count, most + 1)):
        attributes, _, offset = struct.unpack_from(order + "III", listed, position + 16 * number)
        if attributes >> 24 & 7:
            return None  # not a JPEG
        if number and attributes & 0xFFFFFF not in _THUMBNAILS:
            offsets.append(at + offset)
    return offsets if len(offsets) > 1 else None
