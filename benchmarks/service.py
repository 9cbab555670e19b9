"""The service as it is deployed: start, memory, clients, and overload."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.cgroup import Cgroup
from benchmarks.footprint import descendants
from benchmarks.pictures import SAMPLE
from benchmarks.resident import resident_megabytes
from model.pictures import read

ROOT = Path(__file__).parents[1]
CLIENTS = (1, 2, 4, 8, 16)
SECONDS = 8
OVERLOAD = 4
"""Request rate in the overload test, as a multiple of the service's maximum."""
REQUESTS, SETTLED = 1000, 100


class Server:
    """A running service, and the time until it was ready."""

    def __init__(self, cgroup: Cgroup | None = None, **environment: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        start = time.perf_counter()
        words = [Path(sys.executable).with_name("uwsgi"), ROOT / "uwsgi.ini"]
        self.process = subprocess.Popen(
            cgroup.running(words) if cgroup else words,
            env={**os.environ, "PORT": str(self.port), "VIRTUAL_ENV": sys.prefix, **environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while self.request("GET", "/readyz")[0] != 200:
            time.sleep(0.01)
        self.seconds_to_ready = time.perf_counter() - start

    def request(
        self, method: str, path: str, body: bytes = b"", content_type: str = "image/png"
    ) -> tuple[int, float]:
        """The HTTP status, 0 if there was no answer, and milliseconds."""
        start = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body or None, {"Content-Type": content_type} if body else {})
            response = connection.getresponse()
            response.read()
            status = response.status
        except OSError:
            assert self.process.poll() is None, "the service ended"
            status = 0
        finally:
            connection.close()
        return status, (time.perf_counter() - start) * 1000

    def segment(self, picture: bytes) -> tuple[int, float]:
        """The HTTP status and milliseconds for one picture."""
        return self.request("POST", "/api/v1/segment", picture)

    def megabytes(self) -> float:
        """Total resident memory of the workers, without uWSGI's master and router."""
        resident = [resident_megabytes(process) for process in descendants(self.process.pid)]
        return sum(megabytes for megabytes in resident if megabytes > 100)


@contextmanager
def running(cgroup: Cgroup | None = None, **environment: str) -> Iterator[Server]:
    """A service on a free port of this machine, stopped at the end of the block."""
    server = Server(cgroup, **environment)
    try:
        yield server
    finally:
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(60)


def start_and_memory() -> dict[str, Any]:
    """Seconds until ready, at the second start, with files cached; and megabytes over a thousand sizes."""
    with running():
        pass
    with running() as server:
        ready, idle = server.seconds_to_ready, server.megabytes()
        pictures = _pictures_of_changing_size()
        held = []
        for _ in range(REQUESTS):
            status, _ = server.segment(next(pictures))
            assert status == 200, status
            held.append(server.megabytes())
    # The same number of requests in each, since the maximum of more would be higher by chance.
    early, late = max(held[SETTLED : 2 * SETTLED]), max(held[-SETTLED:])
    return {
        "seconds_to_ready": round(ready, 2),
        "idle_megabytes": round(idle),
        f"megabytes_after_{SETTLED}": round(early),
        f"megabytes_after_{REQUESTS}": round(late),
        "growth": f"{late / early - 1:.1%}",
        "most_megabytes": round(max(held)),
    }


def clients(**environment: str) -> list[dict[str, Any]]:
    """Throughput and latency by number of clients; each sends a request as soon as it has an answer."""
    picture = SAMPLE.read_bytes()
    rows = []
    with running(**environment) as server:
        for _ in range(10):
            server.segment(picture)
        for count in CLIENTS:
            answers = _together(server, picture, count, SECONDS)
            times = [time_ms for status, time_ms in answers if status == 200]
            p50, p95, p99 = np.percentile(times, (50, 95, 99))
            rows.append(
                {
                    "clients": count,
                    "answers_a_second": round(len(times) / SECONDS, 1),
                    "p50_ms": round(p50),
                    "p95_ms": round(p95),
                    "p99_ms": round(p99),
                    "refused": len(answers) - len(times),
                    "megabytes": round(server.megabytes()),
                }
            )
    return rows


def overload() -> dict[str, Any]:
    """Send requests at four times the maximum rate of the service, without waiting for answers."""
    picture = SAMPLE.read_bytes()
    with running() as server:
        for _ in range(10):
            server.segment(picture)
        peak = len(_together(server, picture, 8, SECONDS)) / SECONDS
        answers: list[tuple[int, float]] = []
        threads = []
        start = time.perf_counter()
        for index in range(int(OVERLOAD * peak * SECONDS)):
            time.sleep(max(0.0, start + index / (OVERLOAD * peak) - time.perf_counter()))
            thread = threading.Thread(target=lambda: answers.append(server.segment(picture)))
            thread.start()
            threads.append(thread)
        for thread in threads:
            thread.join()
        seconds = time.perf_counter() - start
    useful = [time_ms for status, time_ms in answers if status == 200]
    refused = [time_ms for status, time_ms in answers if status == 503]
    p50, p95 = np.percentile(refused, (50, 95)) if refused else (0.0, 0.0)
    return {
        "peak_answers_a_second": round(peak, 1),
        "offered_a_second": round(OVERLOAD * peak, 1),
        "useful_answers_a_second": round(len(useful) / seconds, 1),
        "share_of_peak": f"{len(useful) / seconds / peak:.0%}",
        "refused": len(refused),
        "refused_p50_ms": round(p50, 1),
        "refused_p95_ms": round(p95, 1),
        "otherwise": len(answers) - len(useful) - len(refused),
    }


def _together(server: Server, picture: bytes, count: int, seconds: float) -> list[tuple[int, float]]:
    answers: list[tuple[int, float]] = []
    end = time.perf_counter() + seconds

    def client() -> None:
        while time.perf_counter() < end:
            answers.append(server.segment(picture))

    run_together([client] * count)
    return answers


def run_together(jobs: Sequence[Callable[[], object]]) -> None:
    """Run each job in its own thread; return when all are done."""
    threads = [threading.Thread(target=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _pictures_of_changing_size() -> Iterator[bytes]:
    rng, sample = np.random.default_rng(0), read(SAMPLE)
    while True:
        width, height = (int(side) for side in rng.integers(40, 640, 2))
        yield cv2.imencode(".png", cv2.resize(sample, (width, height)))[1].tobytes()
