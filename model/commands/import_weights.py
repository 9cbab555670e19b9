"""`python -m model import`: your own trained weights become a model that can be served."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from model import catalog
from model.commands.export import compile_new
from model.families.mask_rcnn.config import BACKBONES, RESIZE_MODES, Config
from model.families.mask_rcnn.importing import classes_from, import_weights
from model.pictures import read


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("weights", type=Path, metavar="WEIGHTS.h5", help="Matterport's or a run's weights")
    parser.add_argument("--name", required=True, help="what to call the model")
    parser.add_argument(
        "--classes", type=Path, help="text file, a class name a line (not for a run's weights)"
    )
    parser.add_argument("--backbone", choices=BACKBONES, help="checked against the file (default: as there)")
    parser.add_argument("--min-dim", type=int, help="IMAGE_MIN_DIM of the training (default: 800)")
    parser.add_argument("--max-dim", type=int, help="IMAGE_MAX_DIM of the training (default: 1024)")
    parser.add_argument("--resize-mode", choices=RESIZE_MODES, help="default: fit64, as square but faster")
    parser.add_argument("--anchor-scales", type=_numbers, help="RPN_ANCHOR_SCALES, comma-separated")
    parser.add_argument("--anchor-ratios", type=_numbers, help="RPN_ANCHOR_RATIOS, comma-separated")
    parser.add_argument("--mean-pixel", type=_numbers, help="MEAN_PIXEL, comma-separated")
    parser.add_argument("--config", type=Path, help="JSON with further Config values, lower-case names")
    parser.add_argument("--threshold", type=float, help="lowest score kept (default: 0.7)")
    parser.add_argument("--max-segments", type=int, help="most objects in an answer (default: 100)")
    parser.add_argument("--tile-overlap", type=int, help="cut large pictures into tiles that share this")
    parser.add_argument(
        "--self-test", type=Path, metavar="IMAGE", help="check at start that it still answers so"
    )
    parser.add_argument("--source", help="where the weights come from")
    parser.add_argument("--made-by", help="the command that trained them")
    parser.add_argument("--version", default="1", help="tells two generations of weights apart (default: 1)")
    parser.add_argument("--replace", action="store_true", help="take the place of a model of that name")
    parser.add_argument("--licence", default="unknown", help="of the weights")
    parser.add_argument("--description", default="", help="what the model is for, in a sentence")


def run(arguments: argparse.Namespace) -> int:
    """Make the bundle and say how to serve it."""
    given = {
        "backbone": arguments.backbone,
        "image_min_dim": arguments.min_dim,
        "image_max_dim": arguments.max_dim,
        "image_resize_mode": arguments.resize_mode,
        "rpn_anchor_scales": arguments.anchor_scales,
        "rpn_anchor_ratios": arguments.anchor_ratios,
        "mean_pixel": arguments.mean_pixel,
        "detection_min_confidence": arguments.threshold,
    }
    asked = _run_beside(arguments.weights)
    if not arguments.classes and not asked:
        raise ValueError("--classes is missing: name a text file with a class name a line")
    classes = classes_from(arguments.classes) if arguments.classes else asked["classes"]
    wanted: dict[str, Any] = dict(asked.get("config", {}))
    wanted |= json.loads(arguments.config.read_text()) if arguments.config else {}
    wanted |= {name: value for name, value in given.items() if value is not None}
    about = {
        "licence": arguments.licence,
        "description": arguments.description,
        "version": arguments.version,
        "source": arguments.source or f"imported from {arguments.weights.name}",
        "made_by": arguments.made_by,
        "max_segments": arguments.max_segments,
        "tile_overlap": arguments.tile_overlap,
    }
    if arguments.name in catalog.names() and not arguments.replace:
        raise ValueError(
            f"there is a model {arguments.name!r} already: choose another --name, or --replace it"
        )
    test_image = read(arguments.self_test) if arguments.self_test else None  # before anything is made
    bundle = import_weights(
        arguments.weights,
        arguments.name,
        classes,
        wanted,
        {name: value for name, value in about.items() if value is not None},
        test_image,
    )
    compile_new(arguments.name)
    config = Config.from_json(bundle.manifest.config)
    print(f"{arguments.name}: {config.backbone}, {config.num_classes - 1} classes, in {bundle.folder}")
    print(f"Serve it:  MASKSERVE_MODELS={arguments.name} make run")
    return 0


def _run_beside(weights: Path) -> dict[str, Any]:
    """What `python -m model train` was asked, where the weights are a run's; else nothing."""
    path = weights.parent / "run.json"
    asked: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return asked if {"config", "classes"} <= asked.keys() else {}


def _numbers(words: str) -> tuple[float, ...]:
    return tuple(float(word) if "." in word else int(word) for word in words.split(","))
