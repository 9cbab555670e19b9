"""Corrections: what people changed in a model's answer, as a note beside the data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

Action = Literal["delete", "draw", "merge", "split", "relabel", "reshape"]


class InvalidCorrections(ValueError):
    """The corrections are not as expected; the message says which member is wrong, and how."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class CorrectedObject(_Strict):
    """An object before or after a correction. Its mask is not repeated."""

    id: int = Field(ge=1, description="its number while it was corrected")
    class_: str = Field(alias="class")
    score: float = Field(ge=0, le=1)
    box: list[int] = Field(min_length=4, max_length=4, description="x, y, width, height in pixels")
    area: int = Field(ge=0, description="pixels of its mask")


class Correction(_Strict):
    """One step.

    Attributes:
        action: "delete", "draw", "merge", "split", "relabel" (another class), or "reshape" (pixels were added
            to an object, or taken away).
        before: the objects that it removed.
        after: the objects that it added.
    """

    action: Action
    before: list[CorrectedObject]
    after: list[CorrectedObject]


_SEVERAL = TypeAdapter(list[Correction])


def read_corrections(document: Any) -> list[Correction]:
    """The corrections in a JSON's content: a list of {action, before, after}, the first one first.

    >>> read_corrections([{"action": "merge", "before": [], "after": []}])[0].action
    'merge'

    Raises:
        InvalidCorrections: it is no such list.
    """
    try:
        return _SEVERAL.validate_python(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"])
        raise InvalidCorrections(f"corrections{where}: {first['msg']}") from None


def write_corrections(corrections: Sequence[Correction]) -> dict[str, Any]:
    """Plain values: "counts" of each action that occurs, and "corrections", the first one first."""
    return {
        "counts": dict(Counter(one.action for one in corrections)),
        "corrections": [one.model_dump(by_alias=True) for one in corrections],
    }
