"""Config files: values for a Config as people have them, of this project or of Matterport's library."""

from __future__ import annotations

import ast
import dataclasses
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.families.mask_rcnn.config import Config
from model.files.text_files import text_of

NOT_FOR_SERVING = {
    *(
        "name",
        "gpu_count",
        "images_per_gpu",
        "batch_size",
        "backbone_shapes",
        "steps_per_epoch",
        "validation_steps",
    ),
    *("compute_backbone_shape", "image_shape", "image_meta_size", "image_channel_count"),
    *("use_rpn_rois", "use_mini_mask", "mini_mask_shape", "max_gt_instances", "train_bn"),
    *("rpn_train_anchors_per_image", "train_rois_per_image", "roi_positive_ratio", "post_nms_rois_training"),
    *("learning_rate", "learning_momentum", "weight_decay", "gradient_clip_norm", "loss_weights"),
}
"""Of Matterport's names, in lower case, those on which no answer depends."""
MODE_OF_PADDING = {"True": "square", "False": "none"}
"""From IMAGE_PADDING of Matterport's first version to the resize mode that took its place."""
LINE = re.compile(r"(?P<name>[A-Z][A-Z0-9_]*) {2,}(?P<value>.*)")
"""As `config.display()` prints: the name, spaces up to a column, the value."""


@dataclass(frozen=True)
class ConfigFile:
    """What a file says of a Config.

    Attributes:
        values: of the fields of Config, to be checked by it.
        not_needed: names of Matterport's on which no answer depends.
        unknown: other names in upper case.
    """

    values: dict[str, Any]
    not_needed: list[str]
    unknown: list[str]

    @property
    def sentence(self) -> str:
        """What was passed over; empty: nothing."""
        words = []
        if self.not_needed:
            words.append(f"not needed to serve: {', '.join(self.not_needed)}")
        if self.unknown:
            words.append(f"not known here: {', '.join(self.unknown)}")
        return "; ".join(words)


def read_config_file(path: Path) -> ConfigFile:
    """The values in a file of JSON or YAML, or of what `config.display()` printed.

    Names are Config's, or Matterport's in upper case; of these, what serving does not need is passed over.

    Raises:
        ValueError: the file is not there or in no form that is known; says which are.
    """
    if not path.is_file():
        raise ValueError(
            f"--config {path} {'names a folder' if path.is_dir() else 'is not there'}: give a file"
        )
    if path.suffix == ".py":
        raise ValueError(
            f"--config {path.name} is Python, which is not run here: name a file with what its "
            'config.display() prints, or with its values as JSON, such as {"IMAGE_MAX_DIM": 512}'
        )
    try:
        found = _parsed(text_of(path)[0])
    except ValueError as error:
        raise ValueError(
            f"--config {path.name} is neither JSON nor YAML with a value a name, nor what config.display() "
            f"prints ({error})"
        ) from None
    values: dict[str, Any] = {}
    not_needed, unknown = [], []
    fields = {field.name for field in dataclasses.fields(Config)}
    for name, value in found.items():
        field, is_matterports = name.lower(), name.isupper()
        if is_matterports and field == "image_padding":
            values["image_resize_mode"] = MODE_OF_PADDING.get(str(value), value)
        elif is_matterports and field in NOT_FOR_SERVING:
            not_needed.append(name)
        elif is_matterports and field not in fields:
            unknown.append(name)
        else:
            values[field if is_matterports else name] = _plain(value)
    return ConfigFile(values, not_needed, unknown)


def _parsed(text: str) -> Mapping[str, Any]:
    printed = [found for line in text.splitlines() if (found := LINE.fullmatch(line.rstrip()))]
    if printed:
        return {found["name"]: found["value"] for found in printed}
    try:
        values = json.loads(text)
    except json.JSONDecodeError:
        values = _yaml(text)
    if not isinstance(values, dict) or not all(isinstance(name, str) for name in values):
        raise ValueError("it holds no names with values")
    return values


def _yaml(text: str) -> object:
    import yaml  # not where models are only served

    class Loader(yaml.SafeLoader):
        """Also knows tuples, which Matterport's configs have."""

    Loader.add_constructor(
        "tag:yaml.org,2002:python/tuple", lambda loader, node: loader.construct_sequence(node)
    )
    try:
        return yaml.load(text, Loader)
    except yaml.YAMLError as error:
        raise ValueError(str(error).partition("\n")[0]) from None


def _plain(value: object) -> object:
    """A value that may have been printed: "[0.1 0.1 0.2 0.2]" of an array, "(56, 56)" of a tuple."""
    if not isinstance(value, str):
        return value
    words = value.strip()
    if re.fullmatch(r"\[[^,]*\]", words):  # NumPy prints no commas
        words = re.sub(r"(?<=[\d.])\s+(?=[-\d.])", ", ", words)
    try:
        return ast.literal_eval(words)
    except (ValueError, SyntaxError):
        return value
