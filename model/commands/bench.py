"""`python -m model bench`: measure how long a model takes on this machine, with each engine and precision."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model.engines.choice import PRECISIONS, ChoiceError
from model.engines.timing import TimedRunner, median_ms
from model.pictures import read
from model.segmenter import Segmenter, load

WAYS = (("tensorflow", "f32"), *(("openvino", precision) for precision in PRECISIONS))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE")
    parser.add_argument("--model", default="nuclei", help="a model, or name@version (default: nuclei)")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")


def run(arguments: argparse.Namespace) -> int:
    """Time each image in each way; ratios are to the first way, which is TensorFlow if it is installed."""
    rows = [
        row
        for path in arguments.images
        for row in time_ways(arguments.model, {"picture": path.name}, read(path))
    ]
    print(table(rows))
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    return 0


def time_ways(name: str, what: dict[str, Any], image: npt.NDArray[np.uint8]) -> list[dict[str, Any]]:
    """A row for each way to run the model on the image: `what`, which describes the image, and `figures`."""
    rows: list[dict[str, Any]] = []
    for segmenter in _ways(name):
        runner = TimedRunner(segmenter.runner)
        timed = Segmenter(segmenter.bundle, runner)
        objects = len(timed.segment(image))
        time_ms = median_ms(partial(timed.segment, image))
        base_ms = rows[0]["median_ms"] if rows else time_ms
        rows.append({**what, "objects": objects, **figures(runner, time_ms, base_ms)})
    return rows


def figures(runner: TimedRunner, time_ms: float, base_ms: float) -> dict[str, Any]:
    """Engine, precision, median time, its ratio to `base_ms`, and the median time of each stage."""
    apart = {f"{stage}_ms": round(time, 1) for stage, time in runner.medians_ms().items()}
    return {
        "engine": runner.name,
        "precision": runner.precision,
        "median_ms": round(time_ms, 1),
        "ratio": round(base_ms / time_ms, 2),
        **apart,
    }


def table(rows: list[dict[str, Any]]) -> str:
    """A Markdown table of the rows, with a column for each key."""
    if not rows:
        return ""
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [names, ["---"] * len(names), *([str(row.get(name, "–")) for name in names] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(names))]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
        for line in lines
    )


def _ways(name: str) -> Iterator[Segmenter]:
    for engine, precision in WAYS:
        try:
            yield load(name, engine=engine, precision=precision)
        except ChoiceError as error:  # not installed, not exported, or not on this processor
            print(f"{engine} {precision} is skipped: {error}", file=sys.stderr)
