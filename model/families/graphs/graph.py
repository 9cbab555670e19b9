"""Graph: a foreign model with the common input and output, and the facts known from its file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import openvino as ov

from model.families.graphs.endings import Ending

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Graph:
    """A normalised model, and facts about it.

    Attributes:
        name: of the file it comes from, for messages.
        model: takes float32 (1, H, W, C) and gives float32 (1, H', W', K), or int32 (1, H', W') of class ids.
        size: (width, height) that it takes; None: any whose sides are multiples of `divisor`.
        divisor: the least one found to work, if `size` is None.
        channels: C, 1 or 3.
        outputs: K; None if it gives class ids.
        ending: the kind of its last operation.
        takes_bytes: whether its input is whole numbers from 0 to 255.
        scales_down: whether it begins by dividing its input by about 255.
        run: runs it in the file's own runtime, if there is one: float32 (1, H, W, C) → as `model` gives.
        sentences: choices that were made, for the user to check.
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
"""The place of an output's channels: first, last, or none."""
