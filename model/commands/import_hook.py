"""Import hook: runs the import of some modules inside a context."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from functools import partial
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

Context = Callable[[], AbstractContextManager[object]]
"""Returns the context for one import."""


def import_inside(context: Context, names: Collection[str]) -> None:
    """From now on, import the modules of these names inside `context`; a second call with it has no effect.

    Modules that are imported already stay as they are.
    """
    if not any(isinstance(finder, _Finder) and finder.context is context for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder(context, names))


class _Finder(MetaPathFinder):
    """Leaves finding to the finders after it, and wraps the execution of the modules of these names."""

    def __init__(self, context: Context, names: Collection[str]) -> None:
        self.context = context
        self._names = names

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in self._names:
            return None
        others = sys.meta_path[sys.meta_path.index(self) + 1 :]
        spec = next((found for finder in others if (found := finder.find_spec(name, path, target))), None)
        if spec is not None and spec.loader is not None:
            loader: Any = spec.loader
            loader.exec_module = partial(self._execute, loader.exec_module)
        return spec

    def _execute(self, execute: Callable[[ModuleType], None], module: ModuleType) -> None:
        with self.context():
            execute(module)
