"""Search space: the values that a study tries, from the section `search` of a recipe."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, model_validator

from model.training.plan import Plan
from model.training.recipe import Recipe, check_name, validated

if TYPE_CHECKING:
    from optuna import Trial
    from optuna.distributions import BaseDistribution

SECTIONS = ("config", "plan")
MANY_STEPS = 1_000_000
"""More than any warm-up: stands for the number of steps if the recipe gives epochs instead."""


class Range(BaseModel):
    """A range of numbers, both ends included; whole numbers if both ends are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    low: int | float
    high: int | float
    log: bool = False
    step: int | float | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Range:
        if not self.low < self.high:
            raise ValueError(f"low {self.low} must be less than high {self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"low {self.low} must be above 0 with log: true")
        if self.step is not None and self.step <= 0:
            raise ValueError(f"step {self.step} must be above 0")
        if self.log and self.step is not None:
            raise ValueError("give log or step, not both")
        if self.whole and isinstance(self.step, float):
            raise ValueError(f"step {self.step} must be a whole number, as low and high are")
        return self

    @property
    def whole(self) -> bool:
        """Whether only whole numbers are tried."""
        return isinstance(self.low, int) and isinstance(self.high, int)


@dataclass(frozen=True)
class Search:
    """What a study tries.

    Attributes:
        values: name, such as "plan.batch_size" → its range, or a list of choices.
    """

    values: Mapping[str, Range | Sequence[Any]]

    def distributions(self) -> dict[str, BaseDistribution]:
        """The same as Optuna has it."""
        return {name: _distribution(one) for name, one in self.values.items()}

    def suggested(self, trial: Trial) -> dict[str, Any]:
        """The values of a trial, by name; those that it has already stay."""
        chosen: dict[str, Any] = {}
        for name, one in self.values.items():
            if not isinstance(one, Range):
                chosen[name] = trial.suggest_categorical(name, [_label(choice) for choice in one])
            elif one.whole:
                step = 1 if one.step is None else int(one.step)
                chosen[name] = trial.suggest_int(name, int(one.low), int(one.high), step=step, log=one.log)
            else:
                chosen[name] = trial.suggest_float(name, one.low, one.high, step=one.step, log=one.log)
        return self.from_labels(chosen)

    def labels(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Values by name as Optuna keeps them."""
        return {name: _label(values[name]) for name in self.values}

    def from_labels(self, labels: Mapping[str, Any]) -> dict[str, Any]:
        """The values by name that Optuna keeps as `labels`."""
        values = dict(labels)
        for name, one in self.values.items():
            if not isinstance(one, Range) and name in values:
                values[name] = next(choice for choice in one if _label(choice) == values[name])
        return values

    def to_json(self) -> dict[str, Any]:
        """The same in plain values."""
        return {
            name: one.model_dump() if isinstance(one, Range) else list(one)
            for name, one in self.values.items()
        }

    def contains(self, values: Mapping[str, Any]) -> bool:
        """Whether all of its names have a value in `values`, which the study could try too."""
        from optuna.distributions import CategoricalDistribution

        for name, distribution in self.distributions().items():
            value = _label(values.get(name))
            if isinstance(distribution, CategoricalDistribution):
                if not any(type(value) is type(one) and value == one for one in distribution.choices):
                    return False
            elif not isinstance(value, int | float) or not distribution._contains(
                distribution.to_internal_repr(value)
            ):
                return False
        return True


def search_of(recipe: Recipe, config: type, plan: type[Plan]) -> Search:
    """The search space of a recipe, each end and choice checked by itself against the limits of the values.

    Args:
        recipe: has the section `search`.
        config: the values that its `config` may have: a dataclass.
        plan: the values that its `plan` may have.

    Raises:
        ValueError: names the value that is unknown or impossible, and says what would be right.
    """
    if not recipe.search:
        raise ValueError(
            "the recipe has no section search: name values to try, such as "
            "search: {plan.batch_size: [2, 4, 8]}"
        )
    known = {"config": config, "plan": plan}
    values: dict[str, Range | Sequence[Any]] = {}
    for name, given in recipe.search.items():
        _check(name, known)
        values[name] = one = _read(name, given)
        for end in [one.low, one.high] if isinstance(one, Range) else one:
            _try(recipe, known, name, end)
    return Search(values)


def with_values(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """The recipe with these values by name, without its search."""
    config, plan = json.loads(json.dumps([recipe.config, recipe.plan]))
    for name, value in values.items():
        section, *inner, last = name.split(".")
        place = {"config": config, "plan": plan}[section]
        for key in inner:
            place = place.setdefault(key, {})
        place[last] = value
        if name == "plan.epochs":
            plan.pop("steps", None)
    return dataclasses.replace(recipe, config=config, plan=plan, search={})


def _check(name: str, known: Mapping[str, type]) -> None:
    section, _, rest = name.partition(".")
    if section not in SECTIONS or not rest:
        raise ValueError(f"search.{name}: give names such as plan.batch_size or config.learning_rate")
    if rest != "epochs":
        check_name(known, name)


def _read(name: str, given: Any) -> Range | Sequence[Any]:
    if isinstance(given, list):
        if len(given) < 2 or len({_label(one) for one in given}) < len(given):
            raise ValueError(f"search.{name}: give at least two different choices")
        return given
    if not isinstance(given, dict):
        raise ValueError(
            f"search.{name} {given}: give a list of choices, or a range such as {{low: 2, high: 8}}; a value "
            "that does not vary belongs in config or plan"
        )
    numbers = {key: _number(value) for key, value in given.items()}
    try:
        return validated(Range, numbers)
    except ValueError as error:
        raise ValueError(f"search.{name}: {error}") from None


def _number(value: Any) -> Any:
    """A number that YAML 1.1 takes for text, such as 1e-4, as a number."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            pass
    return value


def _try(recipe: Recipe, known: Mapping[str, type], name: str, value: Any) -> None:
    """Raise ValueError if the value is impossible beside the recipe's own values."""
    section = name.partition(".")[0]
    if name == "plan.epochs":
        return
    try:
        validated(known[section], _section(recipe, section))
    except ValueError:
        return  # what is wrong without the value will be said when the first trial is prepared
    try:
        validated(known[section], _section(with_values(recipe, {name: value}), section))
    except ValueError as error:
        raise ValueError(f"search.{name}: {error}") from None


def _section(recipe: Recipe, section: str) -> dict[str, Any]:
    if section == "config":
        return recipe.config
    return {"steps": MANY_STEPS, **{name: value for name, value in recipe.plan.items() if name != "epochs"}}


def _distribution(one: Range | Sequence[Any]) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if not isinstance(one, Range):
        return CategoricalDistribution([_label(choice) for choice in one])
    if one.whole:
        step = 1 if one.step is None else int(one.step)
        return IntDistribution(int(one.low), int(one.high), log=one.log, step=step)
    return FloatDistribution(one.low, one.high, log=one.log, step=one.step)


def _label(choice: Any) -> str | int | float | bool | None:
    """The choice as Optuna can keep it: lists and sections as text."""
    plain = choice is None or isinstance(choice, str | int | float | bool)
    return choice if plain else json.dumps(choice)
