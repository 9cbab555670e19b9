"""Family: what a kind of model gives, so that everything outside its folder can do without its name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from model.engines.stages import Runner, StageSpec
from model.manifest import Bundle, Manifest
from model.result import Result, Wishes
from model.stopwatch import Stopwatch

Task = Literal["instance", "semantic"]
Size = tuple[int, int]
"""(width, height) in pixels."""


class UnknownClass(ValueError):
    """A class that the model does not know."""


class Predictor(Protocol):
    """A model that answers for pictures."""

    def enough(self, size: Size) -> Size:
        """To what (width, height) a picture of `size` may be reduced without a loss to the network."""

    def predict(
        self,
        image: npt.NDArray[np.uint8],
        wishes: Wishes,
        *,
        size: Size,
        stopwatch: Stopwatch,
        before_each_tile: Callable[[], None],
    ) -> Result:
        """What is in a picture.

        Args:
            image: uint8 (H, W, 3), RGB: the picture, or a reduced copy that `enough` allows.
            wishes: what the caller asks for.
            size: (width, height) of the picture; the result is in its pixels.
            stopwatch: measures the stages "infer" and "masks".
            before_each_tile: called so; what it raises ends the work on a picture that takes too long.

        Raises:
            UnknownClass: `wishes` names a class that the model does not know; says which it knows.
            ValueError: `image` is no copy that `enough` allows.
        """


class Family(Protocol):
    """A kind of model.

    Attributes:
        name: as `family` in a bundle's model.json.
        task: of its models.
    """

    @property
    def name(self) -> str: ...

    @property
    def task(self) -> Task: ...

    def check(self, manifest: Manifest) -> None:
        """Raise ValueError, saying what would be right, unless the manifest makes a model of this family."""

    def input_policy(self, manifest: Manifest) -> dict[str, Any]:
        """How pictures are brought to the network's size, for callers who want to know."""

    def stages(self, manifest: Manifest) -> Sequence[StageSpec]:
        """What engines compile and run."""

    def largest_picture(self, manifest: Manifest) -> tuple[int, ...]:
        """The shape (1, H, W, C) of the largest picture that the first stage will see.

        Raises:
            ValueError: there is none.
        """

    def reference(self, bundle: Bundle, threads: int | None) -> Runner:
        """The network run by TensorFlow from the bundle's weights, to which other engines are held.

        Raises:
            ModuleNotFoundError: TensorFlow is not installed.
            NoReference: the bundle has compiled stages only.
        """

    def predictor(self, manifest: Manifest, runner: Runner) -> Predictor:
        """The model, run by `runner`."""
