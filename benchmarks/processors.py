"""CPU time of a picture by the instructions that a processor has: what machines cost is compared with it."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2

from benchmarks.footprint import descendants
from benchmarks.pictures import SAMPLE
from benchmarks.service import Server, run_together, running
from model.pictures import read

# Values of ONEDNN_MAX_CPU_ISA, which limits the inference engine, and the flags of processors that have them.
INSTRUCTIONS = {
    "AVX512_CORE_AMX": "amx_int8",
    "AVX512_CORE_BF16": "avx512_bf16",
    "AVX512_CORE_VNNI": "avx512_vnni",
    "AVX2": "avx2",
}
MODELS = ("nuclei", "people")
SIDE = 512  # pixels
CLIENTS, PICTURES, RUNS = 4, 24, 3
_TICKS = os.sysconf("SC_CLK_TCK")


def processors() -> list[dict[str, Any]]:
    """A row for each set of instructions that this processor has, and each model.

    CPU time rather than wall time, so that other programs on the machine disturb it little; the best of three
    runs. It includes everything that the service does for a request, such as decoding and encoding.
    """
    picture = cv2.imencode(".png", cv2.resize(read(SAMPLE), (SIDE, SIDE)))[1].tobytes()
    rows = []
    for instructions in _instructions_of_this_processor():
        with running(ONEDNN_MAX_CPU_ISA=instructions, MASKSERVE_MODELS=",".join(MODELS)) as server:
            for model in MODELS:
                _answer(server, model, picture, CLIENTS)  # the first picture of a shape compiles code for it
                seconds = min(_cpu_seconds_a_picture(server, model, picture) for _ in range(RUNS))
                rows.append(
                    {
                        "instructions": instructions,
                        "model": model,
                        "cpu_seconds_a_picture": round(seconds, 3),
                    }
                )
    return rows


def _instructions_of_this_processor() -> Iterator[str]:
    found = re.search(r"^flags\s*:(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    flags = found[1].split() if found else []
    return (name for name, flag in INSTRUCTIONS.items() if flag in flags)


def _cpu_seconds_a_picture(server: Server, model: str, picture: bytes) -> float:
    before = _cpu_seconds(server.process.pid)
    _answer(server, model, picture, PICTURES)
    return (_cpu_seconds(server.process.pid) - before) / PICTURES


def _answer(server: Server, model: str, picture: bytes, count: int) -> None:
    """Have `count` pictures answered, for several clients at a time."""
    left = iter(range(count))
    lock = threading.Lock()

    def client() -> None:
        while True:
            with lock:
                if next(left, None) is None:
                    return
            status, _ = server.request("POST", f"/api/v1/segment?model={model}", picture)
            assert status == 200, status

    run_together([client] * CLIENTS)


def _cpu_seconds(root: int) -> float:
    """User and system time of a process and all its descendants, including those that have ended."""
    return sum(_own_cpu_seconds(process) for process in descendants(root))


def _own_cpu_seconds(process: int) -> float:
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:  # it has just ended: its parent counts it
        return 0.0
    return sum(int(ticks) for ticks in fields[11:15]) / _TICKS
