"""Stages: what an engine is given to run, and how one picture goes through it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class StageSpec:
    """One plain graph of a network; compiled, it is the file NAME.xml.

    The first stage of a network sees the picture. If there are others (heads), its first output, which may be
    large, stays inside the engine and becomes their first input.

    Attributes:
        name: unique within the network.
        inputs: how many inputs the graph has.
        items_a_call: for a head, the numbers of items (axis 1 of its other inputs) that one call may take,
            the largest first; empty for the first stage.
        exact: regular expressions of the names of operations that stay as they are when it becomes int8.
    """

    name: str
    inputs: int
    items_a_call: tuple[int, ...] = ()
    exact: tuple[str, ...] = ()


class Pass(Protocol):
    """One picture on its way through a network.

    Attributes:
        outputs: those of the first stage, float32, without the one that stays inside the engine.
    """

    @property
    def outputs(self) -> Sequence[Floats]: ...

    def head(self, name: str, *inputs: npt.NDArray) -> list[Floats]:
        """The outputs (1, N, …) of a head for its inputs (1, N, …) but the first."""

    def kept(self) -> npt.NDArray:
        """A copy of the output that stays inside the engine."""


class Runner(Protocol):
    """The stages of one network, ready to run.

    Attributes:
        stages: of the network.
        name: of the engine, "openvino" or "tensorflow".
        precision: of its arithmetic, "f32", "bf16" or "int8".
        few_shapes: whether each new shape of picture costs so much that there should be few.
    """

    @property
    def stages(self) -> Sequence[StageSpec]: ...

    @property
    def name(self) -> str: ...

    @property
    def precision(self) -> str: ...

    @property
    def few_shapes(self) -> bool: ...

    def start(self, picture: Floats) -> Pass:
        """Run the first stage on float32 (1, H, W, C)."""
