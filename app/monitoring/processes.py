"""Processes: which of the service's are alive, what each uses, and what the dead ones had counted."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import mark_process_dead
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from app.monitoring import counts
from app.monitoring.counts import CountsFile

CGROUP = Path("/sys/fs/cgroup")
"""Where a container sees the limits that it was given."""

_UNLIMITED = 2**62  # version 1 of cgroups has no word for it, but a number near 2 ** 63


class Processes:
    """The processes that keep their metrics in one folder (prometheus_client's multiprocess mode).

    A process is alive as long as it holds the lock on its file PID.alive: the kernel frees that lock however
    the process ends, and a number that was given out anew takes no other process for it, as /proc would.
    """

    def __init__(self, folder: Path) -> None:
        """Join the processes of `folder`, which is made where there is none.

        Raises:
            OSError: the folder, or this process's files in it, cannot be had.
        """
        self.folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        if os.fstat(self._folder).st_uid not in (os.geteuid(), 0):  # in /tmp anybody may have put it there
            raise PermissionError(f"{folder} belongs to another user")
        fcntl.flock(self._folder, fcntl.LOCK_SH)  # so systemd takes nothing of it for old (tmpfiles.d(5))
        self._lock = folder / "lock"
        self._lock.touch()
        with self.alone():
            self._bury_the_dead()  # one of them may have had this process's number
            self._alive = (folder / f"{os.getpid()}.alive").open("w")
            fcntl.flock(self._alive, fcntl.LOCK_EX)
            counts.prepare(folder)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let no other process look at the folder, or change what it holds of the dead, meanwhile."""
        with self._lock.open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def living(self) -> list[int]:
        """The living, by number. What the dead had counted is kept. Call it `alone`."""
        return sorted(int(path.stem) for path in self._bury_the_dead())

    def _bury_the_dead(self) -> list[Path]:
        """The files of the living. A dead process for whose counts there is no room stays as it is."""
        living = []
        for path in self.folder.glob("*.alive"):
            with path.open() as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    living.append(path)
                    continue
            with suppress(OSError):
                mark_process_dead(path.stem, self.folder)
                for kind in ("counter", "histogram"):
                    self._add_to_the_dead(kind, path.stem)
                path.unlink()
        return living

    def _add_to_the_dead(self, kind: str, process: str) -> None:
        """Into one file: else each process ever replaced would leave one for every scrape to read.

        Raises:
            OSError: nothing was added.
        """
        left = self.folder / f"{kind}_{process}.db"
        if not left.exists():
            return
        found = {key: value for key, value, *_ in CountsFile.read_all_values_from_file(str(left))}
        dead = CountsFile(str(self.folder / f"{kind}_dead.db"))
        dead.make_room(found)
        for key, value in found.items():
            dead.write_value(key, dead.read_value(key)[0] + value, 0.0)
        dead.close()
        left.unlink()


class Usage(Collector):
    """CPU time, memory and files of processes, each under its number, and how much memory they may have."""

    def __init__(self, processes: list[int], cgroup: Path = CGROUP) -> None:
        self._processes = processes
        self._cgroup = cgroup

    def collect(self) -> Iterator[Metric]:
        families: dict[str, Metric] = {}
        for process in self._processes:
            for found in ProcessCollector("maskserve", pid=process.__int__, registry=None).collect():
                family = families.setdefault(found.name, Metric(found.name, found.documentation, found.type))
                for sample in found.samples:
                    family.add_sample(sample.name, {"pid": str(process)}, sample.value)
        yield from families.values()
        limit = memory_limit(self._cgroup)
        if limit is not None:
            yield GaugeMetricFamily(
                "maskserve_memory_limit_bytes", "Memory that the container may have.", value=limit
            )


def memory_limit(cgroup: Path = CGROUP) -> int | None:
    """The bytes of memory that a container may have; None: no limit, or no cgroup."""
    for name in ("memory.max", "memory/memory.limit_in_bytes"):  # version 2 and 1
        try:
            text = (cgroup / name).read_text().strip()
        except OSError:
            continue
        return None if text == "max" or int(text) >= _UNLIMITED else int(text)
    return None
