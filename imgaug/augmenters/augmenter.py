"""Augmenter: what all augmenters have in common."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

import numpy as np
import numpy.typing as npt

from imgaug.hooks import HooksImages
from imgaug.randomness import generator_of, shared

Self = TypeVar("Self", bound="Augmenter")


@dataclass(frozen=True)
class Run:
    """One call of the outermost augmenter.

    Attributes:
        hooks: of the caller.
        of_masks: the arrays are masks: only augmenters that move pixels run, and no values are blended.
    """

    hooks: HooksImages = field(default_factory=HooksImages)
    of_masks: bool = False


class Augmenter:
    """Changes images at random.

    Args:
        seed: own random numbers; by default all augmenters share those that `imgaug.seed` starts anew. Within
            another augmenter, only the outermost one's are used.
        name: shown in `repr`.
        random_state: the old name of `seed`.
        deterministic: do the same in each call.
    """

    moves_pixels: ClassVar[bool] = False
    """Whether masks have to follow."""

    def __init__(
        self, seed: Any = None, name: str | None = None, random_state: Any = None, deterministic: bool = False
    ) -> None:
        self.name = name or f"Unnamed{type(self).__name__}"
        self._generator = generator_of(seed if seed is not None else random_state)
        self._fixed_seed = self._next_seed() if deterministic is True else None

    @property
    def deterministic(self) -> bool:
        """Whether it does the same in each call."""
        return self._fixed_seed is not None

    def to_deterministic(self: Self, n: int | None = None) -> Any:
        """A copy that does the same in each call, so that masks follow their image; or a list of n such."""
        if n is not None:
            return [self.to_deterministic() for _ in range(n)]
        fixed = copy.copy(self)
        fixed._fixed_seed = self._next_seed()
        return fixed

    def localize_random_state(self: Self, recursive: bool = True) -> Self:
        """A copy with its own random numbers."""
        own = copy.copy(self)
        own._generator = np.random.default_rng(self._next_seed())
        return own

    def augment_image(self, image: npt.NDArray, hooks: HooksImages | None = None) -> npt.NDArray:
        """A changed copy of an image (H, W) or (H, W, channels), in its dtype."""
        return self.augment_images([image], hooks=hooks)[0]

    def augment_images(
        self, images: Sequence[npt.NDArray] | npt.NDArray, hooks: HooksImages | None = None
    ) -> Any:
        """A list of changed copies, or an array if `images` is one and all still have the same shape."""
        augmented = self._augment_all(images, Run(hooks or HooksImages()))
        as_array = isinstance(images, np.ndarray) and len({image.shape for image in augmented}) == 1
        return np.stack(augmented) if as_array else augmented

    def augment_masks(self, masks: npt.NDArray, hooks: HooksImages | None = None) -> npt.NDArray:
        """Masks (H, W, N) moved as `augment_image` of the same deterministic augmenter moves their image.

        Pixels keep their values, which come from the nearest pixel; those from beyond the edge are 0.
        """
        return self._augment_all([masks], Run(hooks or HooksImages(), of_masks=True))[0]

    def __call__(self, image: Any = None, images: Any = None, **others: Any) -> Any:
        if others or (image is None) == (images is None):
            raise TypeError(
                f"{type(self).__name__} takes image=… or images=…, not {sorted(others) or 'both or none'}: "
                "MaskServe's stand-in for imgaug augments images and, with augment_masks, masks"
            )
        return self.augment_image(image) if images is None else self.augment_images(images)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"{type(self).__name__} has no {name!r}: MaskServe's stand-in for imgaug has augment_image, "
            "augment_images, augment_masks, to_deterministic and localize_random_state"
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r}, deterministic={self.deterministic})"

    def run(
        self, image: npt.NDArray, rng: np.random.Generator, run: Run, parents: list[Augmenter]
    ) -> npt.NDArray:
        """Change an image within another augmenter, which gives it the random numbers of `rng`."""
        own = rng if self._fixed_seed is None else np.random.default_rng(self._fixed_seed)
        return self._hooked(image, own, run, parents)

    def _hooked(
        self, image: npt.NDArray, rng: np.random.Generator, run: Run, parents: list[Augmenter]
    ) -> npt.NDArray:
        if run.of_masks and not self.moves_pixels:
            return image
        if not run.hooks.is_activated([image], self, parents, True):
            return image
        (before,) = run.hooks.preprocess([image], self, parents)
        after = self._augmented(before, rng, run, parents)
        return run.hooks.postprocess([after], self, parents)[0]

    def _augmented(
        self, image: npt.NDArray, rng: np.random.Generator, run: Run, parents: list[Augmenter]
    ) -> npt.NDArray:
        """The changed image. What is drawn from `rng` must not depend on whether it is one of masks."""
        raise NotImplementedError

    def _augment_all(self, images: Sequence[npt.NDArray] | npt.NDArray, run: Run) -> list[npt.NDArray]:
        seed = self._next_seed() if self._fixed_seed is None else self._fixed_seed
        return [
            self._hooked(image.copy(), np.random.default_rng([seed, index]), run, [])
            for index, image in enumerate(images)
        ]

    def _next_seed(self) -> int:
        return int((self._generator or shared()).integers(2**63))
