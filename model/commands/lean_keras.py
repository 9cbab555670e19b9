"""Lean Keras: imports Keras without the plotting and wrapper packages that it imports if they are installed.

They take a third of the time of `import keras`, and no command uses them through Keras.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from model.commands.import_hook import import_inside

LEFT_OUT = ("matplotlib", "sklearn")
"""Keras works without these packages. After Keras is imported, other code can import them."""
WITH_KERAS = ("keras", "tensorflow")
"""Each of the two imports the other, so either may be imported first."""


def import_lean() -> None:
    """Leave these packages out when this process imports Keras; no effect if it has been imported."""
    import_inside(_left_out, WITH_KERAS)


@contextmanager
def _left_out() -> Iterator[None]:
    """Make imports of these packages fail as if they were not installed."""
    missing = [name for name in LEFT_OUT if name not in sys.modules]
    hidden: dict[str, Any] = dict.fromkeys(missing)  # None means that the module cannot be imported
    sys.modules.update(hidden)
    try:
        yield
    finally:
        for name in missing:
            sys.modules.pop(name, None)
