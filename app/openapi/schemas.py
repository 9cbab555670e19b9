"""Schemas of the service's answers, except the output formats, and of feedback, for its OpenAPI document."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, FailFast, Field, RootModel, StringConstraints, model_validator

from app.requests.parameters import Whole
from model.formats.schemas import Found, JsonObject
from model.results.result import MOST_SEGMENTS


class Problem(JsonObject):
    """What went wrong (RFC 9457)."""

    type: str = Field(description="its name for programs")
    title: str
    status: int = Field(ge=400, le=599)
    detail: str = Field(description="what was wrong, and what to do")
    request_id: str


class InferenceProblem(JsonObject):
    """What went wrong, in the form of KServe V2."""

    error: str = Field(description="what was wrong, and what to do")


class Timings(JsonObject):
    """Milliseconds per stage."""

    decode: float
    queue: float
    infer: float
    masks: float
    encode: float


class Notice(JsonObject):
    """A warning to read before trusting the answer."""

    code: Literal["unfamiliar", "truncated", "cut", "pages", "rows"] = Field(
        description="unfamiliar: the picture is unlike those that the model was trained on; truncated: more"
        " segments were found than are in the answer; cut: the picture's file ends too early; pages: only the"
        " first of several pages was used; rows: the pages look like rows of one picture"
    )
    message: str = Field(description="a few sentences, including what to do")


class Answer(Found):
    """What was found in one image, and what the service says about it."""

    request_id: str
    overlay: str | None = Field(default=None, description="base64, with include=overlay")
    picture: str | None = Field(default=None, description="base64, with include=picture")
    warnings: list[Notice] | None = Field(default=None, description="present only if there are any")
    timings_ms: Timings


class Refusal(JsonObject):
    """The error that takes the place of an image's answer in a batch."""

    error: Problem


class BatchAnswer(JsonObject):
    """An answer, or what went wrong, for each image in order."""

    results: list[Answer | Refusal]


class Predictions(JsonObject):
    """An answer, or what went wrong, for each instance in order."""

    predictions: list[Answer | Refusal]


class ModelDescription(JsonObject):
    """A loaded model; `class_id` in an answer is an index into `classes`."""

    name: str
    version: str
    task: str
    classes: list[str]
    licence: str
    description: str
    quality: dict[str, Any] | None = Field(description="measured quality; null if it was not measured")
    input: dict[str, Any]


class VersionState(JsonObject):
    """A version of a model, and its state."""

    version: str
    state: Literal["loading", "ready", "failed", "unloading"] = Field(
        description="failed: it is not served, and reason says why; unloading: the last requests still use it"
    )
    reason: str | None = None


class ListedModel(ModelDescription):
    """A loaded model: the version that its name alone means, and the states of all versions."""

    versions: list[VersionState]


class ModelList(JsonObject):
    """The loaded models; the first is the default."""

    models: list[ListedModel]


class Alive(JsonObject):
    """The process answers."""

    status: str


class Ready(JsonObject):
    """Every configured model is loaded and has passed its self-test."""

    status: str
    models: list[str]


class LiveInference(Alive):
    """The process answers, with KServe V2's member `live`."""

    live: bool


class ReadyInference(Ready):
    """Every configured model is ready, with KServe V2's member `ready`."""

    ready: bool


class Tensor(BaseModel):
    """A tensor of KServe V2; binary data comes after the JSON."""

    name: str
    datatype: str
    shape: list[int]
    data: list[str]


class Inference(JsonObject):
    """KServe V2's answer: one tensor of JSON texts, each an answer or an error."""

    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[Tensor]


class ShadowInUse(JsonObject):
    """How a version in the shadow is."""

    shadow: str = Field(examples=["nuclei@4"])
    state: Literal["failed", "loading", "ready"] = Field(description="the first of these in any process")
    processes: dict[str, int] = Field(description="the number of processes by state")
    reason: str | None = Field(None, description="why it failed; it is tried again when it is set again")


class TrafficInUse(JsonObject):
    """How callers are split among versions, and which versions run in the shadow; an empty text: none."""

    traffic: str = Field(examples=["nuclei@2=90,nuclei@3=10"])
    shadow: str = Field(examples=["nuclei@4"])
    shadow_share: float = Field(ge=0, le=1, description="of the pictures that the shadow processes")
    shadows: list[ShadowInUse] = Field(description="those in use, and how they are")


class NameList(JsonObject):
    """KServe V1's list of models."""

    models: list[str]


