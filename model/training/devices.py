"""Devices: several GPUs that share each batch, by Keras' own distribution."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras


@contextmanager
def share_batches(count: int) -> Iterator[None]:
    """While open, networks that are built share each batch between `count` devices.

    Raises:
        ValueError: the backend cannot, or there are fewer devices.
    """
    if count == 1:
        yield
        return
    backend = keras.backend.backend()
    if backend != "jax":
        raise ValueError(
            f"--devices {count} needs Keras on JAX, and it runs on {backend}: pip install jax, and set "
            "KERAS_BACKEND=jax"
        )
    found = keras.distribution.list_devices()
    if len(found) < count:
        raise ValueError(
            f"--devices {count}: there are only {len(found)} ({', '.join(found)}): give at most that many"
        )
    before = keras.distribution.distribution()
    keras.distribution.set_distribution(
        keras.distribution.DataParallel(devices=found[:count], auto_shard_dataset=False)
    )
    try:
        yield
    finally:
        keras.distribution.set_distribution(before)
