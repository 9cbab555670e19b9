"""`python -m benchmarks.version_changes`: a service under load while versions of its model come and go.

It prints how long loads took, how requests fared meanwhile, and memory by number of changes: with the load,
and in pauses before the first change and after the last.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

import numpy as np

from benchmarks.footprint import descendants, footprint
from benchmarks.pictures import SAMPLE
from benchmarks.resident import resident_megabytes
from benchmarks.service import Server, running
from model.catalog import SHIPPED

NAME, VERSIONS = "nuclei", ("8", "9")
KEY = "a-key-for-changes-of-versions"
READINGS = 6  # one a second


class Load:
    """Clients, each of which sends a request as soon as it has an answer, except in pauses."""

    def __init__(self, server: Server, clients: int) -> None:
        self.answers: list[tuple[float, float, int]] = []  # start and end in seconds, HTTP status
        self._server = server
        self._goes_on = threading.Event()
        self._goes_on.set()
        for _ in range(clients):
            threading.Thread(target=self._ask, daemon=True).start()

    def _ask(self) -> None:
        picture = SAMPLE.read_bytes()
        while self._goes_on.wait():
            start = time.perf_counter()
            status, _ = self._server.segment(picture)
            self.answers.append((start, time.perf_counter(), status))

    def pause(self, seconds: float) -> None:
        self._goes_on.clear()
        time.sleep(seconds)

    def go_on(self) -> None:
        self._goes_on.set()

    def p95(self, spans: list[tuple[float, float]]) -> float:
        """The 95th percentile of the seconds that requests took that overlap one of these spans of time."""
        took = [end - start for start, end, _ in self.answers if any(start < b and a < end for a, b in spans)]
        return round(float(np.percentile(took, 95)), 2)


def main() -> None:
    """Change versions and print what was measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.version_changes", description=__doc__)
    parser.add_argument("--changes", type=int, default=50)
    parser.add_argument("--clients", type=int, default=2)
    parser.add_argument("--warm-up", type=int, default=240, help="seconds of load before the first change")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for version in VERSIONS:
            _copy(Path(folder, NAME, version), version)
        settings = {"MODEL_DIR": folder, "MODELS": NAME, "ADMIN_KEYS": KEY, "PROCESSES": "2"}
        with running(**{f"MASKSERVE_{name}": value for name, value in settings.items()}) as server:
            _measure(server, Load(server, options.clients), options.changes, options.warm_up)


def _copy(folder: Path, version: str) -> None:
    shutil.copytree(SHIPPED / NAME, folder)
    manifest = folder / "model.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"version": version}))


def _measure(server: Server, load: Load, changes: int, warm_up: int) -> None:
    began = time.perf_counter()
    time.sleep(warm_up)
    before = [(began + warm_up / 2, time.perf_counter())]
    load.pause(10)
    _say_memory("0, paused", server)
    load.go_on()
    time.sleep(10)
    _say_memory("0", server)
    loading, between = [], []
    now, other = reversed(VERSIONS)  # the newest is loaded at the start
    for change in range(1, changes + 1):
        start = time.perf_counter()
        _change(server, "load", other)
        loading.append((start, time.perf_counter()))
        _change(server, "unload", now)
        now, other = other, now
        unloaded = time.perf_counter()
        time.sleep(1)
        between.append((unloaded, time.perf_counter()))
        if change == 1 or change % 5 == 0:
            _say_memory(str(change), server)
    load.pause(10)
    _say_memory(f"{changes}, paused", server)
    statuses = [status for _, _, status in load.answers]
    print(f"requests {len(statuses)}, failed {len(statuses) - statuses.count(200)}")
    print(f"a load took {np.median([end - start for start, end in loading]):.1f} s (median)")
    for name, spans in {"before": before, "while loading": loading, "between": between}.items():
        print(f"p95 {name}: {load.p95(spans)} s")


def _change(server: Server, action: str, version: str) -> None:
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.port}/v2/repository/models/{NAME}/{action}",
        json.dumps({"parameters": {"version": version}}).encode(),
        {"X-API-Key": KEY, "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=200) as answer:
        answer.read()


def _say_memory(changes: str, server: Server) -> None:
    """Print MiB of all processes: shared memory counted once, and once for each process that has it."""
    once, each = [], []
    for _ in range(READINGS):
        once.append(footprint(server.process.pid)["together"])
        each.append(sum(map(resident_megabytes, descendants(server.process.pid))) * 1e6 / 2**20)
        time.sleep(1)
    print(
        f"changes {changes}: {np.mean(once):.0f} MiB ({min(once):.0f} to {max(once):.0f});"
        f" resident {np.mean(each):.0f} ({min(each):.0f} to {max(each):.0f})",
        flush=True,
    )


if __name__ == "__main__":
    main()
