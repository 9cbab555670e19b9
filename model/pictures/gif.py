"""GIF: finds the frames, and strips the file of everything that decoding does not need."""

from __future__ import annotations

import re
import struct

from model.pictures.limits import (
    BrokenPicture,
    Limits,
    PictureTooLarge,
    check_frames,
    check_size,
)

_IMAGE, _EXTENSION, _END = b",!;"
_CONTROL = 0xF9  # the extension that says how the next frame is drawn

# Some files have stray bytes between the blocks, which decoders skip a byte at a time.
_TO_BLOCK = re.compile(rb"[^,!;]*+")

# Writers fill sub-blocks to 255 bytes. A file of smaller ones may have this many, plus one for each so many
# bytes of the file.
_MOST_BLOCKS, _LEAST_BLOCK_BYTES = 100_000, 64


def vetted(data: bytes, page: int, limits: Limits) -> tuple[bytes, int]:
    """Return the file with its frames up to `page` and nothing else, and how many frames there were.

    Pillow would allocate a frame's rectangle when it opens the file, decode all frames to count them, and
    read comments in Python.

    Raises:
        PictureTooLarge: a frame extends too far beyond the canvas, or the file has too many blocks;
            TooManyFrames: more frames than are accepted.
        NoSuchPage: there is no frame with number `page`.
        BrokenPicture: there is no frame at all.
    """
    frames = _Frames(data, page, limits.max_frames)
    check_frames(frames.count, page, limits)
    check_size(frames.size, limits)
    return b"".join([*frames.kept, b";"]), frames.count


def size(data: bytes, limits: Limits) -> tuple[int, int]:
    """Return the (width, height) that all frames fit in: more than the header's if a frame extends beyond it.

    Raises:
        PictureTooLarge, BrokenPicture: as in `vetted`.
    """
    return _Frames(data, 0, limits.max_frames).size


def is_ended(data: bytes, limits: Limits) -> bool:
    """Whether the file has an end marker, or more frames than are accepted. Raises as `vetted` does."""
    return data.endswith(bytes([_END])) or _Frames(data, 0, limits.max_frames).is_ended


class _Frames:
    """The frames of a GIF, counted up to `most` + 1; of a truncated GIF, those whose header is complete.

    Attributes:
        count: the number of frames.
        size: the (width, height) that all frames fit in.
        kept: the file's parts up to frame `page`, without comments and stray bytes.
        is_ended: whether the end marker, or one frame too many, was reached.
    """

    def __init__(self, data: bytes, page: int, most: int) -> None:
        self._data = data
        self._left = _MOST_BLOCKS + len(data) // _LEAST_BLOCK_BYTES
        self.count = 0
        self.is_ended = False
        try:
            width, height, flags = struct.unpack_from("<HHB", data, 6)
            self.size = (width, height)
            position = 13 + _colour_table_bytes(flags)
            self.kept = [data[:position]]
            while self.count <= most:
                position = _TO_BLOCK.match(data, position).end()  # type: ignore[union-attr]
                if position >= len(data):
                    break
                if data[position] == _END:
                    self.is_ended = True
                    break
                self._step()
                start, is_image = position, data[position] == _IMAGE
                position = self._after_image(position) if is_image else self._after_blocks(position + 2)
                kept = is_image or (start + 1 < len(data) and data[start + 1] == _CONTROL)
                if kept and self.count <= page + is_image:
                    self.kept.append(data[start:position])
            self.is_ended |= self.count > most
        except struct.error as error:
            raise BrokenPicture("the GIF picture is truncated or corrupt") from error
        if not self.count:
            raise BrokenPicture("the GIF picture is truncated or corrupt: it has no frame")

    def _after_image(self, position: int) -> int:
        left, top, width, height, flags = struct.unpack_from("<HHHHB", self._data, position + 1)
        self.size = (max(self.size[0], left + width), max(self.size[1], top + height))
        self.count += 1
        return self._after_blocks(position + 11 + _colour_table_bytes(flags))

    def _after_blocks(self, position: int) -> int:
        """Return the position after a chain of sub-blocks, each of which begins with its length."""
        data = self._data
        while position < len(data) and data[position]:
            position += data[position] + 1
            self._step()
        return position + 1

    def _step(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise PictureTooLarge(
                f"the GIF picture has too many blocks of fewer than {_LEAST_BLOCK_BYTES} bytes each: save it"
                " again in another program"
            )


def _colour_table_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0
