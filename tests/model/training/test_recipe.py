"""A recipe is YAML or JSON; options take precedence; unknown names are refused with the nearest one."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import yaml

from model.__main__ import main
from model.families.registry import trainings
from model.training.keys import keys_of
from model.training.plan import Plan
from model.training.recipe import Recipe, read_recipe, validated

REPOSITORY = Path(__file__).parents[3]


def test_yaml_and_json_say_the_same(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("task: instance\nplan:\n  steps: 40  # few\n  average: 9.9e-1\n")
    (tmp_path / "r.json").write_text('{"task": "instance", "plan": {"steps": 40, "average": 0.99}}')
    expected = Recipe(plan={"steps": 40, "average": 0.99}, task="instance")
    assert read_recipe(tmp_path / "r.yaml") == read_recipe(tmp_path / "r.json") == expected


def test_a_setting_takes_precedence_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("plan: {steps: 40, augmentation: {blur: 0.5, zoom: [1, 1]}}")
    settings = ("plan.augmentation.zoom=[0.5, 2]", "plan.seed=7", "config.backbone=resnet50")
    recipe = read_recipe(tmp_path / "r.yaml", settings)
    assert recipe.plan == {"steps": 40, "augmentation": {"blur": 0.5, "zoom": [0.5, 2]}, "seed": 7}
    assert recipe.config == {"backbone": "resnet50"}


def test_an_empty_section_is_none(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("config:\nplan:\n  # steps: 40\n")
    assert read_recipe(tmp_path / "r.yaml") == Recipe()


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("plan.steps", "--set plan.steps: give SECTION.KEY=VALUE"),
        ("=4", "--set =4: give SECTION.KEY=VALUE"),
        ("plan..steps=4", "give SECTION.KEY=VALUE"),
        ("plan.steps.all=4", "steps has no keys of its own"),
        ("plan.zoom=[1", "[1 is not a value as YAML writes it"),
        ("plans.steps=4", "plans is unknown: did you mean plan?"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(tmp_path: Path, setting: str, told: str) -> None:
    (tmp_path / "r.yaml").write_text("plan: {steps: 40}")
    with pytest.raises(ValueError) as refused:
        read_recipe(tmp_path / "r.yaml", (setting,))
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("plan: [", "r.yaml is not valid YAML in line"),
        ("- plan", "must have the sections config and plan"),
        ("plan: 4", "plan 4 must be a section with keys of its own"),
        ("plan: {steps: 3, steps: 9}", "not valid YAML in line 1: steps is given twice"),
        ("plan:\n\t- 4", "r.yaml is not valid YAML in line 2"),
    ],
)
def test_a_file_that_is_no_recipe_is_refused(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "r.yaml").write_text(text)
    with pytest.raises(ValueError) as refused:
        read_recipe(tmp_path / "r.yaml")
    assert told in str(refused.value)


@dataclasses.dataclass(frozen=True)
class Plain:
    width: int = 1


@pytest.mark.parametrize(
    ("kind", "values", "told"),
    [
        (Plain, {"widht": 2}, "widht is unknown: did you mean width?"),  # pydantic alone would ignore it
        (Plain, {"zzz": 2}, "zzz is unknown: there are: width"),
        (Plain, {"width": "wide"}, "width: Input should be a valid integer"),
        (Plan, {"steps": 4, "precison": "float32"}, "precison is unknown: did you mean precision?"),
        (Plan, {"steps": 4, "precision": "float16"}, "precision 'float16' is unknown: use one of"),
        (Plan, {"steps": 4, "average": 1}, "average 1 must be below 1"),
        (Plan, {"steps": 4, "average": float("nan")}, "average nan must be a number"),
        (Plan, {"steps": 4, "warmup_steps": 0, "accumulate": 3}, "must be a multiple of accumulate 3"),
        (
            Plan,
            {"steps": 4, "warmup_steps": 0, "patience": 2},
            "patience 2 counts reports: give report_every",
        ),
        (Plan, {"steps": 4, "warmup_steps": 0, "devices": 3}, "batch_size 4 must be a multiple of devices 3"),
    ],
)
def test_a_wrong_value_is_named(kind: type, values: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError) as refused:
        validated(kind, values)
    assert told in str(refused.value)


@pytest.mark.parametrize("task", trainings())
def test_the_printed_recipe_has_every_key_at_its_default_with_a_meaning(
    task: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["recipe", "--task", task]) == 0
    printed = capsys.readouterr().out
    recipe, training = validated(Recipe, yaml.safe_load(printed)), trainings()[task]
    assert recipe.task == task
    plan = validated(training.PLAN, {**recipe.plan, "steps": 1000})
    assert plan == training.PLAN(steps=1000)
    assert validated(training.CONFIG, recipe.config) == training.CONFIG()
    nameless = [
        key.name for kind in (training.CONFIG, training.PLAN) for key in keys_of(kind) if not key.meaning
    ]
    assert not nameless


@pytest.mark.parametrize("task", trainings())
def test_the_docs_have_the_printed_recipe(task: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recipe", "--task", task]) == 0
    printed = capsys.readouterr().out
    assert f"```yaml\n{printed}```" in (REPOSITORY / "docs" / "recipes.md").read_text()
