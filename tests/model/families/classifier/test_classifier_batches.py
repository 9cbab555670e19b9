"""Training batches of a classifier: every picture once an epoch, changed at random, the same on each run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from coloured_classes import COLOURS, TINY

from model.data.classified import open_classified
from model.families.classifier.config import ClassifierConfig
from model.families.classifier.preprocessing import to_input
from model.families.classifier.training.augmentation import Augmentation, augment
from model.families.classifier.training.batches import BatchSource, class_weights
from model.families.classifier.training.plan import ClassifyPlan

CONFIG = ClassifierConfig.from_json(TINY)
UNCHANGED: dict[str, Any] = {
    "mirror": False,
    "crop": (1.0, 1.0),
    "stretch": 1.0,
    "brightness": 0.0,
    "contrast": (1.0, 1.0),
    "saturation": (1.0, 1.0),
    "gamma": (1.0, 1.0),
    "hue": 0.0,
    "grey": 0.0,
    "blur": 0.0,
    "noise": 0.0,
}


def plan(**values: Any) -> ClassifyPlan:
    return ClassifyPlan.from_json({"steps": 10, "batch_size": 4, "warmup_steps": 1, **values})


def test_each_picture_is_drawn_once_an_epoch(class_folders: Path) -> None:
    data = open_classified(class_folders / "train")  # 15 pictures
    seen: list[bytes] = []
    for _, batch in BatchSource(data, CONFIG, plan(augmentation=UNCHANGED)).batches(0, 8):
        seen += [picture.tobytes() for picture in batch["picture"]]

    first, second = seen[:15], seen[15:30]
    assert len(set(first)) == 15
    assert set(first) == set(second)
    assert first != second


def test_a_batch_depends_only_on_the_seed_and_the_step(class_folders: Path) -> None:
    data = open_classified(class_folders / "train")
    whole = dict(BatchSource(data, CONFIG, plan()).batches(0, 6))
    ((_, again),) = BatchSource(data, CONFIG, plan()).batches(5, 6)
    ((_, other),) = BatchSource(data, CONFIG, plan(seed=1)).batches(5, 6)

    np.testing.assert_array_equal(again["picture"], whole[5]["picture"])
    np.testing.assert_array_equal(again["class_id"], whole[5]["class_id"])
    assert not np.array_equal(other["picture"], whole[5]["picture"])
    assert again["picture"].shape == (4, 32, 32, 3)
    assert again["picture"].min() >= 0
    assert again["picture"].max() <= 255


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ("none", [1, 1, 1]),
        ("balanced", [15 / 9, 15 / 21, 15 / 15]),  # 3, 7 and 5 pictures
        ({"green": 2.0}, [15 / 22, 30 / 22, 15 / 22]),
    ],
)
def test_weights_of_classes_are_1_on_average(weights: Any, expected: list[float]) -> None:
    class Data:
        classes = tuple(COLOURS)
        class_ids = (*[0] * 3, *[1] * 7, *[2] * 5)

        def __len__(self) -> int:
            return 15

    found = class_weights(Data(), plan(class_weights=weights))  # type: ignore[arg-type]

    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert found[list(Data.class_ids)].mean() == pytest.approx(1)


def test_without_changes_a_training_picture_is_what_the_network_will_see() -> None:
    image = np.random.default_rng(0).integers(0, 256, (50, 70, 3)).astype(np.uint8)
    rng = np.random.default_rng(1)
    for contrast in (False, True):
        shown = augment(image, 32, Augmentation(**UNCHANGED), rng, contrast=contrast)
        np.testing.assert_allclose(shown, to_input(image, 32, contrast=contrast), atol=1e-3)


def test_turning_the_hue_leaves_greys_as_they_are_and_changes_colours() -> None:
    augmentation = Augmentation(**{**UNCHANGED, "hue": 0.5})
    grey = np.full((40, 40, 3), 77, np.uint8)
    red = np.full((40, 40, 3), (200, 20, 20), np.uint8)
    turned = [
        augment(image, 32, augmentation, np.random.default_rng(3), contrast=False) for image in (grey, red)
    ]

    np.testing.assert_allclose(turned[0], 77, atol=1e-3)
    assert np.abs(turned[1] - red[0, 0]).max() > 20


def test_grey_pictures_have_three_equal_channels() -> None:
    augmentation = Augmentation(**{**UNCHANGED, "grey": 1.0})
    image = np.random.default_rng(0).integers(0, 256, (50, 70, 3)).astype(np.uint8)
    shown = augment(image, 32, augmentation, np.random.default_rng(0), contrast=False)

    assert np.ptp(shown, axis=2).max() < 1e-2


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (3000, 7)])
def test_a_picture_of_any_size_fits(shape: tuple[int, int]) -> None:
    image = np.full((*shape, 3), 90, np.uint8)
    assert to_input(image, 32, contrast=True).shape == (32, 32, 3)
    assert augment(image, 32, Augmentation(), np.random.default_rng(0), contrast=True).shape == (32, 32, 3)


def test_stretching_the_contrast_removes_brightness_and_scale() -> None:
    image = np.random.default_rng(0).integers(0, 200, (64, 64, 3)).astype(np.uint8)
    darker = (image // 4 + 100).astype(np.uint8)
    np.testing.assert_allclose(
        to_input(darker, 32, contrast=True), to_input(image, 32, contrast=True), atol=8
    )
