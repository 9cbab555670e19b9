"""JPEG: strips a file of everything that decoding does not need, and finds its further pictures.

Pillow handles each segment before the pixels in Python, and also each byte between them. It unpacks EXIF and
the list of a phone's further pictures. 20 MB of that take 10 s.
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

# A photo has about ten; a progressive one also has about twenty scans with a table each. A large profile has
# 255.
_MOST_SEGMENTS = 5_000

# The next marker before the pixels. Decoders skip fill bytes and stray bytes before it.
_MARKER = re.compile(rb"(?:[^\xff]++|\xff++\x00)*+\xff++([^\x00\xff])", re.DOTALL)

# In a scan, 0xFF is followed by 0 or by a restart marker; anything else ends the scan. Fill bytes may repeat
# 0xFF. Matched at the current position and without backtracking: a search would read a long row of 0xFF again
# from each of its bytes.
_TO_MARKER = re.compile(rb"(?:[^\xff]++|\xff++[\x00\xd0-\xd7])*+\xff++([^\x00\xd0-\xd7])", re.DOTALL)

_START, _END, _SCAN, _COMMENT = 0xD8, 0xD9, 0xDA, 0xFE
END = bytes([0xFF, _END])
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD9)}
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # these markers contain the size
_PROGRESSIVE = (0xC2, 0xC6, 0xCA, 0xCE)
_COEFFICIENTS, _ALL_BITS = 64, 15
_APPLICATIONS = range(0xE0, 0xF0)
_JFIF, _METADATA, _PROFILE, _ADOBE = 0xE0, 0xE1, 0xE2, 0xEE

_PICTURES = b"MPF\0"
_PICTURE_COUNT, _PICTURE_LIST = 0xB001, 0xB002
_THUMBNAILS = (0x010001, 0x010002)
_GAIN_MAP = b' hdrgm:Version="'  # the second picture is a gain map, not one to show


def vetted(data: bytes, page: int, limits: Limits) -> tuple[bytes, int, int]:
    """Return picture number `page` of a JPEG with only its tables, profile, orientation and pixels.

    Also return how many pictures the file has, and how many scans this picture has.

    Raises:
        PictureTooLarge: by the size in its header, or by so many segments or scans that they take too long.
        TooManyFrames, NoSuchPage: the file has too many pictures, or none with that number.
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
    """Return how many scans a JPEG has: one, or about ten if it is progressive.

    Args:
        data: the file.
        position: where the next marker is expected.

    Raises:
        PictureTooLarge: there are so many segments that they take too long.
    """
    return sum(marker == _SCAN for marker, _ in _segments(data, position))


def is_ended(data: bytes) -> bool:
    """Whether a JPEG has an end marker, even if data follows. Raises PictureTooLarge as `jpeg_scans` does."""
    return any(marker == _END for marker, _ in _segments(data, 2))


def has_all_scans(data: bytes) -> bool:
    """Whether the scans of a JPEG, whose end may be missing, contain each component at full precision.

    Raises:
        PictureTooLarge: as in `jpeg_scans`.
        IndexError: a header is cut off.
    """
    missing: dict[int, list[int]] = {}  # component → the bits missing of each of its coefficients
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
    """Yield each marker up to the end marker, and the start of its content. Raises PictureTooLarge."""
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
            f"the JPEG picture has more than {_MOST_SEGMENTS:,} segments, the maximum: save it again in"
            " another program"
        )


class _Header:
    """The part of a JPEG before the first scan.

    Attributes:
        size: (width, height).
        end: the position of the first scan.
    """

    def __init__(self, data: bytes) -> None:
        self.size = (0, 0)
        self._kept: list[bytes] = []
        self._exif: bytes | None = None
        self._has_gain_map = False
        self._pictures: tuple[bytes, int] | None = None  # the list of pictures, and its position in the file
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
        """Record what a segment says, and keep it if decoding needs it."""
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
        """Return the parts of the header that a decoder needs, from the first byte of the file."""
        parts = [bytes([0xFF, _START]), *self._kept]
        if (number := orientation(self._exif)) != 1:
            exif = PREFIX + exif_of(number)
            parts.insert(1, bytes([0xFF, _METADATA]) + struct.pack(">H", 2 + len(exif)) + exif)
        return parts

    def pages(self, most: int) -> list[int]:
        """Return where each picture in the file begins, for at most `most` + 1 pictures."""
        if self._pictures is None or self._has_gain_map:
            return [0]
        try:
            return _offsets(*self._pictures, most) or [0]
        except struct.error:  # the list is broken, but the first picture is there
            return [0]


def _offsets(listed: bytes, at: int, most: int) -> list[int] | None:
    """Return where the pictures of a Multi-Picture Format list begin; None if it has fewer than two JPEGs."""
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
