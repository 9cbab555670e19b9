"""Schemas of the output formats that are JSON."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from model.results.result import Task


class JsonObject(BaseModel):
    """A JSON object with these members and no others, described for documentation."""

    model_config = ConfigDict(extra="forbid", defer_build=True)


class RunLengths(JsonObject):
    """A mask of the whole image in COCO's compressed run-length encoding."""

    size: list[int] = Field(min_length=2, max_length=2, description="height and width")
    counts: str


class Segment(JsonObject):
    """One object. Coordinates are in pixels of the uploaded image, after EXIF orientation."""

    id: int = Field(ge=1, description="its number, best score first")
    class_: str = Field(alias="class")
    class_id: int = Field(ge=1)
    score: float = Field(ge=0, le=1)
    box: list[int] = Field(min_length=4, max_length=4, description="x, y, width, height")
    area: int = Field(ge=0, description="pixels of its mask")
    measures: dict[str, float | None] | None = Field(
        default=None,
        description="only with measure: its measures by name; null where one is not defined. `measured` says"
        " the unit",
    )
    mask: RunLengths | list[list[float]] | str | None = Field(
        default=None,
        description="run lengths; or polygons, a list of rings including holes, with the even-odd rule;"
        " or a base64 PNG of the box; absent with mask_format=none",
    )
    edited: Literal[True] | None = Field(
        default=None,
        description="only if a person has corrected or drawn it",
    )


class UsedModel(JsonObject):
    """The model that answered, and how it was run."""

    name: str
    version: str
    task: Task = Field(
        description="instance: a segment is an object; semantic: a segment is a class, or a part of one"
    )
    engine: str
    precision: str
    chosen_by: Literal["caller", "default", "gate", "traffic"] = Field(
        description="how the model was chosen; gate: by the gates of the loaded models, with model=auto;"
        " traffic: the service splits the callers of this model among its versions"
    )
    arm: str | None = Field(
        default=None, description="the model and version, if the service splits the callers of this model"
    )


class Gate(JsonObject):
    """The verdict of the model's gate on the picture."""

    label: str = Field(description="the gate's label for the picture")
    score: float = Field(ge=0, le=1, description="how well it suits the model; it is accepted from 0.5")


class PixelSize(JsonObject):
    """The width and height of a pixel of the uploaded image, in micrometres."""

    x: float = Field(gt=0)
    y: float = Field(gt=0)


class Axis(JsonObject):
    """What pages of a file stand for: c for channels, z for slices, t for time."""

    name: Literal["c", "z", "t"]
    size: int = Field(ge=2)


class UsedImage(JsonObject):
    """The image that was segmented: its size in pixels, and its place in the file."""

    width: int = Field(ge=1)
    height: int = Field(ge=1)
    pages: int = Field(ge=1, description="pages or frames of the file, without thumbnails and smaller copies")
    page: int | None = Field(default=None, ge=0, description="its page, from 0; absent for a projection")
    projection: Literal["max", "mean"] | None = Field(
        default=None, description="how all pages were combined into one image"
    )
    channels: int = Field(ge=1, description="channels of the file, from which channel can choose")
    pixel_size: PixelSize | None = Field(default=None, description="only if the file has it")
    axes: list[Axis] | None = Field(
        default=None,
        description="what the pages of the file run through, the axis that changes fastest first; only if the"
        " file says it",
    )
    channel_names: list[str] | None = Field(
        default=None, description="the name of each channel, empty for one without; only if the file has them"
    )


class Measured(JsonObject):
    """The unit of measures, with the parameter measure."""

    unit: Literal["µm", "px"] = Field(description="of lengths; areas are in its square")
    pixel_size: PixelSize | None = Field(
        default=None, description="the one that was used, from the request or the file"
    )


class Found(JsonObject):
    """The segments of one image."""

    model: UsedModel
    gate: Gate | None = Field(default=None, description="only if a gate was used")
    image: UsedImage
    truncated: Literal[True] | None = Field(
        default=None, description="only if more segments were found than the answer has"
    )
    found: int | None = Field(default=None, ge=2, description="with truncated: the number that was found")
    measured: Measured | None = Field(default=None, description="only with measure")
    segments: list[Segment]


class CocoImage(JsonObject):
    """The image, in COCO's format."""

    id: int
    file_name: str
    width: int = Field(ge=1)
    height: int = Field(ge=1)


class CocoAttributes(JsonObject):
    """What labelling tools know of an object."""

    edited: Literal[True] = Field(description="a person has corrected or drawn it")


class CocoAnnotation(JsonObject):
    """One object, in COCO's format."""

    id: int = Field(ge=1, description="its number, best score first")
    image_id: int
    category_id: int = Field(ge=1)
    bbox: list[int] = Field(min_length=4, max_length=4, description="x, y, width, height")
    area: int = Field(ge=0, description="pixels of its mask")
    iscrowd: int = Field(ge=0, le=0)
    score: float = Field(ge=0, le=1)
    measures: dict[str, float | None] | None = Field(
        default=None, description="only with measure: its measures by name"
    )
    segmentation: RunLengths | list[list[int]] | None = Field(
        default=None,
        description="run lengths; or, with mask_format=polygon and for masks without holes, polygons;"
        " absent with mask_format=none",
    )
    attributes: CocoAttributes | None = Field(default=None, description="only of edited objects")


class CocoCategory(JsonObject):
    """A class, in COCO's format."""

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
    """The shape of an object: polygons as in RFC 7946, in pixels of the image."""

    type: Literal["Polygon", "MultiPolygon"]
    coordinates: list[Any]


class Feature(JsonObject):
    """One object, in QuPath's format."""

    type: Literal["Feature"]
    id: int = Field(ge=1, description="its number, best score first")
    geometry: Geometry
    properties: dict[str, Any] = Field(
        description="objectType, name, classification, measurements, and edited if a person has edited it"
    )


class GeoJson(JsonObject):
    """A FeatureCollection for QuPath, with output=geojson."""

    type: Literal["FeatureCollection"]
    features: list[Feature]
