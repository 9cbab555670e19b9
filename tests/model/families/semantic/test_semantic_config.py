"""SemanticConfig: what it refuses, and how classes are numbered."""

from __future__ import annotations

import json
from typing import Any

import pytest

from model.families.semantic.config import SemanticConfig


def test_json_gives_the_same_config_back() -> None:
    config = SemanticConfig(
        gives="classes", size=(512, 256), mean=(0.5, 0.4, 0.3), std=(1, 2, 3), background=2, halo=8
    )

    assert SemanticConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"fit": "scale"}, "give size"),
        ({"fit": "tile"}, "give size"),
        ({"size": (0, 5)}, "at least 1"),
        ({"max_side": 16}, "divisor 32"),
        ({"divisor": 0}, "at least 1"),
        ({"max_side": 10**9}, "max_side 1000000000: give at most 4096"),
        ({"divisor": 8192, "max_side": 8192}, "divisor 8192: give at most 4096"),
        ({"size": (512, 100_000)}, "width and height must be at most 4096"),
        ({"fit": "tile", "size": (100, 80), "tile_overlap": 71}, "at most 70"),
        ({"fit": "tile", "size": (128, 128), "halo": 60}, "leaves less than an eighth .*--fit pad"),
        ({"fit": "tile", "size": (256, 256), "halo": 40}, "tile_overlap 80 or more"),
        ({"halo": -1}, "0 or more"),
        ({"channels": "grey", "mean": (0.5, 0.5, 0.5)}, "one value per channel"),
        ({"std": (0.5,)}, "one value per channel"),
        ({"std": (0.2, 0.0, 0.2)}, "above 0"),
        ({"std": (0.2, float("inf"), 0.2)}, "std .*: give finite numbers"),
        ({"mean": (0.2, float("nan"), 0.2)}, "mean .*: give finite numbers"),
        ({"percentiles": (float("nan"), 100.0)}, "a lower and a higher one"),
        ({"percentiles": (99.0, 1.0)}, "a lower and a higher one"),
        ({"activation": "softmax"}, "sigmoid"),
        ({"gives": "labels", "activation": "softmax"}, "sigmoid"),
        ({"gives": "class_ids", "activation": "sigmoid"}, "use 'none'"),
        ({"gives": "class_ids", "mirror": True}, "use False"),
        ({"gives": "class_ids", "refine_edges": True}, "use False"),
        ({"gives": "class_ids", "look_again": True}, "use False"),
        ({"size": (64, 64), "fit": "pad", "look_again": True}, 'use fit "scale"'),
        ({"look_again": True}, 'use fit "scale"'),
        (
            {
                "size": (64, 64),
                "fit": "scale",
                "look_again": True,
                "gives": "classes",
                "background": "none",
            },
            "omit look_again",
        ),
        ({"background": 0}, "implied"),
        ({"gives": "labels", "background": "none"}, "implied"),
        ({"gives": "classes", "background": -1}, "counted from 0"),
        ({"color": "rgb"}, "has no color"),
        ({"channels": "rgba"}, "channels"),
        ({"size": 5}, "size"),
    ],
)
def test_what_does_not_fit_together_is_refused_with_what_would(values: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        SemanticConfig.from_json(values)


@pytest.mark.parametrize(
    ("gives", "background", "classes", "ids"),
    [
        ("binary", "implied", 2, (1,)),
        ("classes", 0, 4, (0, 1, 2, 3)),
        ("classes", 3, 4, (1, 2, 3, 0)),
        ("classes", 1, 4, (1, 0, 2, 3)),
        ("classes", "none", 4, (1, 2, 3)),
        ("labels", "implied", 4, (1, 2, 3)),
        ("class_ids", "implied", 4, (0, 1, 2, 3)),
        ("class_ids", "none", 4, (1, 2, 3)),
    ],
)
def test_channels_are_numbered_as_the_model_names_its_classes(
    gives: Any, background: Any, classes: int, ids: tuple[int, ...]
) -> None:
    assert SemanticConfig(gives=gives, background=background).class_ids(classes) == ids
