"""What `python -m model import --task instance` asks, and does."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from model.data.class_names import read_class_file
from model.families.family import Imported
from model.families.mask_rcnn.config import BACKBONES, RESIZE_MODES, Config
from model.families.mask_rcnn.config_file import read_config_file
from model.families.mask_rcnn.weight_files import HDF5_MAGIC, LAYER_NAME, WeightsError, layer_names
from model.storage.manifest import Manifest

H5_SUFFIXES = {".h5", ".hdf5"}
OWN_LAYERS = ("mrcnn_", "rpn_")
"""How layers are called in Matterport's weight files alone."""

TOLD_BY_WEIGHTS = (
    *("backbone", "num_classes", "top_down_pyramid_size", "fpn_classif_fc_layers_size"),
    *("rpn_width", "mask_width"),
)
"""Config values that `importing.shape_in` reads from the file."""


def add_arguments(group: argparse._ArgumentGroup) -> list[argparse.Action]:
    """The options of this family alone."""
    add = group.add_argument
    return [
        add("--backbone", choices=BACKBONES, help="checked against the file (default: as there)"),
        add("--min-dim", type=int, help="IMAGE_MIN_DIM of the training (default: 800)"),
        add("--max-dim", type=int, help="IMAGE_MAX_DIM of the training (default: 1024)"),
        add("--resize-mode", choices=RESIZE_MODES, help="default: fit64, as square but faster"),
        add("--anchor-scales", type=_numbers, help="RPN_ANCHOR_SCALES, comma-separated"),
        add("--anchor-ratios", type=_numbers, help="RPN_ANCHOR_RATIOS, comma-separated"),
        add("--mean-pixel", type=_numbers, help="MEAN_PIXEL, comma-separated"),
        add(
            "--exclude",
            metavar="LAYERS",
            help="layers of the file that are not the network's, comma-separated",
        ),
        add("--config", type=Path, help="further Config values: JSON, YAML, or what config.display() prints"),
    ]


def recognises(path: Path) -> bool:
    """Whether the file holds the layers of a Mask R-CNN, or is one of HDF5 that cannot be read."""
    if path.suffix.lower() not in H5_SUFFIXES or not path.is_file() or not _is_hdf5(path):
        return False
    try:
        return any(name.startswith(OWN_LAYERS) for name in layer_names(path))
    except WeightsError:
        return True  # making a model of it will say what is wrong


def _is_hdf5(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(HDF5_MAGIC)) == HDF5_MAGIC


def make(
    path: Path,
    folder: Path,
    arguments: argparse.Namespace,
    about: Mapping[str, Any],
    replaced: Manifest | None,
) -> Imported:
    """Make the bundle; see `families.family.ImportPart`."""
    from model.families.mask_rcnn.importing import import_weights  # needs OpenVINO; --help does not

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
    layer_names(path)  # what is no weight file is refused before anything else is asked
    exclude = _excluded(arguments.exclude)
    asked = _run_beside(path)
    if not arguments.classes and not asked and replaced is None:
        raise ValueError("--classes is missing: name a text file with a class name a line")
    if arguments.classes:
        classes = _classes(arguments.classes)
    else:
        classes = asked["classes"] if asked or replaced is None else replaced.classes
    if arguments.resize_mode is None:
        _say_what_square_costs("The run beside it", asked.get("config", {}))
    wanted: dict[str, Any] = _taken_over(replaced, asked.get("config", {}))
    wanted |= _configured(arguments.config) if arguments.config else {}
    wanted |= {name: value for name, value in given.items() if value is not None}
    usual = {"licence": "unknown", "source": f"imported from {path.name}"}
    overlap = arguments.tile_overlap
    if overlap is None and replaced is not None:
        overlap = replaced.tile_overlap
    own = {} if overlap is None else {"tile_overlap": overlap}
    return import_weights(path, folder, arguments.name, classes, wanted, {**usual, **about, **own}, exclude)


def _taken_over(replaced: Manifest | None, of_run: Mapping[str, Any]) -> dict[str, Any]:
    """Config values that need not be said: those of a training run, or of the model that is replaced.

    Its threshold takes precedence over that of a run, which nobody chose for serving.
    """
    if replaced is None:
        return dict(of_run)
    values = Config.from_json(replaced.config).to_json()  # with the defaults, which the manifest leaves out
    kept = {name: value for name, value in values.items() if name not in TOLD_BY_WEIGHTS}
    return {**kept, **of_run, "detection_min_confidence": replaced.threshold}


def _classes(path: Path) -> list[str]:
    """The class names in a file, background first; says what had to be understood."""
    named = read_class_file(path)
    if named.sentence:
        print(named.sentence)
    if named.background:
        order = ", ".join(f"{number} {name}" for number, name in enumerate(named.classes[:4]))
        more = ", …" if len(named.classes) > 4 else ""
        print(f"{path.name} does not name the background first, as it is counted: {order}{more}.")
    return named.classes


def _configured(path: Path) -> dict[str, Any]:
    """The values in a config file; says what of it was passed over, and what it costs."""
    found = read_config_file(path)
    if found.sentence:
        print(f"Passed over in {path.name}: {found.sentence}.")
    _say_what_square_costs(path.name, found.values)
    return found.values


def _say_what_square_costs(source: str, config: Mapping[str, Any]) -> None:
    if config.get("image_resize_mode") == "square":
        print(
            f'{source} has the resize mode "square", for Matterport\'s very numbers; --resize-mode fit64 '
            "saves a quarter of the work for a 4:3 photo."
        )


def _excluded(words: str | None) -> list[str]:
    names = [name.strip() for name in (words or "").split(",") if name.strip()]
    needed = [name for name in names if LAYER_NAME.fullmatch(name)]
    if needed:
        raise ValueError(
            f"--exclude {','.join(needed)}: no model can be served without. import passes over layers of the "
            "file that are not the network's; for classes of your own, train --weights FILE --exclude LAYERS"
        )
    return names


def _run_beside(weights: Path) -> dict[str, Any]:
    """What `python -m model train` was asked, where the weights are a run's; else nothing."""
    path = weights.parent / "run.json"
    asked: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return asked if {"config", "classes"} <= asked.keys() else {}


def _numbers(words: str) -> tuple[float, ...]:
    return tuple(float(word) if "." in word else int(word) for word in words.split(","))
