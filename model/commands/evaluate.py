"""`python -m model evaluate`: how good a model is on labelled images."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from model import catalog
from model.commands.arguments import add_reading, add_way_to_run, reading_of, share
from model.data import ClassMapFolder, DataSet, check_data, open_data_for
from model.evaluation import Evaluation, PixelEvaluation, evaluate, evaluate_pixels, worst_sheet
from model.result import MOST_SEGMENTS
from model.segmenter import Segmenter, load

COCO_THRESHOLD = 0.05
"""COCO's mAP wants every prediction, however unsure; below this they only cost time."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("--model", default="nuclei", help="a model's name (default: nuclei)")
    parser.add_argument("--data", type=Path, required=True, help="labelled images: see docs/training.md")
    parser.add_argument("--threshold", type=share, help="lowest score that counts (default: the model's)")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument(
        "--record", action="store_true", help="also keep the figures in the model's model.json"
    )
    parser.add_argument("--sheet", type=Path, help="also draw the worst images to this PNG")
    add_reading(parser)
    add_way_to_run(parser)


def run(arguments: argparse.Namespace) -> int:
    """Measure the model and print a table."""
    for path in filter(None, (arguments.json, arguments.sheet)):
        if not path.parent.is_dir():  # now, not after minutes of measuring
            raise ValueError(f"{path} cannot be written: there is no folder {path.parent}")
    segmenter = load(arguments.model, engine=arguments.engine, precision=arguments.precision)
    manifest = segmenter.bundle.manifest
    data = open_data_for(arguments.data, manifest.classes, reading_of(arguments))
    of_pixels = manifest.task == "semantic" or isinstance(data, ClassMapFolder)
    if of_pixels and arguments.sheet:
        raise ValueError("--sheet draws objects, but here pixels are compared: leave it out")
    check_data(data)
    threshold = manifest.threshold if arguments.threshold is None else arguments.threshold
    result = (_pixels if of_pixels else _objects)(segmenter, data, threshold)
    how = f"{segmenter.engine} {segmenter.precision}"
    print(f"{manifest.name} {manifest.version} ({how}) at threshold {threshold:g} on {len(data)} images\n")
    print(result.to_table())
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
        del figures["per_image"]
        catalog.update_manifest(segmenter.bundle, quality=figures)
    if isinstance(result, Evaluation) and arguments.sheet:
        worst_sheet(result, data, arguments.sheet)
    return 0


def _objects(segmenter: Segmenter, data: DataSet, threshold: float) -> Evaluation:
    """How well it finds objects."""
    return evaluate(
        lambda image: segmenter.segment(image, threshold=threshold),
        data,
        # Not the same answers cut off at the threshold: seams of tiles are joined from what is answered.
        predict_unsure=lambda image: segmenter.segment(image, threshold=min(threshold, COCO_THRESHOLD)),
    )


def _pixels(segmenter: Segmenter, data: DataSet, threshold: float) -> PixelEvaluation:
    """How well it classifies pixels."""
    return evaluate_pixels(
        lambda image: segmenter.segment(image, threshold=threshold, max_segments=MOST_SEGMENTS), data
    )
