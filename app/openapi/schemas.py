"""Schemas of what the service answers, for its OpenAPI document."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Problem(_Answer):
    """What went wrong (RFC 9457)."""

    type: str = Field(description="its name for programs")
    title: str
    status: int = Field(ge=400, le=599)
    detail: str = Field(description="what was wrong, and what to do")
    request_id: str


class RunLengths(_Answer):
    """A mask of the whole image in COCO's compressed run-length encoding."""

    size: list[int] = Field(min_length=2, max_length=2, description="height and width")
    counts: str


class Segment(_Answer):
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


class UsedModel(_Answer):
    """Which model answered, and how it was run."""

    name: str
    version: str
    engine: str
    precision: str


class Size(_Answer):
    """Of the image, in pixels."""

    width: int = Field(ge=1)
    height: int = Field(ge=1)


class Timings(_Answer):
    """Milliseconds a stage."""

    decode: float
    queue: float
    infer: float
    masks: float
    encode: float


class Notice(_Answer):
    """What to know before trusting the answer."""

    code: Literal["unfamiliar"] = Field(description="unfamiliar: the picture is unlike those of the training")
    message: str = Field(description="in a few sentences, with what to do")


class Answer(_Answer):
    """What was found in one image."""

    request_id: str
    model: UsedModel
    image: Size
    segments: list[Segment]
    overlay: str | None = Field(default=None, description="base64, with include=overlay")
    picture: str | None = Field(default=None, description="base64, with include=picture")
    warnings: list[Notice] | None = Field(default=None, description="only where there are any")
    timings_ms: Timings


class CocoImage(_Answer):
    """The image, as COCO lists it."""

    id: int
    file_name: str
    width: int = Field(ge=1)
    height: int = Field(ge=1)


class CocoAnnotation(_Answer):
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


class CocoCategory(_Answer):
    """A class, as COCO lists it."""

    id: int = Field(ge=1)
    name: str


class CocoData(_Answer):
    """A COCO data set of one image, with output=coco."""

    info: dict[str, Any]
    licenses: list[Any]
    images: list[CocoImage] = Field(min_length=1, max_length=1)
    annotations: list[CocoAnnotation]
    categories: list[CocoCategory]


class Geometry(_Answer):
    """Where an object is: RFC 7946's polygons, in pixels of the image."""

    type: Literal["Polygon", "MultiPolygon"]
    coordinates: list[Any]


class Feature(_Answer):
    """One object, as QuPath reads it."""

    type: Literal["Feature"]
    id: int = Field(ge=1, description="its number, best score first")
    geometry: Geometry
    properties: dict[str, Any] = Field(description="objectType, name, classification and measurements")


class GeoJson(_Answer):
    """A FeatureCollection that QuPath reads, with output=geojson."""

    type: Literal["FeatureCollection"]
    features: list[Feature]


class Refusal(_Answer):
    """What stands in place of an answer for an image that could not be answered."""

    error: Problem


class BatchAnswer(_Answer):
    """An answer, or what went wrong, for each image in order."""

    results: list[Answer | Refusal]


class Predictions(_Answer):
    """An answer, or what went wrong, for each instance in order."""

    predictions: list[Answer | Refusal]


class ModelDescription(_Answer):
    """A loaded model; `class_id` in an answer is an index into `classes`."""

    name: str
    version: str
    task: str
    classes: list[str]
    licence: str
    description: str
    quality: dict[str, Any] | None = Field(description="as it was measured; null where it was not")
    input: dict[str, Any]


class ModelList(_Answer):
    """The loaded models; the first is the default."""

    models: list[ModelDescription]


class Alive(_Answer):
    """The process answers."""

    status: str


class Ready(_Answer):
    """Every configured model is loaded and passed its self-test."""

    status: str
    models: list[str]


class Tensor(BaseModel):
    """A tensor of KServe V2."""

    name: str
    datatype: str
    shape: list[int]
    data: list[str]


class Inference(_Answer):
    """KServe V2's answer: one tensor of JSON texts, each an answer or an error."""

    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[Tensor]


class NameList(_Answer):
    """KServe V1's list of models."""

    models: list[str]


class ModelState(_Answer):
    """A model, and whether it is ready."""

    name: str
    ready: bool


class Server(_Answer):
    """What serves."""

    name: str
    version: str
    extensions: list[str]


class TensorKind(_Answer):
    """What a tensor is to be; -1 is any number."""

    name: str
    datatype: str
    shape: list[int]


class ModelTensors(_Answer):
    """KServe V2's description of a model."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorKind]
    outputs: list[TensorKind]
