"""`python -m benchmarks`: MaskServe's way against Matterport's, and where the shipped model's time goes."""

from __future__ import annotations

import dataclasses
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import numpy.typing as npt

from model.engines.tensorflow import TensorFlowStages
from model.mrcnn import Config, MaskRCNN
from model.mrcnn.inference import find_segments
from model.pictures import read
from model.segmenter import load
from model.stopwatch import Stopwatch

RESULTS = Path(__file__).parent / "results.json"
SAMPLES = Path(__file__).parents[1] / "app" / "static" / "samples"
WARM_UPS, REPEATS = 1, 5
PHOTO_SIZE = (480, 640)  # height, width
OBJECTS = (10, 100)


def main() -> None:
    """Measure, print a table and keep the figures."""
    rows = [*against_matterport(), *shipped_model()]
    width = max(len(row["what"]) for row in rows)
    print(f"{'':{width}}  median ms  ratio")
    for row in rows:
        print(f"{row['what']:{width}}  {row['median_ms']:9.1f}  {row['ratio']:.2f} ×")
    RESULTS.write_text(json.dumps(rows, indent=2) + "\n")


def against_matterport() -> list[dict[str, Any]]:
    """ResNet-50, 81 classes, random weights: the arithmetic is the same whatever the weights say.

    Matterport's way is a 1024 × 1024 square, 100 masks and a stack of full-size masks; the ratio is its
    time over that of the row.
    """
    photo = np.random.default_rng(0).integers(0, 256, (*PHOTO_SIZE, 3), np.uint8)
    config = Config(backbone="resnet50", num_classes=81, detection_min_confidence=0.0)
    network = MaskRCNN(config)
    _never_answer_background(network)
    stages = TensorFlowStages(network)

    def matterport_way() -> npt.NDArray[np.bool_]:
        segments = find_segments(stages, photo, config)
        masks = np.zeros((*PHOTO_SIZE, len(segments)), bool)
        for index, (x1, y1, x2, y2) in enumerate(segments.boxes):
            masks[y1:y2, x1:x2, index] = segments.masks[index]
        return masks

    base = median_ms(matterport_way)
    rows = [_row("ResNet-50, Matterport's way: square, 100 objects, full-size masks", base, base)]
    for count in OBJECTS:
        lean = dataclasses.replace(config, image_resize_mode="fit64", detection_max_instances=count)
        time_ms = median_ms(lambda lean=lean: find_segments(stages, photo, lean))
        rows.append(_row(f"ResNet-50, fit64, {count} objects, masks in their boxes", time_ms, base))
    return rows


def shipped_model() -> list[dict[str, Any]]:
    """The nuclei model on the page's samples, stage by stage; the ratio is the whole over the stage."""
    segmenter = load("nuclei")
    rows = []
    for path in sorted(SAMPLES.glob("*.png")):
        image = read(path)
        watches: list[Stopwatch] = []

        def segment(image: npt.NDArray[np.uint8] = image, watches: list[Stopwatch] = watches) -> None:
            watches.append(Stopwatch())
            segmenter.segment(image, stopwatch=watches[-1])

        whole = median_ms(segment)
        rows.append(_row(f"nuclei, {path.stem}: whole", whole, whole))
        for stage in ("infer", "masks"):
            times = [watch.milliseconds[stage] for watch in watches[WARM_UPS:]]
            rows.append(_row(f"nuclei, {path.stem}: {stage}", statistics.median(times), whole))
    return rows


def median_ms(call: Callable[[], object]) -> float:
    """Median wall-clock milliseconds of a call, after a warm-up."""
    times = []
    for _ in range(WARM_UPS + REPEATS):
        start = time.perf_counter()
        call()
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times[WARM_UPS:])


def _row(what: str, time_ms: float, base_ms: float) -> dict[str, Any]:
    return {"what": what, "median_ms": round(time_ms, 1), "ratio": round(base_ms / time_ms, 2)}


def _never_answer_background(network: MaskRCNN) -> None:
    """Random weights may see background everywhere; then there would be no masks to time."""
    logits = network.box_model.get_layer("mrcnn_class_logits")
    bias = np.zeros(network.config.num_classes, np.float32)
    bias[0] = -100
    logits.bias.assign(bias)


if __name__ == "__main__":
    main()
