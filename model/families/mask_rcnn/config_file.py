"""Config files: values for a Config in the formats of this project and of Matterport's library."""

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
"""Matterport's names, in lower case, that do not affect a model's answers."""
MODE_OF_PADDING = {"True": "square", "False": "none"}
"""IMAGE_PADDING of Matterport's first version → the resize mode that replaced it."""
LINE = re.compile(r"(?P<name>[A-Z][A-Z0-9_]*) {2,}(?P<value>.*)")
"""A line that `config.display()` prints: the name, spaces up to a column, the value."""


@dataclass(frozen=True)
class ConfigFile:
    """The contents of a config file.

    Attributes:
        values: for the fields of Config, which checks them.
        not_needed: Matterport's names that do not affect a model's answers.
        unknown: other names in upper case.
    """

    values: dict[str, Any]
    not_needed: list[str]
    unknown: list[str]

    @property
    def sentence(self) -> str:
        """The names that were ignored; empty if there are none."""
        words = []
        if self.not_needed:
            words.append(f"not needed for serving: {', '.join(self.not_needed)}")
        if self.unknown:
            words.append(f"unknown: {', '.join(self.unknown)}")
        return "; ".join(words)


def read_config_file(path: Path) -> ConfigFile:
    """Read the values in a JSON or YAML file, or in the output of `config.display()`.

    Names are Config's, or Matterport's in upper case; Matterport's names that serving does not need are
    ignored.

    Raises:
        ValueError: the file does not exist or has an unknown format; the message lists the known ones.
    """
    if not path.is_file():
        raise ValueError(
            f"--config {path} {'is a folder' if path.is_dir() else 'does not exist'}: give a file"
        )
    if path.suffix == ".py":
        raise ValueError(
            f"--config {path.name} is Python code, which import does not run: give a file with the output of "
            'its config.display(), or with its values as JSON, such as {"IMAGE_MAX_DIM": 512}'
        )
    try:
        found = _parsed(text_of(path)[0])
    except ValueError as error:
        raise ValueError(
            f"--config {path.name} is not JSON or YAML with names and values, nor the output of "
            f"config.display() ({error})"
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
        raise ValueError("it has no names with values")
    return values


def _yaml(text: str) -> object:
    import yaml  # not installed where models are only served

    class Loader(yaml.SafeLoader):
        """Also reads tuples, which Matterport's configs contain."""

    Loader.add_constructor(
        "tag:yaml.org,2002:python/tuple", lambda loader, node: loader.construct_sequence(node)
    )
    try:
        return yaml.load(text, Loader)
    except yaml.YAMLError as error:
        raise ValueError(str(error).partition("\n")[0]) from None


def _plain(value: object) -> object:
    """The value of a string that Python printed, such as an array's "[0.1 0.1 0.2 0.2]" or "(56, 56)"."""
    if not isinstance(value, str):
        return value
    words = value.strip()
    if re.fullmatch(r"\[[^,]*\]", words):  # NumPy prints arrays without commas
        words = re.sub(r"(?<=[\d.])\s+(?=[-\d.])", ", ", words)
    try:
        return ast.literal_eval(words)
    except (ValueError, SyntaxError):
        return value
