"""Precision: the dtype policy with which a network is built."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras

from model.training.plan import Precision


@contextmanager
def computing_in(precision: Precision) -> Iterator[None]:
    """While open, layers that are built compute in `precision`; their weights stay float32."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
