"""The model that ships, on the page's samples, in every way that it can be run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.timing import TimedStages, median_ms
from model.engines.choice import PRECISIONS, ChoiceError
from model.pictures import read
from model.segmenter import Segmenter, load

SAMPLES = Path(__file__).parents[1] / "app" / "static" / "samples"
WAYS = (("tensorflow", "f32"), *(("openvino", precision) for precision in PRECISIONS))


def nuclei() -> list[dict[str, Any]]:
    """A row a sample and way: median milliseconds, of which by stage, and the ratio to TensorFlow's."""
    rows: list[dict[str, Any]] = []
    for path in sorted(SAMPLES.glob("*.png")):
        image, base = read(path), None
        for engine, precision in WAYS:
            try:
                segmenter = load("nuclei", engine=engine, precision=precision)
            except ChoiceError:  # not on this processor
                continue
            timed = TimedStages(segmenter.stages)
            segmenter = Segmenter(segmenter.bundle, timed)
            time_ms = median_ms(lambda segmenter=segmenter, image=image: segmenter.segment(image))
            base = base or time_ms
            rows.append(timed.row(f"nuclei, {path.stem}, {engine} {precision}", time_ms, base))
    return rows
