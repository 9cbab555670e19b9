"""Augmentation of semantic training: a picture and its truth change together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from model.families.semantic.training.augmentation import UNCHANGED, Augmentation, augment
from model.training.recipe import validated

RNG = np.random.default_rng


def squares(size: tuple[int, int] = (96, 80)) -> tuple[np.ndarray, np.ndarray]:
    """A picture whose classes are its colours: 0 black, 1 red, 2 green, in large areas."""
    class_map = np.zeros(size[::-1], np.uint16)
    class_map[10:50, 15:60] = 1
    class_map[45:75, 50:90] = 2
    image = np.zeros((*class_map.shape, 3), np.uint8)
    image[class_map == 1] = 255, 0, 0
    image[class_map == 2] = 0, 255, 0
    return image, class_map


def misplaced(picture: np.ndarray, truth: np.ndarray) -> float:
    """The share of pixels whose colour is another class's."""
    seen = np.where(picture[..., 0] > 127, 1, np.where(picture[..., 1] > 127, 2, 0))
    return float((seen != truth).mean())


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"flip": True},
        {"vertical_flip": True},
        {"quarter_turns": True},
        {"rotation": 45},
        {"scale": (0.5, 2)},
        {"stretch": 1.5},
        {"shift": 0.3},
        {"elastic": 5, "elastic_cell": 16},
        {"flip": True, "quarter_turns": True, "rotation": 20, "scale": (0.7, 1.5), "elastic": 3},
    ],
    ids=str,
)
def test_picture_and_truth_stay_aligned(changes: dict[str, Any]) -> None:
    image, class_map = squares()
    augmentation = UNCHANGED.model_copy(update=changes)
    for seed in range(8):
        picture, truth = augment(image, class_map, (96, 80), (64, 48), augmentation, RNG(seed))
        assert (picture.shape, truth.shape) == ((48, 64, 3), (48, 64))
        assert misplaced(picture, truth) < 0.02  # edges alone


def test_planes_change_as_a_class_map_does() -> None:
    image, class_map = squares()
    planes = np.stack([class_map == class_id for class_id in (1, 2, 1, 2, 1, 2)], axis=-1).astype(np.uint8)
    augmentation = Augmentation(rotation=30, elastic=3)
    _, truth = augment(image, class_map, (96, 80), (64, 64), augmentation, RNG(3))
    _, views = augment(image, planes, (96, 80), (64, 64), augmentation, RNG(3))
    for plane in range(6):
        np.testing.assert_array_equal(views[..., plane], truth == plane % 2 + 1)


def test_nothing_changes_if_nothing_may() -> None:
    rng = RNG(0)
    image = rng.integers(0, 256, (40, 48, 3), np.uint8)
    class_map = rng.integers(0, 3, (40, 48), np.uint16)
    picture, truth = augment(image, class_map, (48, 40), (48, 40), UNCHANGED, rng)
    np.testing.assert_array_equal(picture, image)
    np.testing.assert_array_equal(truth, class_map)


def test_each_flip_and_turn_occurs() -> None:
    image, class_map = squares((64, 64))
    augmentation = UNCHANGED.model_copy(update={"flip": True, "vertical_flip": True, "quarter_turns": True})
    views = {
        augment(image, class_map, (64, 64), (64, 64), augmentation, RNG(seed))[1].tobytes()
        for seed in range(80)
    }
    expected = {
        np.rot90(turned, turns).tobytes() for turned in (class_map, class_map[:, ::-1]) for turns in range(4)
    }
    assert views == expected


def test_colour_changes_leave_the_truth_alone() -> None:
    image, class_map = squares()
    strong = UNCHANGED.model_copy(
        update={
            "grey": 1.0,
            "noise": 1.0,
            "blur": 1.0,
            "invert": 1.0,
            "contrast": (0.5, 0.6),
            "gamma": (2, 2),
        }
    )
    picture, truth = augment(image, class_map, (96, 80), (96, 80), strong, RNG(1))
    np.testing.assert_array_equal(truth, class_map)
    assert picture.dtype == np.uint8
    assert not np.array_equal(picture, image)
    assert np.ptp(picture.astype(int), axis=-1).max() == 0  # no colour is left


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"scale": [0, 1]}, r"scale \(0.0, 1.0\): give the lowest factor, above 0"),
        ({"gamma": [2, 1]}, "give the lowest factor, above 0, then the highest"),
        ({"blur": 1.5}, "blur 1.5 must be at most 1"),
        ({"elastik": 2}, "elastik is unknown: did you mean elastic"),
    ],
)
def test_impossible_values_are_refused(values: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        validated(Augmentation, values)
