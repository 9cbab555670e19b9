"""`python -m benchmarks [PART…]`: compare all engines with Matterport's, and with the machine's peak."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from benchmarks import report
from benchmarks.networks import against_matterport
from benchmarks.pictures import SAMPLE, growth, masks_of_a_large_photo
from benchmarks.processors import processors
from benchmarks.profile import profile
from benchmarks.roof import roof_gflops
from benchmarks.service import clients, overload, start_and_memory
from benchmarks.soak import soak
from benchmarks.worst_memory import worst_memory
from model.commands.bench import time_ways
from model.engines.openvino import precisions_of_processor
from model.pictures import read

RESULTS = Path(__file__).parent / "results.json"


def _networks() -> dict[str, Any]:
    roofs = {precision: round(roof_gflops(precision)) for precision in sorted(precisions_of_processor())}
    rows = [row for name in ("resnet50", "resnet101") for row in against_matterport(name)]
    return {"roof_gflops": roofs, "rows": rows}


def _nuclei() -> list[dict[str, Any]]:
    return [
        row
        for path in sorted(SAMPLE.parent.glob("*.png"))
        for row in time_ways("nuclei", {"picture": path.stem}, read(path))
    ]


def _processes() -> dict[str, Any]:
    cores = len(os.sched_getaffinity(0))
    return {"1 process": clients(), f"{cores} processes": clients(MASKSERVE_PROCESSES=str(cores))}


PARTS: dict[str, Callable[[], Any]] = {
    "networks": _networks,
    "nuclei": _nuclei,
    "profile": profile,
    "masks": masks_of_a_large_photo,
    "growth": growth,
    "start_and_memory": start_and_memory,
    "soak": soak,
    "worst_memory": worst_memory,
    "clients": _processes,
    "processors": processors,
    "overload": overload,
}


def main() -> None:
    """Measure the given parts (default: all); print and store the figures, and update docs/performance.md."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"one of {', '.join(PARTS)} (default: all)")
    wanted = parser.parse_args().parts or list(PARTS)
    unknown = sorted(set(wanted) - set(PARTS))
    if unknown:
        parser.error(f"there is no part {', '.join(unknown)}: choose from {', '.join(PARTS)}")
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() and len(wanted) < len(PARTS) else {}
    for name in wanted:
        results[name] = PARTS[name]()
        print(f"\n{name}\n{report.tables(results[name])}", flush=True)
        RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    report.write(results)


if __name__ == "__main__":
    main()
