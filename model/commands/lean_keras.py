"""Lean Keras: imports Keras and TensorFlow without packages that they import if these are installed.

Plots, wrappers and tables take a third of the time of `import keras`. JAX takes another half second:
TensorFlow imports it to convert JAX's models, and Keras for another library's checkpoints. No command uses
them through Keras or TensorFlow.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from model.commands.import_hook import import_inside


@contextmanager
def _without(*packages: str) -> Iterator[None]:
    """Make imports of these packages fail as if they were not installed."""
    missing = [name for name in packages if name not in sys.modules]
    hidden: dict[str, Any] = dict.fromkeys(missing)  # None means that the module cannot be imported
    sys.modules.update(hidden)
    try:
        yield
    finally:
        for name in missing:
            sys.modules.pop(name, None)


LEFT_OUT = {
    # Each of the two imports the other, so either may be imported first.
    ("keras", "tensorflow"): partial(_without, "matplotlib", "pandas", "sklearn"),
    # These modules alone: Keras imports JAX if it runs on it.
    ("keras.src.callbacks.orbax_checkpoint", "tensorflow.lite.python.util"): partial(_without, "jax"),
}
"""The modules that are imported without some packages, which other code can import after them."""


def import_lean() -> None:
    """Leave those packages out when this process imports these modules; no effect if it has imported them."""
    for names, context in LEFT_OUT.items():
        import_inside(context, names)
