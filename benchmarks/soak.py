"""The soak: the memory of a service after thousands of requests of hundreds of kinds."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

import numpy as np

from benchmarks.footprint import footprint
from benchmarks.kinds import Ask, kinds
from benchmarks.service import Server, run_together, running

KINDS, REQUESTS, ROWS, CLIENTS = 300, 3000, 10, 4


def soak(requests: int = REQUESTS) -> list[dict[str, Any]]:
    """Memory by kind of process after each tenth of the requests, which a few clients send simultaneously."""
    rng = np.random.default_rng(0)
    asks = kinds(KINDS)
    rows: list[dict[str, Any]] = []
    with running() as server:
        for _ in range(ROWS):
            chosen = [asks[index] for index in rng.integers(len(asks), size=requests // ROWS)]
            statuses = _together(server, chosen)
            assert set(statuses) <= {200, 400, 404, 413, 422, 503}, statuses
            refused = sum(statuses.values()) - statuses[200]
            rows.append(
                {"requests": len(rows) * len(chosen) + len(chosen), "refused": refused}
                | footprint(server.process.pid)
            )
            print(rows[-1], flush=True)
    return rows


def _together(server: Server, asks: list[Ask]) -> Counter[int]:
    statuses: Counter[int] = Counter()
    waiting = iter(asks)
    lock = threading.Lock()

    def client() -> None:
        while True:
            with lock:
                ask = next(waiting, None)
            if ask is None:
                return
            status, _ = server.request(ask.method, ask.path, ask.body, ask.content_type)
            with lock:
                statuses[status] += 1

    run_together([client] * CLIENTS)
    return statuses
