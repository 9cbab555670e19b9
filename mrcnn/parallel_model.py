"""Training on several GPUs, which Matterport's library did by copying the model to each."""

from __future__ import annotations

from typing import Any


class ParallelModel:
    """A name that old scripts import; it cannot be made."""

    def __init__(self, keras_model: Any, gpu_count: int) -> None:
        raise NotImplementedError(
            f"ParallelModel (for {gpu_count} GPUs) built graphs of TensorFlow 1. Set GPU_COUNT = 1, and "
            "IMAGES_PER_GPU to the size of the whole batch. To share batches between devices, train with "
            "`python -m model train`: see docs/training.md"
        )
