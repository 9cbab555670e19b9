"""Cores: how many one process may use, which in a container are often fewer than the machine has."""

from __future__ import annotations

import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
"""Where a container sees the limits that it was given."""


def share_of_cores(processes: int, cgroup: Path = CGROUP) -> int | None:
    """Threads for an inference, 1 or more, where `processes` processes share the cores that they may use.

    None where one process has every core it can see: its engine knows best how many threads these bear
    (it leaves out hyper-threads and the memory of other sockets, and may pin the rest).
    """
    visible = _visible_cores()
    limit = cpu_limit(cgroup)
    usable = visible if limit is None else min(visible, limit)
    share = max(1, usable // processes)
    return None if share == visible else share


def cpu_limit(cgroup: Path = CGROUP) -> int | None:
    """The cores' worth of time that a container may use, rounded up; None: no limit, or no cgroup.

    More threads than that use it up early in each period, and then all of them stand still until the next.
    Affinity says nothing of it, nor does OpenVINO look (github.com/openvinotoolkit/openvino/issues/37838).
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
    """Those that the scheduler may put this process on (taskset, cpuset)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
