"""ClassifierConfig and ClassifyPlan say what would be right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from model.families.classifier.config import ClassifierConfig
from model.families.classifier.training.augmentation import Augmentation
from model.families.classifier.training.plan import ClassifyPlan
from model.training.recipe import read_recipe, validated


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"size": 16}, "size 16 must be from 32 to 1024"),
        ({"network": "mobilenet", "blocks": 14}, "blocks 14 must be from 1 to 13"),
        ({"blocks": 5}, "only mobilenet can have fewer blocks"),
        ({"dropout": 1.0}, "dropout 1.0 must be at least 0 and below 1"),
        ({"network": "resnet"}, "network 'resnet' is unknown: use one of 'squeezenet', 'mobilenet'"),
        ({"dropuot": 0.1}, "dropuot is unknown: did you mean dropout?"),
    ],
)
def test_a_wrong_config_says_what_would_be_right(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("?", r"\?")):
        validated(ClassifierConfig, values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"prune": 0.99}, "prune 0.99 must be at most 0.95"),
        ({"prune_from": 0.8}, "prune_from 0.8 must be below prune_until 0.7"),
        ({"class_weights": {"cat": 0.0}}, "class_weights of cat must be above 0"),
        ({"freeze": -0.1}, "freeze -0.1 must be at least 0"),
        ({"learnin_rate": 1}, "learnin_rate is unknown: did you mean learning_rate?"),
        ({"augmentation": {"hue": 0.7}}, "hue 0.7 is outside 0…0.5"),
        ({"augmentation": {"blurr": 0.7}}, "augmentation.blurr is unknown: did you mean blur?"),
    ],
)
def test_a_wrong_plan_says_what_would_be_right(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("?", r"\?")):
        ClassifyPlan.from_json({"steps": 100, **values})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"crop": (0.0, 1.0)}, "give the least share, above 0"),
        ({"gamma": (2.0, 1.0)}, "give the smallest factor"),
        ({"noise": 1.5}, "noise 1.5 is outside 0…1"),
        ({"stretch": 0.5}, "stretch 0.5: give a factor of 1 or more"),
    ],
)
def test_a_wrong_augmentation_says_what_would_be_right(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Augmentation(**values)


def test_a_manifest_has_only_what_differs_from_the_defaults() -> None:
    config = ClassifierConfig(network="mobilenet", size=96)
    assert config.differences() == {"network": "mobilenet", "size": 96}
    assert ClassifierConfig.from_json(config.to_json()) == config


@pytest.mark.parametrize("name", ["gate", "scenes"])
def test_the_recipes_that_ship_are_valid(name: str) -> None:
    recipe = read_recipe(Path(__file__).parents[4] / "model" / "recipes" / f"{name}.yaml")
    assert recipe.task == "classify"
    validated(ClassifierConfig, recipe.config)
    ClassifyPlan.from_json(recipe.plan)
