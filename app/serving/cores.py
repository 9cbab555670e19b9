"""Cores: how many cores one process may use; in a container often fewer than the machine has."""

from __future__ import annotations

import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
"""Where a container sees its own resource limits."""


def share_of_cores(processes: int, cgroup: Path = CGROUP) -> int | None:
    """Threads per inference, 1 or more, if `processes` processes share the available cores.

    None if one process has all the cores that it can see: the engine then chooses the number of threads best
    (it leaves out hyper-threads and other sockets, and may pin threads to cores).
    """
    visible = _visible_cores()
    limit = cpu_limit(cgroup)
    usable = visible if limit is None else min(visible, limit)
    share = max(1, usable // processes)
    return None if share == visible else share


def cpu_limit(cgroup: Path = CGROUP) -> int | None:
    """The container's CPU limit in cores, rounded up; None if there is no limit or no cgroup.

    More threads than this use up the quota early in each period, and then all are throttled until the next.
    Affinity does not show the limit, and OpenVINO ignores it
    (github.com/openvinotoolkit/openvino/issues/37838).
    """
    try:
        if (cgroup / "cpu.max").exists():  # version 2: "150000 100000", or "max 100000"
            quota, period = (cgroup / "cpu.max").read_text().split()
        else:  # version 1, whose quota is -1 without a limit
            quota, period = (
                (cgroup / "cpu" / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period")
            )
    except OSError:
        return None
    return None if quota == "max" or int(quota) < 0 else -(-int(quota) // int(period))


def _visible_cores() -> int:
    """The number of cores that the scheduler may run this process on (taskset, cpuset)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
