"""The schema of given objects: that of an answer, of which only what the outputs need must be there."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, FailFast, Field, StringConstraints

from model.results.corrections import Correction
from model.results.result import MOST_SEGMENTS
from model.storage.manifest import NAME_PATTERN

LONGEST_SIDE = 1_000_000
"""Pixels of a side of the image, as for pictures."""

# Written into headers, so without line breaks and other control characters.
_Words = Annotated[str, StringConstraints(pattern=r"^[ -~]{1,100}$")]
_Pixels = Annotated[int, Field(ge=0, le=LONGEST_SIDE)]
_Class = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Given(BaseModel):
    """A JSON object; members that it does not have are ignored, since answers may have more."""

    model_config = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False)


class GivenSegment(Given):
    """An object, as in an answer or edited. Its area is computed anew."""

    id: int | None = Field(
        default=None,
        ge=1,
        le=65_535,
        description="its number in files; at most one segment may have it. If some have none: from 1 on",
    )
    class_: _Class = Field(alias="class")
    class_id: int = Field(ge=1, le=65_535)
    score: float = Field(ge=0, le=1)
    box: Annotated[list[_Pixels], FailFast()] = Field(
        min_length=4, max_length=4, description="x, y, width, height"
    )
    # Checked by `mask_of`: a schema would copy a million numbers one by one.
    mask: Any = Field(
        description="as in an answer with mask_format rle, polygon or png",
        json_schema_extra={
            "anyOf": [
                {"$ref": "#/components/schemas/RunLengths"},
                {"type": "array", "items": {"type": "array", "items": {"type": "number"}, "minItems": 6}},
                {"type": "string"},
            ]
        },
    )
    edited: bool = Field(default=False, description="whether a person has corrected or drawn it")
    colour: Annotated[str, StringConstraints(pattern=r"^#[0-9a-fA-F]{6}$")] | None = Field(
        default=None, description="its colour in the overlay, as #rrggbb, unless the model is semantic"
    )


class GivenModel(Given):
    """The model that found the objects. It need not be loaded."""

    name: str = Field(pattern=NAME_PATTERN)
    version: _Words
    task: Literal["instance", "semantic"] | None = None
    engine: _Words = "unknown"
    precision: _Words = "unknown"
    chosen_by: Literal["caller", "default", "gate", "traffic"] = "caller"
    arm: _Words | None = None


class GivenGate(Given):
    """The verdict of the model's gate."""

    label: str = Field(max_length=200)
    score: float = Field(ge=0, le=1)


class GivenPixelSize(Given):
    """The width and height of a pixel, in micrometres."""

    x: float = Field(gt=0)
    y: float = Field(gt=0)


class GivenImage(Given):
    """The image in which they were found."""

    width: int = Field(ge=1)
    height: int = Field(ge=1)
    pages: int = Field(default=1, ge=1, le=1_000_000)
    page: int | None = Field(default=None, ge=0, le=1_000_000)
    projection: Literal["max", "mean"] | None = None
    channels: int = Field(default=3, ge=1, le=10_000)
    pixel_size: GivenPixelSize | None = None


class GivenNotice(Given):
    """A warning of the answer, passed on as it is."""

    code: str = Field(max_length=100)
    message: str = Field(max_length=2_000)


class Objects(Given):
    """The objects of one image: an answer of POST /api/v1/segment, perhaps edited."""

    model: GivenModel
    gate: GivenGate | None = None
    image: GivenImage
    found: int | None = Field(
        default=None, ge=0, le=10**9, description="the number found, if these are not all; see truncated"
    )
    truncated: bool = False
    warnings: Annotated[list[GivenNotice], FailFast()] = Field(default=[], max_length=20)
    segments: Annotated[list[GivenSegment], FailFast()] = Field(max_length=MOST_SEGMENTS)
    corrections: Annotated[list[Correction], FailFast()] = Field(
        default=[],
        max_length=MOST_SEGMENTS,
        description="what people changed in the answer, the first change first; for the output training",
    )
