"""Headers: what a file's first bytes and its frames' headers say, read without decoding a pixel."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from model.pictures.limits import BrokenPicture, NotAPicture

ACCEPTED = "JPEG, PNG, WebP, AVIF, HEIC, TIFF, BMP or GIF"

_SIGNATURES = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",  # BigTIFF, for files over 4 GiB
    b"MM\0+": "TIFF",
}

_AVIF_BRANDS = {b"avif", b"avis"}
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
# Brands of the container alone; whether AV1 or HEVC is inside, the compatible brands after them say.
_CONTAINER_BRANDS = {b"mif1", b"msf1", b"mif2", b"miaf"}
_MOST_BRANDS = 32


def recognise(data: bytes) -> str:
    """Pillow's name of the format whose signature the bytes carry; the first 160 are enough.

    Raises:
        NotAPicture: none that is accepted.
    """
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp" and (coded := _coded_as(data)):
        return coded
    for signature, file_format in _SIGNATURES.items():
        if data.startswith(signature):
            return file_format
    raise NotAPicture(f"not a picture in an accepted format: {ACCEPTED}")


def _coded_as(data: bytes) -> str | None:
    """AVIF or HEIF, by the brands in the ftyp box; None for a film and other things in that container."""
    length = min(int.from_bytes(data[:4]), 16 + 4 * _MOST_BRANDS)
    major = data[8:12]
    brands = {data[start : start + 4] for start in range(16, min(length, len(data)), 4)}
    if major not in _CONTAINER_BRANDS:
        brands = {major}
    if brands & _AVIF_BRANDS:
        return "AVIF"
    if brands & _HEIC_BRANDS:
        return "HEIF"
    return None


@dataclass(frozen=True)
class GifFrames:
    """The frames of a GIF.

    Attributes:
        count: how many; not counted beyond one more than was asked for.
        size: (width, height) that all of them fit in: more than the header's where a frame sticks out.
    """

    count: int
    size: tuple[int, int]


def gif_frames(data: bytes, most: int) -> GifFrames:
    """The frames of a GIF, counted to `most` + 1; of a truncated one, those of which the header is there.

    Pillow would allocate a frame's rectangle on opening the file, and decode all frames to count them.

    Raises:
        BrokenPicture: there is none.
    """
    try:
        width, height, flags = struct.unpack_from("<HHB", data, 6)
        position = 13 + _colour_table_bytes(flags)
        count = 0
        while count <= most and position < len(data):
            introducer = data[position]
            if introducer == 0x2C:
                left, top, frame_width, frame_height, flags = struct.unpack_from("<HHHHB", data, position + 1)
                width, height = max(width, left + frame_width), max(height, top + frame_height)
                count += 1
                position = _after_blocks(data, position + 11 + _colour_table_bytes(flags))
            elif introducer == 0x21:
                position = _after_blocks(data, position + 2)
            elif introducer == 0x3B:
                break
            else:  # rubbish between the blocks, which decoders skip
                position += 1
    except struct.error as error:
        raise BrokenPicture("the GIF picture is truncated or corrupt") from error
    if not count:
        raise BrokenPicture("the GIF picture is truncated or corrupt: it has no frame")
    return GifFrames(count, (width, height))


def _colour_table_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _after_blocks(data: bytes, position: int) -> int:
    """Where a chain of sub-blocks, each with its length before it, ends."""
    while position < len(data) and data[position]:
        position += data[position] + 1
    return position + 1


# In a scan 0xFF is followed by 0 or by a restart marker; anything else ends it. Fill bytes may repeat 0xFF.
# Matched from where one stands, giving nothing back: a search would go through a long row of 0xFF from each.
_TO_MARKER = re.compile(rb"(?:[^\xff]++|\xff++[\x00\xd0-\xd7])*+\xff++([^\x00\xd0-\xd7])", re.DOTALL)
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
_WITHOUT_LENGTH = {0x01, 0xD8}


def jpeg_scans(data: bytes) -> int:
    """How many times a JPEG goes over its picture: once, or some ten times where it is progressive."""
    scans = 0
    position = 2
    while (found := _TO_MARKER.match(data, position)) and (marker := found[1][0]) != _END_OF_IMAGE:
        position = found.end()
        scans += marker == _START_OF_SCAN
        if marker not in _WITHOUT_LENGTH:
            position += int.from_bytes(data[position : position + 2])
    return scans
