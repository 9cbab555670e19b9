"""Source: a graph as read from its file, before any change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import openvino as ov

Layout = Literal["NCHW", "NHWC"]
Run = Callable[[npt.NDArray], Mapping[str, npt.NDArray]]
"""An input in the file's own layout and dtype → every output by name."""

LONGEST_REASON = 300
"""The most characters of a library's error message that a message repeats."""


class GraphError(ValueError):
    """A file cannot become a model; the message says what is wrong and what to do."""


@dataclass(frozen=True)
class Source:
    """A graph as read from its file.

    Attributes:
        name: of the file, for messages.
        model: its graph.
        layout: the usual one for this kind of file, used if the numbers of channels are ambiguous.
        run: runs the file in its own runtime, if that is installed.
        scales_down: whether a layer in the file is known to divide its input by about 255; in the graph,
            the division may have become part of a convolution.
        sentences: findings that the user should know.
    """

    name: str
    model: ov.Model
    layout: Layout | None = None
    run: Run | None = None
    scales_down: bool = False
    sentences: tuple[str, ...] = ()


def reason(error: Exception) -> str:
    """The useful part of a library's error message: its text without the places in the library's source."""
    lines = [line.strip() for line in str(error).splitlines()]
    noise = ("Exception from", "Check '", "FrontEnd API failed", "To facilitate", "Summary:", "Loading input")
    kept = " ".join(line for line in lines if line and not line.startswith(noise))
    return (kept or " ".join(lines) or type(error).__name__)[:LONGEST_REASON]


def as_floats(array: npt.NDArray) -> npt.NDArray[np.float32]:
    """The array as float32, without a copy if it already is."""
    return np.asarray(array, np.float32)
