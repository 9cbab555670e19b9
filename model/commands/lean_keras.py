"""Lean Keras: imported without what it imports, where it is installed, for plots and wrappers of its own.

That is a third of the time of `import keras`, which imports TensorFlow too. No command uses any of it through
Keras.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

LEFT_OUT = ("matplotlib", "sklearn")
"""Keras does without if they are not installed; once it is imported, others can import them."""
WITH_KERAS = ("keras", "tensorflow")
"""Whichever is imported first imports the other."""


def import_lean() -> None:
    """Have Keras imported so in this process, if it has not been yet."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    """Finds Keras and TensorFlow as others do, to be imported lean."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in WITH_KERAS:
            return None
        others = (finder for finder in sys.meta_path if not isinstance(finder, _Finder))
        spec = next((found for finder in others if (found := finder.find_spec(name, path, target))), None)
        if spec is not None and spec.loader is not None:
            loader: Any = spec.loader
            loader.exec_module = partial(_executed, loader.exec_module)
        return spec


def _executed(execute: Callable[[ModuleType], None], module: ModuleType) -> None:
    with _left_out():
        execute(module)


@contextmanager
def _left_out() -> Iterator[None]:
    """Have imports of these fail as if they were not installed."""
    missing = [name for name in LEFT_OUT if name not in sys.modules]
    hidden: dict[str, Any] = dict.fromkeys(missing)  # None: it cannot be imported
    sys.modules.update(hidden)
    try:
        yield
    finally:
        for name in missing:
            sys.modules.pop(name, None)