class ModelState(JsonObject):
    """A model, and whether it is ready."""

    name: str
    ready: bool


class RepositoryEntry(JsonObject):
    """A version in KServe V2's index of the model repository."""

    name: str
    version: str
    state: Literal["READY", "LOADING", "UNLOADING", "UNAVAILABLE"]
    reason: str | None = Field(default=None, description="why it is unavailable")


class RepositoryIndex(RootModel[list[RepositoryEntry]]):
    """KServe V2's index of the model repository."""


class LoadedVersion(JsonObject):
    """A version that all processes now serve."""

    name: str
    version: str
    state: Literal["READY"]


class UnloadedVersions(JsonObject):
    """The versions of a model that are not served any more."""

    name: str
    versions: list[str]


class Server(JsonObject):
    """The server's name, version and supported extensions."""

    name: str
    version: str
    extensions: list[str]


class TensorKind(JsonObject):
    """A tensor's name, type and shape; -1 stands for any number."""

    name: str
    datatype: str
    shape: list[int]


class ModelTensors(JsonObject):
    """KServe V2's description of a model."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorKind]
    outputs: list[TensorKind]


class ConfiguredTensor(JsonObject):
    """A tensor's name, type and shape; -1 stands for any number."""

    name: str
    data_type: str
    dims: list[int]


class ModelConfiguration(JsonObject):
    """A model as Triton's model configuration describes it."""

    name: str
    platform: str
    backend: str
    max_batch_size: int
    input: list[ConfiguredTensor]
    output: list[ConfiguredTensor]


class Said(JsonObject):
    """A JSON object that a caller sends, and which is validated."""

    model_config = ConfigDict(extra="forbid", defer_build=False, strict=True, allow_inf_nan=False)


class CorrectedMask(Said):
    """A mask of the whole image in COCO's compressed run-length encoding."""

    size: list[Annotated[int, Field(ge=1, le=1_000_000), Whole]] = Field(
        min_length=2, max_length=2, description="height and width"
    )
    counts: str = Field(pattern="^[0-o]*$", description="characters from 0 to o")


class Rings(RootModel):
    """Polygons: a list of rings including holes, x and y in turn, with the even-odd rule."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    # At the first error: describing a hundred thousand would take seconds.
    root: Annotated[list[Annotated[list[float], FailFast()]], FailFast()]


class CorrectedSegment(Said):
    """A segment as it should have been. It has at least a box or a mask."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": ["box"], "properties": {"box": {"type": "array"}}},
                {"required": ["mask"], "properties": {"mask": {"type": ["object", "array"]}}},
            ]
        }
    )

    id: Annotated[int | None, Whole] = Field(
        default=None, ge=1, description="that of the answer's segment that it corrects"
    )
    class_: str = Field(alias="class", min_length=1, max_length=200)
    class_id: Annotated[int | None, Whole] = Field(default=None, ge=1)
    score: float | None = Field(default=None, ge=0, le=1)
    box: list[float] | None = Field(
        default=None, min_length=4, max_length=4, description="x, y, width, height"
    )
    area: Annotated[int | None, Whole] = Field(default=None, ge=0, description="pixels of its mask")
    mask: CorrectedMask | Rings | None = Field(
        default=None,
        union_mode="left_to_right",
        description="run lengths, or polygons. PNGs are not accepted: no part of a picture is recorded",
    )

    @model_validator(mode="after")
    def _says_where(self) -> CorrectedSegment:
        if self.box is None and self.mask is None:
            raise ValueError("it needs a box or a mask")
        return self


class CorrectedSegments(RootModel):
    """The segments as they should have been; none if there is nothing in the image."""

    model_config = ConfigDict(strict=True)

    root: Annotated[list[CorrectedSegment], FailFast()] = Field(max_length=MOST_SEGMENTS)


class Feedback(Said):
    """What a caller says of an answer."""

    request_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,128}$")] = Field(
        description="request_id of the answer, which is also in its header X-Request-Id"
    )
    image: Annotated[int, Whole] = Field(
        default=0, ge=0, le=9_999, description="which image of the request, from 0, in a batch"
    )
    verdict: Literal["right", "wrong"] = Field(description="whether the answer is right")
    segments: CorrectedSegments | None = Field(
        default=None, description="the segments as they should have been"
    )
    note: str | None = Field(default=None, max_length=1000, description="a remark, in words")


class Recorded(JsonObject):
    """The feedback is recorded."""

    status: Literal["recorded"]
