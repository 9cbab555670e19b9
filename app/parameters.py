"""Parameters: what a caller may ask of a segmentation, checked against one schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from app.errors import BadParameter
from model.formats.json import MaskFormat

_LONGEST_ECHO = 40  # characters of a bad value that are repeated to the caller


def _split_names(value: object) -> object:
    """["a,b", "c"] as ["a", "b", "c"]."""
    if not isinstance(value, list):
        return value
    return [name.strip() for part in value for name in part.split(",") if name.strip()]


class Parameters(BaseModel):
    """The parameters of POST /api/v1/segment. A description says what is allowed; errors repeat it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str | None = Field(default=None, description="the name of a loaded model")
    threshold: float | None = Field(
        default=None, ge=0, le=1, allow_inf_nan=False, description="a number from 0 to 1"
    )
    classes: Annotated[list[str] | None, BeforeValidator(_split_names)] = Field(
        default=None, min_length=1, description="one or more class names, separated by commas"
    )
    max_segments: int | None = Field(default=None, ge=1, le=1000, description="a whole number from 1 to 1000")
    mask_format: MaskFormat = Field(default="rle", description="rle or none")
    output: Literal["json", "overlay"] | None = Field(default=None, description="json or overlay")
    image_format: Literal["png", "jpeg"] | None = Field(default=None, description="png or jpeg")


def parse_parameters(*sources: Mapping[str, Sequence[str]]) -> Parameters:
    """The parameters in `sources` (query, form), each a mapping from a name to the values given for it.

    Raises:
        BadParameter: naming each parameter that is unknown, repeated or out of range, and what is allowed.
    """
    given: dict[str, list[str]] = {}
    for source in sources:
        for name, values in source.items():
            given.setdefault(name, []).extend(values)
    # Only `classes` is a list; a second threshold could only be a mistake.
    repeated = [name for name, values in given.items() if name != "classes" and len(values) > 1]
    if repeated:
        raise BadParameter(f"{_echo(repeated[0])} is given {len(given[repeated[0]])} times; give it once.")
    try:
        return Parameters.model_validate(
            {name: values if name == "classes" else values[0] for name, values in given.items()}
        )
    except ValidationError as error:
        names = list(dict.fromkeys(str(line["loc"][0]) for line in error.errors()))
        raise BadParameter(" ".join(_complaint(name, given[name]) for name in names)) from error


def _complaint(name: str, values: Sequence[str]) -> str:
    definition = Parameters.model_fields.get(name)
    if definition is None:
        allowed = ", ".join(Parameters.model_fields)
        return f"There is no parameter {_echo(name)}; there are {allowed}."
    return f"{name} must be {definition.description}, not {_echo(','.join(values))}."


def _echo(text: str) -> str:
    return repr(text if len(text) <= _LONGEST_ECHO else text[:_LONGEST_ECHO] + "…")
