"""Source: a graph as its file has it, before anything is changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import openvino as ov

Layout = Literal["NCHW", "NHWC"]
Run = Callable[[npt.NDArray], Mapping[str, npt.NDArray]]
"""An input of the file's own layout and dtype → every output by name."""

LONGEST_REASON = 300
"""Characters of a library's complaint that a message repeats."""


class GraphError(ValueError):
    """A file that cannot become a model: what is wrong with it, and what to do."""


@dataclass(frozen=True)
class Source:
    """A graph as its file has it.

    Attributes:
        name: of the file, for messages.
        model: its graph.
        layout: usual for this kind of file, where the numbers of channels do not tell.
        run: the file's own runtime, where it is installed.
        scales_down: whether a layer of the file divides its input by 255 or so, as far as layers are known:
            in the graph that may have become a part of a convolution.
        sentences: what was found out on the way that its user should know.
    """

    name: str
    model: ov.Model
    layout: Layout | None = None
    run: Run | None = None
    scales_down: bool = False
    sentences: tuple[str, ...] = ()


def reason(error: Exception) -> str:
    """The part of a library's complaint that helps: its last lines, without places in its source."""
    lines = [line.strip() for line in str(error).splitlines()]
    noise = ("Exception from", "Check '", "FrontEnd API failed", "To facilitate", "Summary:", "Loading input")
    kept = " ".join(line for line in lines if line and not line.startswith(noise))
    return (kept or " ".join(lines) or type(error).__name__)[:LONGEST_REASON]


def as_floats(array: npt.NDArray) -> npt.NDArray[np.float32]:
    """The array as float32, without a copy where it is that already."""
    return np.asarray(array, np.float32)
