"""A memory cgroup: gives a service the memory limit of its container, and measures its memory."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_LIMIT, _USED = ("memory.max", "memory.limit_in_bytes"), ("memory.current", "memory.usage_in_bytes")
"""File names in cgroup version 2 and in version 1."""


class Cgroup:
    """A group of processes with a memory limit."""

    def __init__(self, folder: Path) -> None:
        self._processes = folder / "cgroup.procs"
        (self._used,) = (folder / name for name in _USED if (folder / name).exists())
        self._statistics = folder / "memory.stat"

    def running(self, words: Sequence[str | Path]) -> list[str | Path]:
        """A command line that runs the given one in the cgroup, from its start."""
        return ["sh", "-c", 'echo $$ > "$0" && exec "$@"', self._processes, *words]

    def mebibytes(self) -> float:
        """Memory of its processes that the kernel cannot reclaim: without cached files."""
        lines = (line.split() for line in self._statistics.read_text().splitlines())
        files = {"inactive_file", "active_file"}
        cached = sum(int(value) for name, value in lines if name in files)
        return (int(self._used.read_text()) - cached) / 2**20


@contextmanager
def memory_cgroup(limit_bytes: int) -> Iterator[Cgroup | None]:
    """A cgroup below that of this process, removed at the end of the block; None if it cannot be created."""
    folder = _own_folder() / f"maskserve-{os.getpid()}"
    try:
        folder.mkdir()
    except OSError:  # no permission, or no cgroups
        yield None
        return
    try:
        limits = [folder / name for name in _LIMIT if (folder / name).exists()]
        if not limits:  # version 2, with the memory controller not enabled at this level
            yield None
            return
        limits[0].write_text(str(limit_bytes))
        yield Cgroup(folder)
    finally:
        for _ in range(50):  # until the kernel has removed the ended processes
            with suppress(OSError):
                folder.rmdir()
                break
            time.sleep(0.1)


def _own_folder() -> Path:
    memberships = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]
    for _, controllers, path in memberships:
        if "memory" in controllers.split(","):
            return _ROOT / "memory" / path.lstrip("/")
    (path,) = (path for _, controllers, path in memberships if not controllers)
    return _ROOT / path.lstrip("/")
