from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.serving.cores import cpu_limit, share_of_cores


def cgroup(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return folder


def version_1(quota: int, period: int = 100_000) -> dict[str, str]:
    return {"cpu/cpu.cfs_quota_us": f"{quota}\n", "cpu/cpu.cfs_period_us": f"{period}\n"}


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({}, None),  # no cgroup: another system, or nothing mounted
        ({"cgroup.procs": "1\n"}, None),  # version 2 outside a container: its root has no cpu.max
        ({"cpu.max": "max 100000\n"}, None),  # version 2 without a limit
        ({"cpu.max": "200000 100000\n"}, 2),  # two cores
        ({"cpu.max": "150000 100000\n"}, 2),  # one and a half: a second thread still has work to do
        ({"cpu.max": "25000 100000\n"}, 1),  # a quarter of one: nobody computes with no thread
        ({"cpu.max": "100000 50000\n"}, 2),  # a shorter period
        (version_1(-1), None),  # version 1 without a limit
        (version_1(200_000), 2),
        (version_1(150_000), 2),  # rounded up likewise
        (version_1(10_000, 20_000), 1),
        ({"cpu/cpu.cfs_quota_us": "200000\n"}, None),  # half of a limit says nothing
        ({"cpu.max": "300000 100000\n", **version_1(200_000)}, 3),  # both: version 2 is the one in force
    ],
)
def test_a_cpu_limit_is_read_in_whole_cores(tmp_path: Path, files: dict[str, str], limit: int | None) -> None:
    assert cpu_limit(cgroup(tmp_path, files)) == limit


@pytest.mark.parametrize(
    ("visible", "cpu_max", "processes", "share"),
    [
        (16, None, 1, None),  # alone with the machine: the engine knows best
        (16, "max 100000", 1, None),
        (16, "200000 100000", 1, 2),  # a pod of two cores on a node of sixteen
        (2, "800000 100000", 1, None),  # affinity is smaller than the limit
        (2, "800000 100000", 2, 1),
        (16, None, 4, 4),
        (16, "600000 100000", 4, 1),  # a core and a half each
        (2, None, 5, 1),  # more processes than cores
        (1, None, 1, None),
    ],
)
def test_processes_share_the_cores_that_they_may_use(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    visible: int,
    cpu_max: str | None,
    processes: int,
    share: int | None,
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(visible)), raising=False)
    folder = cgroup(tmp_path, {"cpu.max": cpu_max} if cpu_max else {})
    assert share_of_cores(processes, folder) == share


def test_without_affinity_every_core_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    assert share_of_cores(2, tmp_path) == 4
