"""Keys: the values that a recipe may have, each with its default, its range and its meaning."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

LIMITS = {
    "minimum": "at least",
    "exclusiveMinimum": "above",
    "maximum": "at most",
    "exclusiveMaximum": "below",
}
"""JSON schema's name of a limit → the words for it."""


@dataclass(frozen=True)
class Key:
    """A value that a recipe may have.

    Attributes:
        name: with its section, such as "augmentation.zoom".
        default: as YAML writes it; empty if it must be given, or follows from other values.
        limits: its range or choices in words; empty if the meaning says it.
        meaning: a phrase without a full stop.
    """

    name: str
    default: str
    limits: str
    meaning: str


def keys_of(kind: Any) -> list[Key]:
    """The values of a dataclass or pydantic model, and those of the ones in it."""
    schema = TypeAdapter(kind).json_schema()
    return list(_keys(schema, schema.get("$defs", {}), ""))


def as_recipe(sections: Mapping[str, Any]) -> str:
    """A recipe in YAML with every value at its default, and its meaning and range as a comment.

    Values without a default are commented out.

    Args:
        sections: "config" and "plan", each with its dataclass or pydantic model.
    """
    lines: list[str] = []
    for section, kind in sections.items():
        lines.append(f"{section}:")
        opened = ""
        for key in keys_of(kind):
            *parents, name = key.name.split(".")
            if parents and ".".join(parents) != opened:
                opened = ".".join(parents)
                lines.append(f"{'  ' * len(parents)}{parents[-1]}:")
            indent = "  " * (len(parents) + 1)
            lines.append(f"{indent}# {'; '.join(filter(None, (key.meaning, key.limits)))}")
            lines.append(f"{indent}{name}: {key.default}" if key.default else f"{indent}# {name}:")
    return "\n".join(lines) + "\n"


def _keys(schema: Mapping[str, Any], definitions: Mapping[str, Any], prefix: str) -> Iterator[Key]:
    for name, one in schema["properties"].items():
        inner = definitions.get(one.get("$ref", "").rpartition("/")[2])
        if inner is not None and "properties" in inner:
            yield from _keys(inner, definitions, f"{prefix}{name}.")
            continue
        default = json.dumps(one["default"], ensure_ascii=False) if "default" in one else ""
        meaning = one.get("description", "").removesuffix(".")
        yield Key(f"{prefix}{name}", default, _limits(one), meaning[:1].upper() + meaning[1:])


def _limits(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"]))
    for one in schema.get("anyOf", ()):
        if words := _limits(one):
            return words
    return ", ".join(f"{words} {schema[name]}" for name, words in LIMITS.items() if name in schema)
