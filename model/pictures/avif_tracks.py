"""AVIF tracks: the positions of an animation's frames in the file, and the size that the track declares."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from model.pictures.heif_boxes import Box, bounded_boxes, boxes
from model.pictures.limits import BrokenPicture, check_frame_count

_AV1 = b"av01"


@dataclass(frozen=True)
class Track:
    """A track of AV1: the colours of an animation, or its opacity.

    Attributes:
        size: the declared (width, height).
        frames: the start and end of each frame in the file.
    """

    size: tuple[int, int]
    frames: list[tuple[int, int]]


def read_tracks(data: bytes, most_frames: int) -> Iterator[Track]:
    """Yield the AV1 tracks of a file.

    Raises:
        TooManyFrames: a track has more than `most_frames` frames.
        BrokenPicture: the boxes are inconsistent or too long.
        struct.error: the boxes are cut off.
    """
    for movie in boxes(data, 0, len(data)):
        if movie.kind == b"moov":
            for box in bounded_boxes(data, movie):
                if box.kind == b"trak":
                    yield from _read_track(data, box, most_frames)


def _read_track(data: bytes, track: Box, most_frames: int) -> Iterator[Track]:
    tables = {box.kind: box for box in _inside(data, [track], b"mdia", b"minf", b"stbl")}
    codings = _inside(data, [track], b"mdia", b"minf", b"stbl", b"stsd", skipped=8)
    if all(box.kind != _AV1 for box in codings):
        return
    for header in _inside(data, [track]):
        if header.kind == b"tkhd":
            width, height = struct.unpack_from(">II", data, header.end - 8)  # of 1/65536 pixel
            yield Track((width >> 16, height >> 16), _frames(data, tables, most_frames))


def _inside(data: bytes, outer: list[Box], *path: bytes, skipped: int = 0) -> list[Box]:
    """Return the boxes inside the box at the end of `path`, behind its first `skipped` bytes."""
    for kind in path:
        outer = [box for above in outer for box in boxes(data, above.start, above.end) if box.kind == kind]
    return [box for above in outer for box in boxes(data, above.start + skipped, above.end)]


def _frames(data: bytes, tables: dict[bytes, Box], most: int) -> list[tuple[int, int]]:
    """Return the start and end of each frame (ISO/IEC 14496-12, 8.7).

    Frames lie in chunks, which may begin anywhere; within a chunk, each follows the one before it.
    """
    wide = b"co64" in tables
    chunks = _table(data, tables, b"co64" if wide else b"stco", ">Q" if wide else ">I", most)
    runs = _table(data, tables, b"stsc", ">III", most)
    _table(data, tables, b"stts", ">II", most)  # durations: decoders read this table too
    lengths = _lengths(data, tables, most)
    frames: list[tuple[int, int]] = []
    for number, (start,) in enumerate(chunks, 1):
        for _ in range(next((run[1] for run in reversed(runs) if run[0] <= number), 0)):
            if len(frames) == len(lengths):
                break
            end = start + lengths[len(frames)]
            frames.append((start, end))
            start = end
    if any(end > len(data) for _, end in frames):
        raise BrokenPicture("the AVIF picture is truncated or corrupt: frames are missing")
    return frames


def _lengths(data: bytes, tables: dict[bytes, Box], most: int) -> list[int]:
    table = tables[b"stsz"]
    length, count = struct.unpack_from(">II", data, table.start + 4)
    check_frame_count(count, most)
    return [length] * count if length else list(struct.unpack_from(f">{count}I", data, table.start + 12))


def _table(data: bytes, tables: dict[bytes, Box], kind: bytes, code: str, most: int) -> list[tuple[int, ...]]:
    """Return the rows of a table, which may have no more rows than a file may have frames."""
    table = tables[kind]
    (count,) = struct.unpack_from(">I", data, table.start + 4)
    check_frame_count(count, most)
    row = struct.Struct(code)
    return [row.unpack_from(data, table.start + 8 + row.size * number) for number in range(count)]
