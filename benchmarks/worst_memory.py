"""The peak memory of a service as k8s/ runs it: for each kind of heavy request, and for a mix of all.

To measure only some groups: `python -m benchmarks.worst_memory [GROUP…] [--seconds N]`.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks import heavy_requests, report
from benchmarks.cgroup import Cgroup, memory_cgroup
from benchmarks.exchange import Answer, exchange, hold_unread
from benchmarks.footprint import descendants, footprint, peak_mebibytes
from benchmarks.kinds import Ask
from benchmarks.pictures import SAMPLE
from benchmarks.service import ROOT, Server, run_together, running

MIX_SECONDS = 180
_MOST_REQUESTS = 5000
_SAMPLE_SECONDS, _PROBE_SECONDS = 0.05, 0.5
_CLIENTS = 20
_SILENT_CLIENTS, _SILENT_SECONDS = 8, 20
_BURST_SECONDS = 15
_BACK_OFF_SECONDS = 0.5
"""Before the next request after a 503: some clients retry earlier than the service tells them."""

GROUPS: dict[str, Callable[[], heavy_requests.Asks]] = {
    "formats": heavy_requests.of_formats,
    "outputs": heavy_requests.of_outputs,
    "batches": heavy_requests.of_batches,
    "hostile": heavy_requests.of_hostile,
}
TOGETHER = ("uploads", "silent", "mix")


class Watched:
    """A service under load, whose memory and probe are monitored."""

    def __init__(self, server: Server, cgroup: Cgroup | None) -> None:
        self.server = server
        self._cgroup = cgroup
        self._worker = _worker_of(server)
        self._is_over = threading.Event()
        self._peak = 0.0
        self._probes: list[Answer] = []
        self._answers: list[Answer] = []
        self._callers = count(2)
        self._threads = [threading.Thread(target=self._sample), threading.Thread(target=self._probe)]
        for thread in self._threads:
            thread.start()

    def send(self, ask: Ask, caller: str | None = None, together: threading.Barrier | None = None) -> Answer:
        """Send a request, from a new address if `caller` is None, and record its answer."""
        answer = exchange(self.server.port, ask, caller or self.caller(), together=together)
        self._answers.append(answer)
        return answer

    def caller(self) -> str:
        """A loopback address for the next client."""
        number = next(self._callers)
        return f"127.0.{number // 250 % 250}.{number % 250 + 2}"

    @property
    def sent(self) -> int:
        """The number of requests that were answered or lost."""
        return len(self._answers)

    def row(self, name: str) -> dict[str, Any]:
        """Stop monitoring and return the results."""
        time.sleep(2 * _PROBE_SECONDS)
        self._is_over.set()
        for thread in self._threads:
            thread.join()
        lost = [answer for answer in self._answers if not answer.is_whole]
        statuses = Counter(answer.status for answer in self._answers if answer.is_whole)
        lived = self.server.process.poll() is None and Path(f"/proc/{self._worker}").exists()
        return {
            "kind": name,
            "peak_mebibytes": round(self._peak),
            "worker_mebibytes": round(peak_mebibytes(self._worker)),
            "answers": ", ".join(f"{many} × {status}" for status, many in sorted(statuses.items())),
            "closed_while_sending": sum(answer.was_reset and not answer.status for answer in lost),
            "cut": sum(answer.status != 0 for answer in lost),
            "lost": sum(not answer.was_reset and not answer.status for answer in lost),
            "slowest_probe_ms": round(max((probe.seconds for probe in self._probes), default=0) * 1000),
            "probes_lost": sum(probe.status != 200 for probe in self._probes),
            "lived": "yes" if lived else "no",
        }

    def _sample(self) -> None:
        while not self._is_over.wait(_SAMPLE_SECONDS):
            if self._cgroup:
                held = self._cgroup.mebibytes()
            else:
                held = footprint(self.server.process.pid)["together"]
            self._peak = max(self._peak, held)

    def _probe(self) -> None:
        while not self._is_over.wait(_PROBE_SECONDS):
            self._probes.append(exchange(self.server.port, Ask("probe", "/livez"), timeout=10))


def worst_memory(
    groups: tuple[str, ...] = (*GROUPS, *TOGETHER), seconds: float = MIX_SECONDS
) -> list[dict[str, Any]]:
    """A row for each kind of request, sent by twice as many clients as there are places, and for the mix."""
    rows: list[dict[str, Any]] = []

    def note(row: dict[str, Any]) -> None:
        rows.append(row)
        print(report.tables([row]).splitlines()[-1], flush=True)

    kinds = {name: make for group in GROUPS for name, make in GROUPS[group]().items()}
    for group in groups:
        for name, make in GROUPS[group]().items() if group in GROUPS else ():
            ask = make()
            with watched() as service:
                _at_once(service, [ask] * 2 * _places())
                note(service.row(name))
    if "uploads" in groups:
        ask = heavy_requests.rubbish_batch()
        with watched() as service:
            _ending_together(service, ask)
            note(service.row("uploads that end together"))
    if "silent" in groups:
        ask = heavy_requests.unread()
        with watched() as service:
            _unread(service, ask, 40)
            note(service.row("clients that do not read"))
    if "mix" in groups:
        asks = [make() for make in kinds.values()]
        with watched() as service:
            started = time.monotonic()
            small = _mixed(service, asks, seconds)
            lasted = f"all together, for {time.monotonic() - started:.0f} s"
            note(service.row(f"{lasted}; {small[HTTPStatus.OK]} of {small.total()} small ones answered"))
    return rows


@contextmanager
def watched() -> Iterator[Watched]:
    """A service as k8s/ runs it, in a cgroup with its memory limit if cgroups are available."""
    limit, environment = deployed()
    with memory_cgroup(limit) as cgroup, running(cgroup, **environment) as server:
        service = Watched(server, cgroup)
        service.send(Ask("warm up", "/api/v1/segment", SAMPLE.read_bytes()))
        yield service


def deployed() -> tuple[int, dict[str, str]]:
    """The memory limit in bytes and the settings of a pod in k8s/."""
    base = yaml.safe_load((ROOT / "k8s" / "base" / "kustomization.yaml").read_text())
    (settings,) = base["configMapGenerator"]
    deployment = yaml.safe_load((ROOT / "k8s" / "server" / "deployment.yaml").read_text())
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    memory: str = container["resources"]["limits"]["memory"]
    return int(memory.removesuffix("Gi")) * 2**30, dict(line.split("=", 1) for line in settings["literals"])


def _places() -> int:
    return int(deployed()[1]["MASKSERVE_QUEUE"]) + 1


def _worker_of(server: Server) -> int:
    return max(descendants(server.process.pid), key=peak_mebibytes)


def _at_once(service: Watched, asks: list[Ask]) -> None:
    run_together([partial(service.send, ask) for ask in asks])


def _ending_together(service: Watched, ask: Ask) -> None:
    """The most uploads that may arrive simultaneously; they send their last bytes at the same moment."""
    together = threading.Barrier(_places())
    run_together([partial(service.send, ask, together=together)] * _places())


def _unread(service: Watched, ask: Ask, clients: int) -> None:
    over = threading.Event()
    silent = [
        threading.Thread(target=hold_unread, args=(service.server.port, ask, over, service.caller()))
        for _ in range(clients)
    ]
    for thread in silent:
        thread.start()
    over.wait(60)
    over.set()
    for thread in silent:
        thread.join()


def _mixed(service: Watched, asks: list[Ask], seconds: float) -> Counter[int]:
    """Clients with all kinds of requests, one with small ones, some that do not read, and bursts of uploads.

    Returns the number of answers with each status to the client with small requests.
    """
    end = time.monotonic() + seconds
    small: Counter[int] = Counter()
    little, upload, silent = (
        Ask("small", "/api/v1/segment", SAMPLE.read_bytes()),
        heavy_requests.rubbish_batch(),
        heavy_requests.unread(),
    )

    def is_over() -> bool:
        return time.monotonic() > end or service.sent > _MOST_REQUESTS

    def client(asks: list[Ask], seed: int, statuses: Counter[int]) -> None:
        rng, caller = np.random.default_rng(seed), service.caller()
        while not is_over():
            answer = service.send(asks[rng.integers(len(asks))], caller)
            statuses[answer.status] += 1
            if answer.status == HTTPStatus.SERVICE_UNAVAILABLE:
                time.sleep(_BACK_OFF_SECONDS)

    def unread() -> None:
        while not is_over():
            over = threading.Event()
            alarm = threading.Timer(_SILENT_SECONDS, over.set)
            alarm.start()
            hold_unread(service.server.port, silent, over, service.caller())

    def bursts() -> None:
        while not is_over():
            _ending_together(service, upload)
            time.sleep(_BURST_SECONDS)

    run_together(
        [
            *(partial(client, asks, seed, Counter()) for seed in range(_CLIENTS)),
            partial(client, [little], 0, small),
            *[unread] * _SILENT_CLIENTS,
            bursts,
        ]
    )
    return small


def main() -> None:
    """Measure the given groups, by default all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.worst_memory", description=__doc__)
    everything = (*GROUPS, *TOGETHER)
    parser.add_argument(
        "groups", nargs="*", metavar="GROUP", help=f"one of {', '.join(everything)} (default: all)"
    )
    parser.add_argument(
        "--seconds", type=float, default=MIX_SECONDS, help="duration of the mix (default: %(default)s)"
    )
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.groups) - set(everything))
    if unknown:
        parser.error(f"there is no group {', '.join(unknown)}: choose from {', '.join(everything)}")
    print("\n" + report.tables(worst_memory(tuple(arguments.groups) or everything, arguments.seconds)))


if __name__ == "__main__":
    main()
