"""Label Studio's brush: run lengths of an RGBA picture, in bits (thi.ng's rle-pack)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

CHANNELS = 4


class _Bits:
    """Numbers of any width from a sequence of bytes, the highest bit first."""

    def __init__(self, data: bytes) -> None:
        self._bits = np.unpackbits(np.frombuffer(data, np.uint8))
        self._place = 0

    def number(self, width: int) -> int:
        return int(self.numbers(1, width)[0])

    def numbers(self, count: int, width: int) -> npt.NDArray[np.int64]:
        """int64 (count,); ValueError if the bits end before."""
        end = self._place + count * width
        if end > len(self._bits):
            raise ValueError("its run lengths end too early")
        bits = self._bits[self._place : end].reshape(count, width)
        self._place = end
        return bits @ (1 << np.arange(width - 1, -1, -1, dtype=np.int64))


def alpha_of(rle: Sequence[int], size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """uint8 (H, W): the alpha channel of a picture of this (width, height).

    The bits are: the number of values (32), a value's width − 1 (5), four widths of lengths − 1 (4 each);
    then for each run whether its values are equal (1), which of the widths its length has (2), its length
    − 1, and its value or values.

    Raises:
        ValueError: the bytes are no run lengths of such a picture.
    """
    count = size[0] * size[1] * CHANNELS
    bits = _Bits(bytes(rle))
    if (found := bits.number(32)) != count:
        raise ValueError(
            f"its run lengths have {found} values, a picture of {size[0]} x {size[1]} has {count}"
        )
    width = bits.number(5) + 1
    widths = [bits.number(4) + 1 for _ in range(4)]
    values = np.zeros(count, np.uint8)
    place = 0
    while place < count:
        is_equal = bits.number(1)
        end = place + 1 + bits.number(widths[bits.number(2)])
        if end > count:
            raise ValueError("its run lengths exceed the picture")
        values[place:end] = bits.numbers(1 if is_equal else end - place, width)
        place = end
    return values[CHANNELS - 1 :: CHANNELS].reshape(size[::-1])
