"""Banner: what TensorFlow writes to standard error whenever it is imported, kept from the terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

LEVEL = "TF_CPP_MIN_LOG_LEVEL"
NEWS = "^WARNING: All log messages before absl::InitializeLog|^I[0-9]{4} "
"""Lines of the log that tell nothing but how TensorFlow was built."""
STANDARD_ERROR = 2


def silence() -> None:
    """Keep TensorFlow's news from standard error in this process, unless its user wants all (level 0).

    The level alone does not suffice: what is logged before the log is set up goes out at every level
    (github.com/tensorflow/tensorflow/issues/79029).
    """
    wanted = os.environ.setdefault(LEVEL, "2")  # errors
    if wanted != "0" and not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    """Finds TensorFlow as ever, to be imported with its news filtered out."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != "tensorflow":
            return None
        spec = PathFinder.find_spec(name, path)
        if spec is not None and spec.loader is not None:
            loader: Any = spec.loader
            loader.exec_module = partial(_executed, loader.exec_module)
        return spec


def _executed(execute: Any, module: ModuleType) -> None:
    with _without_news():
        execute(module)


@contextmanager
def _without_news() -> Iterator[None]:
    """Filter standard error, below Python, where TensorFlow writes.

    A process of its own does it: what TensorFlow says before it ends this one, on a processor that it was
    not built for, must come out too.
    """
    if sys.stderr is None:  # closed; what has its number now is another file
        yield
        return
    sys.stderr.flush()
    try:
        terminal = os.dup(STANDARD_ERROR)
        grep = subprocess.Popen(
            ["grep", "--line-buffered", "-v", "-E", NEWS],
            stdin=subprocess.PIPE,
            stdout=terminal,
            start_new_session=True,  # Ctrl-C is for this process
        )
    except OSError:  # there is no grep: then the news comes
        yield
        return
    assert grep.stdin is not None
    try:
        os.dup2(grep.stdin.fileno(), STANDARD_ERROR)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(terminal, STANDARD_ERROR)
        os.close(terminal)
        grep.communicate()
