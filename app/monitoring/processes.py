"""Processes: which of the service's processes are alive, what each uses, and what ended ones had counted."""

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
"""Where a container sees its own resource limits."""

_UNLIMITED = 2**62  # version 1 of cgroups writes a number near 2 ** 63 for "no limit"


class Processes:
    """The processes that keep their metrics in one folder (prometheus_client's multiprocess mode).

    A process is alive as long as it holds the lock on its file PID.alive, which the kernel releases however
    the process ends. /proc would not do, because another process may have received the same PID since.
    """

    def __init__(self, folder: Path) -> None:
        """Join the processes of `folder`, which is created if it is missing.

        Raises:
            OSError: the folder, or this process's files in it, cannot be created or belong to another user.
        """
        self.folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        if os.fstat(self._folder).st_uid not in (os.geteuid(), 0):  # in /tmp, anyone may have created it
            raise PermissionError(f"{folder} belongs to another user")
        fcntl.flock(self._folder, fcntl.LOCK_SH)  # so that systemd does not clean it up (tmpfiles.d(5))
        self._lock = folder / "lock"
        self._lock.touch()
        with self.alone():
            self._bury_the_dead()  # one of them may have had this process's PID
            self._alive = (folder / f"{os.getpid()}.alive").open("w")
            fcntl.flock(self._alive, fcntl.LOCK_EX)
            counts.prepare(folder)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Lock the folder against other processes in the `with` block."""
        with self._lock.open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def living(self) -> list[int]:
        """The PIDs of the living processes, sorted. Counts of ended ones are kept. Call it in `alone`."""
        return sorted(int(path.stem) for path in self._bury_the_dead())

    def _bury_the_dead(self) -> list[Path]:
        """Add up the counts of ended processes; returns the files of the living ones.

        If there is no disk space for that, the files of an ended process stay as they are.
        """
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
        """Add the counts of an ended process to a common file, so that scrapes need not read ever more files.

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
    """CPU time, memory and open files of processes, by PID, and the container's memory limit."""

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
                "maskserve_memory_limit_bytes", "Memory limit of the container.", value=limit
            )


def memory_limit(cgroup: Path = CGROUP) -> int | None:
    """The container's memory limit in bytes; None if there is no limit or no cgroup."""
    for name in ("memory.max", "memory/memory.limit_in_bytes"):  # version 2 and 1
        try:
            text = (cgroup / name).read_text().strip()
        except OSError:
            continue
        return None if text == "max" or int(text) >= _UNLIMITED else int(text)
    return None
