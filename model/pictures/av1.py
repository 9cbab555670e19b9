"""AV1: the frame sizes in its own headers. Decoders follow these even if the container says otherwise.

Section numbers refer to the AV1 bitstream specification.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from model.pictures.limits import BrokenPicture, PictureTooLarge

# Units (OBUs) in one file. A picture has two or three, each frame of an animation one or two.
_MOST_UNITS = 20_000

# Bytes read of a header; even the longest one, with 32 operating points, is shorter.
_MOST_HEADER_BYTES = 1024

_SEQUENCE, _FRAME_HEADER, _FRAME, _REPEATED_FRAME_HEADER = 1, 3, 6, 7
_KEY, _INTRA_ONLY, _SWITCH = 0, 2, 3
_CHOSEN_BY_FRAME = 2


class _Bits:
    """Reads bits from front to back."""

    def __init__(self, data: bytes) -> None:
        self._bits = int.from_bytes(data)
        self._left = 8 * len(data)

    def read(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            raise BrokenPicture("the AVIF picture is truncated or corrupt: a header in it is cut off")
        return self._bits >> self._left & ((1 << count) - 1)

    def flag(self) -> bool:
        return bool(self.read(1))

    def skip_uvlc(self) -> None:
        zeros = 0
        while not self.flag():
            zeros += 1
        self.read(min(zeros, 32))


@dataclass(frozen=True)
class _Sequence:
    """The fields of a sequence header that are needed to read the frame headers."""

    size: tuple[int, int]
    side_bits: tuple[int, int]
    reduced: bool
    has_decoder_model: bool
    presentation_time_bits: int
    frame_id_bits: int
    screen_content: int
    integer_vectors: int
    order_hint_bits: int


class FrameSizes:
    """Reads the units of one stream, in consecutive parts.

    Attributes:
        pixels: the total number of pixels in all frames read so far, shown or hidden.
    """

    def __init__(self) -> None:
        self.pixels = 0
        self._units = 0
        self._sequence: _Sequence | None = None

    def read(self, part: memoryview) -> Iterator[tuple[int, int]]:
        """Yield the (width, height) in each header of a part: the largest that its frames may have (5.3).

        Raises:
            PictureTooLarge: the stream has more units than are accepted.
            BrokenPicture: a unit is cut off.
        """
        position = 0
        while position < len(part):
            self._units += 1
            if self._units > _MOST_UNITS:
                raise PictureTooLarge(
                    f"the AVIF picture has more than {_MOST_UNITS:,} units of AV1, the maximum"
                )
            head = part[position]
            kind, extended, sized = head >> 3 & 15, bool(head & 4), bool(head & 2)
            position += 2 if extended else 1
            length = len(part) - position
            if sized:
                length, position = _leb128(part, position)
            if length < 0 or position + length > len(part):
                raise BrokenPicture("the AVIF picture is truncated or corrupt: its AV1 data is cut off")
            content = bytes(part[position : position + min(length, _MOST_HEADER_BYTES)])
            position += length
            if kind == _SEQUENCE:
                self._sequence = _read_sequence(_Bits(content))
                yield self._sequence.size
            elif kind in (_FRAME_HEADER, _FRAME, _REPEATED_FRAME_HEADER) and self._sequence:
                size = _own_size(_Bits(content), self._sequence)
                if kind != _REPEATED_FRAME_HEADER:
                    self.pixels += math.prod(size or self._sequence.size)
                if size:
                    yield size


def _leb128(part: memoryview, position: int) -> tuple[int, int]:
    """Return a number of up to eight bytes with 7 bits each, and the position after it (4.10.5)."""
    value = 0
    for index, byte in enumerate(part[position : position + 8]):
        value |= (byte & 127) << 7 * index
        if byte < 128:
            return value, position + index + 1
    raise BrokenPicture("the AVIF picture is truncated or corrupt: its AV1 data is cut off")


def _read_sequence(bits: _Bits) -> _Sequence:
    """Read a sequence header (5.5)."""
    bits.read(4)  # profile, still picture
    reduced = bits.flag()
    equal_interval = has_decoder_model = False
    presentation_time_bits = 0
    if reduced:
        bits.read(5)
    else:
        if bits.flag():  # timing
            bits.read(64)
            equal_interval = bits.flag()
            if equal_interval:
                bits.skip_uvlc()
            has_decoder_model = bits.flag()
            if has_decoder_model:
                delay_bits = bits.read(5) + 1
                bits.read(32 + 5)
                presentation_time_bits = bits.read(5) + 1
        has_display_delay = bits.flag()
        for _ in range(bits.read(5) + 1):  # operating points
            bits.read(12)
            if bits.read(5) > 7:
                bits.read(1)
            if has_decoder_model and bits.flag():
                bits.read(2 * delay_bits + 1)
            if has_display_delay and bits.flag():
                bits.read(4)
    side_bits = (bits.read(4) + 1, bits.read(4) + 1)
    size = (bits.read(side_bits[0]) + 1, bits.read(side_bits[1]) + 1)
    frame_id_bits = order_hint_bits = 0
    screen_content = integer_vectors = _CHOSEN_BY_FRAME
    if not reduced and bits.flag():
        frame_id_bits = bits.read(4) + bits.read(3) + 3
    bits.read(3)
    if not reduced:
        bits.read(4)
        has_order_hints = bits.flag()
        if has_order_hints:
            bits.read(2)
        screen_content = _CHOSEN_BY_FRAME if bits.flag() else bits.read(1)
        if screen_content:
            integer_vectors = _CHOSEN_BY_FRAME if bits.flag() else bits.read(1)
        if has_order_hints:
            order_hint_bits = bits.read(3) + 1
    return _Sequence(
        size,
        side_bits,
        reduced,
        has_decoder_model,
        0 if equal_interval else presentation_time_bits,
        frame_id_bits,
        screen_content,
        integer_vectors,
        order_hint_bits,
    )


def _own_size(bits: _Bits, sequence: _Sequence) -> tuple[int, int] | None:
    """Return the (width, height) of a frame that overrides the size in its sequence header (5.9.2).

    If the size depends on earlier frames, return the largest that the header can express.
    """
    if sequence.reduced or bits.flag():  # the flag: it shows an existing frame
        return None
    kind, shown = bits.read(2), bits.flag()
    if shown:
        bits.read(sequence.presentation_time_bits)
    else:
        bits.read(1)
    resilient = kind == _SWITCH or (kind == _KEY and shown) or bits.flag()
    bits.read(1)
    screen_content = bits.read(1) if sequence.screen_content == _CHOSEN_BY_FRAME else sequence.screen_content
    if screen_content and sequence.integer_vectors == _CHOSEN_BY_FRAME:
        bits.read(1)
    bits.read(sequence.frame_id_bits)
    if kind != _SWITCH and not bits.flag():
        return None
    width_bits, height_bits = sequence.side_bits
    if kind not in (_KEY, _INTRA_ONLY) or sequence.has_decoder_model:
        return 1 << width_bits, 1 << height_bits
    bits.read(sequence.order_hint_bits)
    refreshed = 0xFF if kind == _KEY and shown else bits.read(8)
    if refreshed != 0xFF and resilient and sequence.order_hint_bits:
        bits.read(8 * sequence.order_hint_bits)
    return bits.read(width_bits) + 1, bits.read(height_bits) + 1
