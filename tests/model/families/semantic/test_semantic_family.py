"""The family of semantic models: what it accepts and what it tells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from networks import FunctionRunner, brightness, clouds, manifest

from model.families.family import NoReference
from model.families.semantic.family import SemanticFamily
from model.storage.manifest import Bundle


@pytest.mark.parametrize(
    ("config", "classes", "values", "says"),
    [
        ({}, ("a", "b"), {}, 'gives "classes" or "labels"'),
        ({"gives": "classes", "background": 3}, ("a", "b"), {}, "channels are 0 to 2"),
        ({}, ("a",), {"tile_overlap": 64}, "belongs in the config"),
    ],
)
def test_a_manifest_that_makes_no_model_is_refused(
    config: dict[str, Any], classes: tuple[str, ...], values: dict[str, Any], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        SemanticFamily().check(manifest(config, classes, **values))


def test_a_model_without_a_background_names_it_nevertheless() -> None:
    SemanticFamily().check(manifest({"gives": "classes", "background": "none"}, ("a", "b")))


@pytest.mark.parametrize(
    ("config", "shape"),
    [
        ({}, (1, 1024, 1024, 3)),
        ({"max_side": 500, "divisor": 64, "channels": "grey"}, (1, 512, 512, 1)),
        ({"size": (320, 200), "fit": "tile"}, (1, 200, 320, 3)),
    ],
)
def test_no_picture_is_larger_than_the_largest(config: dict[str, Any], shape: tuple[int, ...]) -> None:
    model = manifest(config)
    assert SemanticFamily().largest_picture(model) == shape
    assert [stage.name for stage in SemanticFamily().stages(model)] == ["trunk"]
    for size in ((3000, 2000), (1, 5000), (40, 50)):
        seen = SemanticFamily().inputs_of(model, FunctionRunner(brightness))("trunk", clouds(*size))
        assert seen is not None
        assert all(side <= most for side, most in zip(seen[0].shape, shape, strict=True))
        assert seen[0].dtype == np.float32


def test_callers_are_told_how_pictures_are_fitted() -> None:
    assert SemanticFamily().input_policy(manifest({})) == {
        "fit": "pad",
        "channels": "rgb",
        "max_side": 1024,
        "divisor": 32,
    }
    assert SemanticFamily().input_policy(manifest({"size": (512, 256), "fit": "tile", "halo": 4})) == {
        "fit": "tile",
        "channels": "rgb",
        "size": [512, 256],
        "tile_overlap": 64,
        "halo": 4,
    }


def test_tensorflow_has_nothing_to_run() -> None:
    with pytest.raises(NoReference, match="openvino"):
        SemanticFamily().reference(Bundle(Path(), manifest({})))
