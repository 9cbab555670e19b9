"""What the network sees of a picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from networks import FunctionRunner, brightness, clouds, manifest, predict

from model.families.semantic.config import SemanticConfig
from model.families.semantic.preprocessing import Values


def _seen(config: dict[str, Any], image: np.ndarray) -> np.ndarray:
    runner = FunctionRunner(brightness)
    predict(runner, manifest(config), image)
    return runner.pictures[0][0]


IMAGE = clouds(64, 32)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, IMAGE / 255),
        ({"value_range": "0-255"}, IMAGE),
        ({"value_range": "-1-1"}, IMAGE / 127.5 - 1),
        ({"channels": "bgr", "mean": (0.1, 0.2, 0.3)}, IMAGE[..., ::-1] / 255 - (0.1, 0.2, 0.3)),
        ({"mean": (0.1, 0.2, 0.3), "std": (1, 2, 4)}, (IMAGE / 255 - (0.1, 0.2, 0.3)) / (1, 2, 4)),
        (
            {"normalization": "zero_mean_unit_variance"},
            (IMAGE / 255 - np.mean(IMAGE / 255)) / (np.std(IMAGE / 255) + 1e-6),
        ),
        (
            {"normalization": "zero_mean_unit_variance", "per_channel": True},
            (IMAGE - IMAGE.mean((0, 1))) / IMAGE.std((0, 1)),
        ),
    ],
)
def test_values_are_as_the_config_says(config: dict[str, Any], expected: np.ndarray) -> None:
    np.testing.assert_allclose(_seen(config, IMAGE), expected, atol=2e-4)


def test_percentiles_are_those_of_numpy() -> None:
    config = SemanticConfig(normalization="percentiles", percentiles=(1.5, 98.7), mean=(0.1, 0.3, 0.2))
    values = IMAGE / 255 - (0.1, 0.3, 0.2)
    low, high = np.percentile(values, (1.5, 98.7))

    seen = Values.of(IMAGE, config).apply(IMAGE, (64, 32))

    np.testing.assert_allclose(seen[0], (values - low) / (high - low + 1e-6), atol=1e-5)


def test_a_grey_network_sees_one_channel() -> None:
    seen = _seen({"channels": "grey"}, IMAGE)

    assert seen.shape == (32, 64, 1)
    np.testing.assert_allclose(seen[..., 0], IMAGE @ (0.299, 0.587, 0.114) / 255, atol=3e-3)


def test_a_picture_of_one_grey_is_not_divided_by_nothing() -> None:
    grey = np.full((32, 32, 3), 7, np.uint8)

    for normalization in ("zero_mean_unit_variance", "percentiles"):
        assert np.isfinite(_seen({"normalization": normalization}, grey)).all()


def test_each_tile_is_normalized_by_the_whole_picture() -> None:
    image = np.zeros((32, 96, 3), np.uint8)
    image[:, 64:] = 200
    runner = FunctionRunner(brightness)
    tiles = {"fit": "tile", "size": (32, 32), "tile_overlap": 0}

    predict(runner, manifest(tiles | {"normalization": "percentiles"}), image)

    assert [picture.max() for picture in runner.pictures] == pytest.approx([0, 0, 1], abs=1e-4)


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (40, 33)])
def test_the_padding_mirrors_the_picture(size: tuple[int, int]) -> None:
    image = clouds(*size)

    seen = _seen({"value_range": "0-255"}, image)

    width, height = size
    np.testing.assert_array_equal(seen[:height, :width], image)
    np.testing.assert_array_equal(seen[height], seen[height - 1])
    np.testing.assert_array_equal(seen[:, width], seen[:, width - 1])
