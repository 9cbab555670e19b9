"""Recipe: the values of a training configuration file, checked against the options that exist."""

from __future__ import annotations

import difflib
import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import ConfigDict, TypeAdapter, ValidationError

from model.files.text_files import text_of
from model.storage.problems import some
from model.training.run_json import option

Values = TypeVar("Values")
LIMITS = {
    "greater_than_equal": ("ge", "at least"),
    "greater_than": ("gt", "above"),
    "less_than_equal": ("le", "at most"),
    "less_than": ("lt", "below"),
}
"""Pydantic's type of error → the name of the limit in its context, and the words for it."""


@dataclass(frozen=True)
class Recipe:
    """The contents of a configuration file, with the values that the command line sets in it.

    Attributes:
        config: describes the network and how pictures are brought to it; see the family's config.
        plan: describes the training; see the family's plan.
        task: the task of the model; empty if the file does not say.
        search: values that `python -m model tune` tries, by name, such as "plan.batch_size"; training
            ignores them.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    config: dict[str, Any] = field(default_factory=dict)
    plan: dict[str, Any] = field(default_factory=dict)
    task: str = ""
    search: dict[str, Any] = field(default_factory=dict)


def read_recipe(path: Path | None, settings: Sequence[str] = ()) -> Recipe:
    """The Recipe in a YAML or JSON file, which is YAML too.

    Args:
        path: of the file; None: no file.
        settings: "plan.augmentation.zoom=[0.5, 2]" sets a value, written as in YAML.

    Raises:
        ValueError: the file is not a recipe, or a setting is not of that form; says what is wrong.
    """
    contents = _contents(path) if path else {}
    values = {name: {} if value is None else value for name, value in contents.items()}  # an empty section
    for setting in settings:
        _set(values, setting)
    source = f"{path} is not a valid recipe: " if path else ""
    try:
        return validated(Recipe, values)
    except ValueError as error:
        raise ValueError(f"{source}{error}") from None


def validated(kind: type[Values], values: Mapping[str, Any]) -> Values:
    """`kind`, a dataclass or pydantic model, with these values.

    Raises:
        ValueError: names what is wrong, with the nearest name in the place of an unknown one.
    """
    for name in values:
        if name not in _names_at(cast(Hashable, kind), ()):  # pydantic ignores unknown fields of a dataclass
            raise ValueError(_unknown(kind, (name,)))
    try:
        return TypeAdapter(kind).validate_python(dict(values))
    except ValidationError as error:
        raise ValueError("; ".join(_problem(kind, item) for item in error.errors())) from None


def check_name(sections: Mapping[str, type], name: str) -> None:
    """Raise ValueError, with the nearest name, if no section has a value of that name.

    Args:
        sections: "plan" → its dataclass or pydantic model.
        name: such as "plan.augmentation.zoom".
    """
    section, *inner, last = name.split(".")
    if last in _names_at(cast(Hashable, sections[section]), tuple(inner)):
        return
    known = sorted(
        ".".join([other, *inner, one])
        for other, kind in sections.items()
        for one in _names_at(cast(Hashable, kind), tuple(inner))
    )
    near = difflib.get_close_matches(name, known, n=1)
    # The same name in another section is nearer than a similar one in this section.
    near = [one for one in known if one.rpartition(".")[2] == last] or near
    advice = f"did you mean {near[0]}?" if near else f"there are: {some(known)}"
    raise ValueError(f"{name} is unknown: {advice}")


@contextmanager
def words_of_the_command_line(given: Mapping[str, Any]) -> Iterator[None]:
    """Name the option in error messages about a value that an option gave: "--batch-size 0 must be …"."""
    try:
        yield
    except ValueError as error:
        message = str(error)
        for name, value in given.items():
            if value is not None:
                message = re.sub(rf"(?<![\w-]){name}(?!\w)", option(name), message)
        raise ValueError(message) from None


def _contents(path: Path) -> dict[str, Any]:
    import yaml  # only training needs it

    text, _ = text_of(path)
    try:
        values = yaml.load(text, _loader())
    except yaml.YAMLError as error:
        place = getattr(error, "problem_mark", None)
        line = f" in line {place.line + 1}" if place else ""
        raise ValueError(f"{path} is not valid YAML{line}: {getattr(error, 'problem', error)}") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ValueError(f"{path} is not a valid recipe: it must have the sections config and plan")
    return values


def _loader() -> type:
    """YAML's safe loader, which also refuses a key that is given twice."""
    import yaml

    class Loader(yaml.SafeLoader):
        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
            names = [key.value for key, _ in node.value]
            if twice := [name for name in names if names.count(name) > 1]:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{twice[0]} is given twice", node.start_mark
                )
            return super().construct_mapping(node, deep)

    return Loader


def _set(values: dict[str, Any], setting: str) -> None:
    name, equals, text = setting.partition("=")
    if not equals or not all(name.split(".")):
        raise ValueError(f"--set {setting}: give SECTION.KEY=VALUE, such as plan.average=0.99")
    import yaml

    *sections, key = name.split(".")
    for section in sections:
        inner = values.setdefault(section, {})
        if not isinstance(inner, dict):
            raise ValueError(f"--set {setting}: {section} has no keys of its own")
        values = inner
    try:
        values[key] = yaml.safe_load(text)
    except yaml.YAMLError:
        raise ValueError(f"--set {setting}: {text} is not a value as YAML writes it") from None


def _problem(kind: type, item: Mapping[str, Any]) -> str:
    name = ".".join(str(part) for part in item["loc"])
    shown = f"{name} {item['input']}"
    if item["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return _unknown(kind, item["loc"])
    if item["type"] == "tuple_type":
        return f"{shown} must be a list, such as [1, 2]"
    if item["type"] in ("dict_type", "dataclass_type", "model_type", "model_attributes_type"):
        return f"{shown} must be a section with keys of its own"
    if item["input"] != item["input"]:  # NaN
        return f"{shown} must be a number"
    if item["type"] in LIMITS:
        limit, words = LIMITS[item["type"]]
        return f"{shown} must be {words} {item['ctx'][limit]}"
    if item["type"] == "literal_error":
        return (
            f"{name} {item['input']!r} is unknown: use one of {item['ctx']['expected'].replace(' or ', ', ')}"
        )
    message = item["msg"].removeprefix("Value error, ")
    return f"{name}: {message}" if name else message


def _unknown(kind: type, place: tuple[str | int, ...]) -> str:
    *section, name = map(str, place)
    known = sorted(_names_at(kind, place[:-1]))
    near = difflib.get_close_matches(name, known, n=1)
    advice = f"did you mean {near[0]}?" if near else f"there are: {some(known)}"
    return f"{'.'.join([*section, name])} is unknown: {advice}"


@lru_cache(maxsize=32)
def _names_at(kind: Hashable, place: tuple[str | int, ...]) -> frozenset[str]:
    """The names that may be given at a place inside `kind`."""
    schema = TypeAdapter(kind).json_schema()
    definitions, here = schema.get("$defs", {}), schema
    for part in place:
        here = here.get("properties", {}).get(part, {})
        for reference in (here, *here.get("anyOf", ()), *here.get("allOf", ())):
            if "$ref" in reference:
                here = definitions[reference["$ref"].rpartition("/")[2]]
                break
    return frozenset(here.get("properties", {}))
