"""Graph: a foreign model with the input and output that all have, and what its file says of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import openvino as ov

from model.families.semantic.graphs.endings import Ending

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Graph:
    """A model, normalised, and what is known of it.

    Attributes:
        name: of the file it comes from, for messages.
        model: takes float32 (1, H, W, C) and gives float32 (1, H', W', K); where it gives class ids, int32
            (1, H', W').
        size: (width, height) that it takes; None: any whose sides are multiples of `divisor`.
        divisor: the least that was found to do, where `size` is None.
        channels: C, 1 or 3.
        outputs: K; None where it gives class ids.
        ending: what its last operation is.
        takes_bytes: whether its input is of whole numbers, 0 to 255.
        scales_down: whether it begins by dividing its input by 255 or so.
        run: the same in the file's own runtime, where there is one: float32 (1, H, W, C) → as `model`.
        sentences: what was chosen on the way that its user should know.
    """

    name: str
    model: ov.Model
    size: tuple[int, int] | None
    divisor: int | None
    channels: int
    outputs: int | None
    ending: Ending
    takes_bytes: bool = False
    scales_down: bool = False
    run: Callable[[Floats], npt.NDArray] | None = None
    sentences: tuple[str, ...] = ()


OutputLayout = Literal["NCHW", "NHWC", "NHW"]
"""How an output has its channels: first, last, or none."""
