"""Stages: the graphs that an engine runs, and the interface for running one picture through them."""

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

    The first stage of a network gets the picture. If there are other stages (heads), the first output of the
    first stage, which may be large, stays inside the engine and is their first input.

    Attributes:
        name: unique within the network.
        inputs: how many inputs the graph has.
        items_a_call: for a head, the numbers of items (axis 1 of its other inputs) that one call may process,
            the largest first; empty for the first stage.
        exact: regular expressions for the names of operations that are not quantised to int8.
    """

    name: str
    inputs: int
    items_a_call: tuple[int, ...] = ()
    exact: tuple[str, ...] = ()


class Pass(Protocol):
    """The run of one picture through a network.

    Attributes:
        outputs: the outputs of the first stage, float32, without the one that stays inside the engine.
    """

    @property
    def outputs(self) -> Sequence[Floats]: ...

    def head(self, name: str, *inputs: npt.NDArray) -> list[Floats]:
        """Return the outputs (1, N, …) of a head for its inputs (1, N, …) without the first one."""

    def kept(self) -> npt.NDArray:
        """Return a copy of the output that stays inside the engine."""


class Runner(Protocol):
    """The stages of one network, ready to run.

    Attributes:
        stages: the stages of the network.
        name: the name of the engine, "openvino" or "tensorflow".
        precision: the numerical precision, "f32", "bf16" or "int8".
        few_shapes: whether each new picture shape is so expensive that there should be few of them.
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
