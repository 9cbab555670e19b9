"""Problems: describes what is wrong with values from a file, for people to read."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

Values = TypeVar("Values")
NAMED_AT_MOST = 8


def some(names: Sequence[str]) -> str:
    """Return the first few of `names`, and the number of further ones, as text."""
    shown = ", ".join(names[:NAMED_AT_MOST])
    rest = len(names) - NAMED_AT_MOST
    return f"{shown} and {rest} more" if rest > 0 else shown


def problems_in(error: ValidationError) -> str:
    """Return what is wrong with each value, in one line."""
    return "; ".join(
        ": ".join(
            [*filter(None, [".".join(map(str, item["loc"]))]), item["msg"].removeprefix("Value error, ")]
        )
        for item in error.errors()
    )


def made_of(cls: type[Values], values: Mapping[str, Any]) -> Values:
    """Return the dataclass with these values; raise ValueError for an unknown name or a wrong type."""
    unknown = sorted(set(values) - {field.name for field in dataclasses.fields(cls)})  # type: ignore[arg-type]
    if unknown:
        raise ValueError(f"{cls.__name__} has no {', '.join(unknown)}: delete or correct the name")
    try:
        made: Values = _adapter(cast("Hashable", cls)).validate_python(dict(values))
    except ValidationError as error:
        raise ValueError(problems_in(error)) from None
    return made


@functools.cache
def _adapter(cls: Hashable) -> TypeAdapter[Any]:
    """The same for each call: one for a large dataclass takes a tenth of a second to make."""
    return TypeAdapter(cls)
