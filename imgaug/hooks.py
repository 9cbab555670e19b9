"""Hooks: functions of the caller that decide which augmenters run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy.typing as npt

Images = Sequence[npt.NDArray]
Decision = Callable[[Images, Any, list[Any], bool], bool]
Change = Callable[[Images, Any, list[Any]], Images]


class HooksImages:
    """What to ask before, and to do around, each augmenter.

    Args:
        activator: takes images, augmenter, the augmenters around it, and a default; returns whether the
            augmenter runs.
        propagator: takes the same; returns whether the children of an augmenter that has some run.
        preprocessor: takes images, augmenter and the augmenters around it; returns the images to augment.
        postprocessor: takes the same after the augmenter; returns the images to go on with.
    """

    def __init__(
        self,
        activator: Decision | None = None,
        propagator: Decision | None = None,
        preprocessor: Change | None = None,
        postprocessor: Change | None = None,
    ) -> None:
        self.activator = activator
        self.propagator = propagator
        self.preprocessor = preprocessor
        self.postprocessor = postprocessor

    def is_activated(self, images: Images, augmenter: Any, parents: list[Any], default: bool) -> bool:
        return self.activator(images, augmenter, parents, default) if self.activator else default

    def is_propagating(self, images: Images, augmenter: Any, parents: list[Any], default: bool) -> bool:
        return self.propagator(images, augmenter, parents, default) if self.propagator else default

    def preprocess(self, images: Images, augmenter: Any, parents: list[Any]) -> Images:
        return self.preprocessor(images, augmenter, parents) if self.preprocessor else images

    def postprocess(self, images: Images, augmenter: Any, parents: list[Any]) -> Images:
        return self.postprocessor(images, augmenter, parents) if self.postprocessor else images
