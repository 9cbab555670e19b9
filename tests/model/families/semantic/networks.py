"""Networks that are functions, and models around them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from model.families.semantic.config import SemanticConfig
from model.families.semantic.family import SemanticFamily
from model.families.semantic.predictor import SemanticPredictor
from model.results.result import Result, Wishes
from model.stopwatch import Stopwatch
from model.storage.manifest import Manifest

Network = Callable[[npt.NDArray[np.float32]], npt.NDArray]
"""float32 (1, H, W, C) → (1, H', W', K), or (1, H', W') class ids."""


@dataclass
class FunctionPass:
    outputs: Sequence[npt.NDArray]

    def head(self, name: str, *inputs: npt.NDArray) -> list[npt.NDArray]:
        raise NotImplementedError


@dataclass
class FunctionRunner:
    """`stages.Runner` over a function; notes what it is given."""

    network: Network
    few_shapes: bool = False
    name: str = "function"
    precision: str = "f32"
    pictures: list[npt.NDArray[np.float32]] = field(default_factory=list)

    def start(self, picture: npt.NDArray[np.float32]) -> FunctionPass:
        self.pictures.append(picture)
        return FunctionPass([self.network(picture)])


def manifest(config: dict[str, Any], classes: Sequence[str] = ("thing",), **values: Any) -> Manifest:
    """A model's, with these classes beside the background."""
    about = {"name": "toy", "version": "1", "family": "semantic", "task": "semantic", "licence": "CC0-1.0"}
    about |= {"source": "a test", "weights": "w", "files": {"w": "0"}, "threshold": 0.5}
    return Manifest.model_validate(
        about | {"classes": ["background", *classes], "config": SemanticConfig(**config).to_json()} | values
    )


def predictor_of(runner: FunctionRunner, model: Manifest) -> SemanticPredictor:
    SemanticFamily().check(model)
    return SemanticFamily().predictor(model, runner)


def predict(
    network: Network | FunctionRunner, model: Manifest, image: npt.NDArray[np.uint8], **wishes: Any
) -> Result:
    """What a model with this network answers for a whole picture."""
    runner = network if isinstance(network, FunctionRunner) else FunctionRunner(network)
    return predictor_of(runner, model).predict(
        image,
        Wishes(**wishes),
        size=(image.shape[1], image.shape[0]),
        stopwatch=Stopwatch(),
        turn=nullcontext,
    )


def brightness(picture: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """A network for one class: bright pixels are probable."""
    return picture.mean(axis=3, keepdims=True)


def blurred_brightness(picture: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The same, of what lies within 8 pixels; beyond the picture it sees zeros, as a convolution does."""
    grey = cv2.blur(picture[0].mean(axis=2), (17, 17), borderType=cv2.BORDER_CONSTANT)
    return np.asarray(grey)[np.newaxis, :, :, np.newaxis]


def own_channels(picture: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """A network for three classes: the probability of each is one of the picture's channels."""
    return picture


def clouds(width: int, height: int, seed: int = 0) -> npt.NDArray[np.uint8]:
    """uint8 (H, W, 3): smooth colours."""
    coarse = np.random.default_rng(seed).integers(0, 256, (height // 20 + 2, width // 20 + 2, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def patches(size: tuple[int, int], *rectangles: tuple[int, int, int, int]) -> npt.NDArray[np.uint8]:
    """uint8 (H, W, 3), black with white rectangles x1 y1 x2 y2."""
    image = np.zeros((size[1], size[0], 3), np.uint8)
    for x1, y1, x2, y2 in rectangles:
        image[y1:y2, x1:x2] = 255
    return image
