"""The service on a disk that is full, becomes full, has no room for files or cannot be written to."""

from __future__ import annotations

import errno
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest
from server import Server, needs_uwsgi, started, wait_until

MOUNTED = "mount -t tmpfs -o {options} tmpfs /tmp && {then} exec"
"""A /tmp of its own for what runs next, in a namespace of its own."""


def with_tmp(options: str, then: str = "") -> tuple[str, ...]:
    script = MOUNTED.format(options=options, then=then) + ' "$@"'
    as_root = () if os.geteuid() == 0 else ("--user", "--map-root-user")
    return ("unshare", *as_root, "--mount", "sh", "-c", script, "sh")


def _can_mount() -> bool:
    try:
        return subprocess.run([*with_tmp("size=1m"), "true"], capture_output=True, timeout=10).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


pytestmark = [
    *needs_uwsgi,
    pytest.mark.skipif(not _can_mount(), reason="namespaces for mounts are not allowed here"),
]

FILL = "dd if=/dev/zero of=/tmp/full bs=4k 2>/dev/null;"


def tmp_of(server: Server) -> Path:
    return Path(f"/proc/{server.process.pid}/root/tmp")


def fill(folder: Path) -> None:
    with (folder / "full").open("wb", buffering=0) as file:
        while True:
            try:
                file.write(bytes(4096))
            except OSError as error:
                assert error.errno == errno.ENOSPC
                return


def replace_worker(server: Server) -> None:
    """Kill the worker, and wait for the next one."""
    before = server.workers()
    os.kill(before[-1], signal.SIGKILL)
    wait_until(lambda: len(server.ready_workers()) > len(before) and server.answers(), 30)


def serves(server: Server, png: bytes) -> bool:
    return server.segment(png)[0] == 200 and server.request("GET", "/readyz")[0] == 200


def requests_counted(server: Server) -> float:
    _, _, body = server.request("GET", "/metrics")
    pattern = r'^maskserve_requests_total\{.*route="/api/v1/segment",status="200"\} (\S+)$'
    return sum(map(float, re.findall(pattern, body.decode(), re.MULTILINE)))


def ends_well(server: Server) -> bool:
    server.process.terminate()
    return server.process.wait(20) == 0


@pytest.mark.parametrize(
    ("options", "then"),
    [
        ("size=100k", FILL),
        ("size=500k", ""),  # room for some of the files
        ("nr_inodes=1", ""),  # not even for a folder
        ("nr_inodes=3", ""),  # nor for all files in it
        ("size=1m", "mount -o remount,ro /tmp;"),
    ],
    ids=["full", "nearly full", "no folder", "no files", "read-only"],
)
def test_without_room_on_the_disk_the_service_serves_counts_in_memory_and_ends_well(
    tmp_path: Path, png: bytes, options: str, then: str
) -> None:
    with started(tmp_path / "log", prefix=with_tmp(options, then)) as server:
        wait_until(server.answers, 30)
        assert serves(server, png) and requests_counted(server) == 1
        replace_worker(server)
        assert serves(server, png) and requests_counted(server) == 1
        assert server.log.count("keeps its metrics in memory") == 2  # each process once
        assert ends_well(server)
    assert "Traceback" not in server.log and "signal 7" not in server.log


def test_a_disk_that_becomes_full_ends_no_process(tmp_path: Path, png: bytes) -> None:
    with started(tmp_path / "log", prefix=with_tmp("size=2m")) as server:
        wait_until(server.answers, 30)
        assert serves(server, png)
        fill(tmp_of(server))
        for path in ("/", "/docs", "/openapi.json", "/v2", "/v2/models/stub", "/health", "/nowhere"):
            for method in (
                "GET",
                "POST",
                "PUT",
                "DELETE",
                "PATCH",
                "OPTIONS",
                "TRACE",
            ):  # series of their own
                server.request(method, path)
        assert serves(server, png) and requests_counted(server) == 2
        assert len(server.workers()) == 1

        replace_worker(server)
        assert serves(server, png)
        (tmp_of(server) / "full").unlink()
        replace_worker(server)
        assert serves(server, png)
        assert requests_counted(server) == 3  # what the first one counted is not lost
        assert ends_well(server)
    assert "Traceback" not in server.log and "signal 7" not in server.log
