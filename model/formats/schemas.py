"""Schemas of the output formats that are JSON."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from model.results.result import Task


class JsonObject(BaseModel):
    """A JSON object with these members and no others."""

    model_config = ConfigDict(extra="forbid")


class RunLengths(JsonObject):
    """A mask of the whole image in COCO's compressed run-length encoding."""

    size: list[int] = Field(min_length=2, max_length=2, description="height and width")
    counts: str


class Segment(JsonObject):
    """One object; coordinates in the uploaded image's pixels after EXIF orientation."""

    id: int = Field(ge=1, description="its number, best score first")
    class_: str = Field(alias="class")
    class_id: int = Field(ge=1)
    score: float = Field(ge=0, le=1)
    box: list[int] = Field(min_length=4, max_length=4, description="x, y, width, height")
    area: int = Field(ge=0, description="pixels of its mask")
    mask: RunLengths | list[list[float]] | str | None = Field(
        default=None,
        description="run lengths; or polygons, a list of rings, holes included, even-odd;"
        " or a base64 PNG of the box; absent with mask_format=none",
    )


class UsedModel(JsonObject):
    """Which model answered, and how it was run."""

    name: str
    version: str
    task: Task = Field(
        description="instance: a segment is an object; semantic: a segment is a class, or a part of one"
    )
    engine: str
    precision: str
    chosen_by: Literal["caller", "default", "gate"] = Field(
        description="who chose the model; gate: with model=auto, the gates of the loaded models"
    )


class Gate(JsonObject):
    """What the model's gate says of the picture."""

    label: str = Field(description="what the picture is taken for")
    score: float = Field(ge=0, le=1, description="how well it suits the model; from 0.5 on it is accepted")


class PixelSize(JsonObject):
    """How wide and high a pixel of the uploaded image is, in micrometres."""

    x: float = Field(gt=0)
    y: float = Field(gt=0)


class UsedImage(JsonObject):
    """The image that was looked at, in pixels, and which of its file it is."""

    width: int = Field(ge=1)
    height: int = Field(ge=1)
    pages: int = Field(ge=1, description="pages or frames of the file, without thumbnails and smaller copies")
    page: int | None = Field(default=None, ge=0, description="which of them, from 0; of a projection absent")
    projection: Literal["max", "mean"] | None = Field(
        default=None, description="how the image was made of all pages"
    )
    channels: int = Field(ge=1, description="in the file: those that channel chooses from")
    pixel_size: PixelSize | None = Field(default=None, description="only where the file tells it")


class Found(JsonObject):
    """What was found in one image."""

    model: UsedModel
    gate: Gate | None = Field(default=None, description="only where a gate was asked")
    image: UsedImage
    truncated: Literal[True] | None = Field(
        default=None, description="only where more segments were found than are in the answer"
    )
    found: int | None = Field(default=None, ge=2, description="with truncated, how many were found")
    segments: list[Segment]


class CocoImage(JsonObject):
    """The image, as COCO lists it."""

    id: int
    file_name: str
    width: int = Field(ge=1)
    height: int = Field(ge=1)


class CocoAnnotation(JsonObject):
    """One object, as COCO has it."""

    id: int = Field(ge=1, description="its number, best score first")
    image_id: int
    category_id: int = Field(ge=1)
    bbox: list[int] = Field(min_length=4, max_length=4, description="x, y, width, height")
    area: int = Field(ge=0, description="pixels of its mask")
    iscrowd: int = Field(ge=0, le=0)
    score: float = Field(ge=0, le=1)
    segmentation: RunLengths | list[list[int]] | None = Field(
        default=None,
        description="run lengths; or, with mask_format=polygon and where there are no holes, polygons;"
        " absent with mask_format=none",
    )


class CocoCategory(JsonObject):
    """A class, as COCO lists it."""

    id: int = Field(ge=1)
    name: str


class CocoData(JsonObject):
    """A COCO data set of one image, with output=coco."""

    info: dict[str, Any]
    licenses: list[Any]
    images: list[CocoImage] = Field(min_length=1, max_length=1)
    annotations: list[CocoAnnotation]
    categories: list[CocoCategory]


class Geometry(JsonObject):
    """Where an object is: RFC 7946's polygons, in pixels of the image."""

    type: Literal["Polygon", "MultiPolygon"]
    coordinates: list[Any]


class Feature(JsonObject):
    """One object, as QuPath reads it."""

    type: Literal["Feature"]
    id: int = Field(ge=1, description="its number, best score first")
    geometry: Geometry
    properties: dict[str, Any] = Field(description="objectType, name, classification and measurements")


class GeoJson(JsonObject):
    """A FeatureCollection that QuPath reads, with output=geojson."""

    type: Literal["FeatureCollection"]
    features: list[Feature]
