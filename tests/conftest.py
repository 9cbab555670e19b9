"""For all tests: their order among processes, less work for garbage collection, and Ctrl-C in any shell."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
COMPUTING = HERE / "model"
LAST = (HERE, HERE / "page")  # browsers are kept until the end: the later they start, the better

# Shells have the commands that they start in the background ignore Ctrl-C, which tests send.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread tests of servers and scripts, which mostly wait, evenly among those of models.

    One after the other, all processes would wait at the same time, and leave the cores idle.
    """
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return
    files = list(dict.fromkeys(item.path for item in items))
    early = [file for file in files if file.parent not in LAST]
    place = {
        **dict(_evenly(file for file in early if COMPUTING in file.parents)),
        **dict(_evenly(file for file in early if COMPUTING not in file.parents)),
    }
    items.sort(key=lambda item: place.get(item.path, 1.0))  # keeps the order of what is in the same place


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep the garbage collector off while tests are collected, and from passing over them afterwards.

    Modules and tests stay anyway. With Keras, TensorFlow and ten thousand tests, each full collection would
    take a third of a second.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def _evenly(files: Iterable[Path]) -> Iterator[tuple[Path, float]]:
    """Each with its place, from 0 to 1."""
    listed = list(files)
    return ((file, (number + 0.5) / len(listed)) for number, file in enumerate(listed))
