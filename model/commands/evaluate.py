"""`python -m model evaluate`: measure the accuracy of a model on labelled images."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from model.commands.arguments import add_reading, add_way_to_run, reading_of, share
from model.data import check_data, open_data, open_data_for
from model.evaluation import (
    UNSURE,
    Evaluation,
    KnownClasses,
    PixelEvaluation,
    evaluate,
    evaluate_pixels,
    worst_sheet,
)
from model.pictures.tiles import SEAM_THRESHOLD
from model.results.result import MOST_SEGMENTS
from model.segmenter import Segmenter, load
from model.storage.manifest import Manifest
from model.storage.writing import update_manifest

LISTS = ("classes", "thresholds", "pr_curve", "per_image")
"""Figures that are too long for a model.json."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("--model", default="nuclei", help="a model's name (default: nuclei)")
    parser.add_argument("--data", type=Path, required=True, help="labelled images: see docs/training.md")
    parser.add_argument("--threshold", type=share, help="lowest score to count (default: the model's)")
    parser.add_argument(
        "--classes", metavar="NAMES", help="compare only these, comma-separated (default: all of the data's)"
    )
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument(
        "--record", action="store_true", help="also store the figures in the model's model.json"
    )
    parser.add_argument("--sheet", type=Path, help="also draw the worst images to this PNG")
    add_reading(parser)
    add_way_to_run(parser)


def run(arguments: argparse.Namespace) -> int:
    """Measure the model and print the tables."""
    for path in filter(None, (arguments.json, arguments.sheet)):
        if not path.parent.is_dir():  # checked now, not after minutes of measuring
            raise ValueError(f"{path} cannot be written: there is no folder {path.parent}; create it first")
    segmenter = load(arguments.model, engine=arguments.engine, precision=arguments.precision)
    manifest = segmenter.bundle.manifest
    reading = reading_of(arguments)
    data = open_data(arguments.data, reading)
    if not data.has_names:
        data = open_data_for(arguments.data, manifest.classes, reading)
    of_pixels = manifest.task == "semantic" or not data.has_objects
    if of_pixels and arguments.sheet:
        raise ValueError("--sheet draws objects, but this evaluation compares pixels: leave out --sheet")
    known = KnownClasses(data, manifest.classes, _names(arguments.classes))
    check_data(data)
    threshold = manifest.threshold if arguments.threshold is None else arguments.threshold
    result = (_pixels if of_pixels else _objects)(segmenter, known, threshold)
    how = f"{segmenter.engine} {segmenter.precision}"
    print(f"{manifest.name} {manifest.version} ({how}) at threshold {threshold:g} on {len(data)} images\n")
    print(result.to_table())
    if known.asked:
        print(f"Compared: {', '.join(known.asked)}. Predictions of the model's other classes are left out.")
    figures = {
        "data": arguments.data.name,
        "precision": segmenter.precision,
        "images": len(data),
        "threshold": threshold,
        **result.to_json(),
    }
    if arguments.json:
        about = {"model": manifest.name, "version": manifest.version}
        arguments.json.write_text(json.dumps({**about, **figures}, indent=2) + "\n")
    if arguments.record:
        quality = {name: value for name, value in figures.items() if name not in LISTS}
        update_manifest(segmenter.bundle, quality=quality)
    if isinstance(result, Evaluation) and arguments.sheet:
        worst_sheet(result, known, arguments.sheet)
    return 0


def _objects(segmenter: Segmenter, data: KnownClasses, threshold: float) -> Evaluation:
    """Evaluate the objects."""
    lowest = _lowest(segmenter.bundle.manifest, threshold)
    return evaluate(
        lambda image: segmenter.segment(image, threshold=lowest, classes=data.asked),
        data,
        threshold=threshold,
        lowest=lowest,
    )


def _lowest(manifest: Manifest, threshold: float) -> float:
    """The lowest score to request from the model.

    Its answers with at least a higher score must be the same as its answers at that threshold.
    """
    return min(threshold, UNSURE if manifest.tile_overlap is None else SEAM_THRESHOLD)


def _pixels(segmenter: Segmenter, data: KnownClasses, threshold: float) -> PixelEvaluation:
    """Evaluate the classes of pixels."""
    return evaluate_pixels(
        lambda image: segmenter.segment(
            image, threshold=threshold, classes=data.asked, max_segments=MOST_SEGMENTS
        ),
        data,
    )


def _names(words: str | None) -> list[str] | None:
    """Comma-separated names; None if there are none."""
    return [name.strip() for name in (words or "").split(",") if name.strip()] or None
