"""Progress: a line on standard error that says how much of a local run is written."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from tqdm import tqdm

from pipelines.outputs import Outputs, pictures_in

_SECONDS = 1.0


@contextmanager
def progress(rows: Rows) -> Iterator[None]:
    """Show how many of the pictures have rows, while the block runs.

    It looks at the files, since Beam tells counters of other processes only at the end.
    """
    ended = threading.Event()
    with tqdm(total=rows.total, initial=rows.total - rows.left, unit="image") as bar:

        def follow() -> None:
            while not ended.wait(_SECONDS):
                bar.update(rows.new())

        thread = threading.Thread(target=follow, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            bar.update(rows.new())


class Rows:
    """Counts the pictures at some addresses that have rows, each once.

    Attributes:
        total: how many pictures there are.
    """

    def __init__(self, outputs: Outputs, listed: Collection[str]) -> None:
        """Read what is written already. Raises Damaged."""
        self._outputs = outputs
        self._left = set(listed)
        self._seen: set[str] = set()
        self.total = len(listed)
        self._read_new()

    @property
    def left(self) -> int:
        """How many have none yet."""
        return len(self._left)

    def new(self) -> int:
        """How many have rows since the last call."""
        try:
            return self._read_new()
        except OSError:  # the next call may succeed; the run does not depend on it
            return 0

    def _read_new(self) -> int:
        tables = [path for path in self._outputs.tables() if path not in self._seen]
        found = {uri for path in tables for uri, _ in pictures_in(path)} & self._left
        self._seen.update(tables)
        self._left -= found
        return len(found)
