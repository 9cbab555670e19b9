"""What the fixtures of foreign models hand out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

MakeOnnx = Callable[..., Path]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class KerasFiles:
    """The same network in every kind of file that Keras and TensorFlow write.

    Attributes:
        keras: `.keras`; takes any size and three channels, gives two with a softmax.
        h5: whole model.
        weights_only: `.h5` without the network.
        saved_model: folder.
        tflite: for 32 × 48 pixels.
        picture: float32 (1, 32, 48, 3).
        answer: float32 (1, 32, 48, 2), by Keras.
    """

    keras: Path
    h5: Path
    weights_only: Path
    saved_model: Path
    tflite: Path
    picture: Floats
    answer: Floats
