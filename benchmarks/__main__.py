"""`python -m benchmarks`: this project's ways against Matterport's, and against the machine's roof."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from benchmarks.networks import against_matterport
from benchmarks.roof import roof_gflops
from benchmarks.shipped import nuclei
from model.engines.openvino import precisions_of_processor

RESULTS = Path(__file__).parent / "results.json"


def main() -> None:
    """Measure, print a table and keep the figures."""
    roofs = {precision: round(roof_gflops(precision)) for precision in sorted(precisions_of_processor())}
    print(
        "Convolutions reach", ", ".join(f"{value} GFLOP/s in {name}" for name, value in roofs.items()), "\n"
    )
    rows = [*nuclei(), *against_matterport("resnet50"), *against_matterport("resnet101")]
    print(_table(rows))
    RESULTS.write_text(json.dumps({"roof_gflops": roofs, "rows": rows}, indent=2) + "\n")


def _table(rows: list[dict[str, Any]]) -> str:
    width = max(len(row["what"]) for row in rows)
    lines = [f"{'':{width}}  median ms  ratio    trunk  box head  mask head"]
    for row in rows:
        stages = row.get("stages_ms", {})
        apart = "".join(f"{stages.get(stage, ''):>10}" for stage in ("trunk", "box_head", "mask_head"))
        lines.append(f"{row['what']:{width}}  {row['median_ms']:9.1f}  {row['ratio']:.2f} ×{apart}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
