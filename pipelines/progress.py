"""Progress: a line on standard error that says how much of a local run is written."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from tqdm import tqdm

from pipelines.outputs import Outputs, pictures_in

_SECONDS = 1.0


@contextmanager
def progress(outputs: Outputs, listed: Collection[str]) -> Iterator[None]:
    """Show how many of the pictures at these addresses have rows, while the block runs.

    It looks at the files, since Beam tells counters of other processes only at the end.
    """
    rows, ended = _Rows(outputs, listed), threading.Event()
    with tqdm(total=len(listed), initial=rows.new(), unit="image") as bar:

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


class _Rows:
    """Counts the pictures that have rows, each once."""

    def __init__(self, outputs: Outputs, listed: Collection[str]) -> None:
        self._outputs = outputs
        self._left = set(listed)
        self._seen: set[str] = set()

    def new(self) -> int:
        """How many have rows since the last call."""
        try:
            tables = [path for path in self._outputs.tables() if path not in self._seen]
            found = {uri for path in tables for uri, _ in pictures_in(path)} & self._left
        except OSError:  # the next call may succeed; the run does not depend on it
            return 0
        self._seen.update(tables)
        self._left -= found
        return len(found)
