"""Manifest: describes the model in a bundle, and lists the bundle's files so that they can be checked."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from model.drift.baseline import Baseline
from model.pictures.familiarity import KnownPictures
from model.results.result import MOST_SEGMENTS, Task, Wishes

SHIPPED = Path(__file__).parents[1] / "bundles"
"""The folder of the bundles that ship."""
MANIFEST = "model.json"
NAME_PATTERN = r"^[a-z0-9][a-z0-9._-]{0,62}$"
VERSION_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}"
"""Versions that can be the name of a folder, NAME/VERSION."""
AUTO = "auto"
"""Given instead of a model's name, lets the gates choose a model. No model may have this name."""
HASH_BLOCK = 1 << 20


class BundleError(ValueError):
    """The bundle cannot be trusted: its manifest is missing or invalid, or its files differ from it."""


class Export(BaseModel):
    """Stages compiled for one precision, and how close their answers are to those of the reference."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    passed: bool  # close enough to be used if no precision is requested
    pictures: int = 0  # how many pictures this was measured on
    against: Literal["labels", "reference"] | None = None
    ap50_lost: float | None = None  # for models that find objects, on a scale of 0 to 1; below 0: gained
    miou_lost: float | None = None  # the same for models that classify pixels
    agreement_lost: float | None = None  # for classifiers: the share of pictures that get another class
    exact_layers: int = 0  # layers of the first stage that are not int8: the model would lose too much
    # Why the search for more such layers ended; None: none were needed.
    control: Literal["off", "stopped", "out of time", "out of reach"] | None = None

    @property
    def lost(self) -> float | None:
        """The loss in the measure for the task, on a scale of 0 to 1; None: not measured."""
        measured = (self.ap50_lost, self.miou_lost, self.agreement_lost)
        return next((lost for lost in measured if lost is not None), None)


class GateReference(BaseModel):
    """The classifier that is a model's gate."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(pattern=NAME_PATTERN)  # the name of its bundle
    accepts: list[str] = Field(min_length=1)  # names of its classes: the pictures that suit the model


class TrainingRun(BaseModel):
    """The training run that a model was packaged from; `made_by` in the manifest has its command."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    run: str  # name of the run folder
    steps: int = 0  # done when the model was packaged; 0: unknown
    data: str  # name of the data set
    data_sha256: str = ""  # see model.data.fingerprint; empty in old runs, as all that follow
    validation: str = ""
    validation_sha256: str = ""
    git_commit: str = ""  # of the code, with "-dirty" if files differed from it


class Manifest(BaseModel):
    """The content of `model.json`: what a model is, its classes and its measured quality."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=NAME_PATTERN)
    version: str
    family: str = "mask_rcnn"  # one of model.families; old bundles, from when there was only one, have none
    task: Task
    classes: list[str] = Field(min_length=2)  # the first is "background", unless the task is "classify"
    description: str = ""
    licence: str
    source: str  # where the weights come from
    made_by: str = ""  # the exact command
    threshold: float = Field(ge=0, le=1)  # default for the lowest score kept
    max_segments: int = Field(default=100, ge=1, le=MOST_SEGMENTS)  # default for the most segments kept
    max_segments_per_megapixel: int = Field(default=0, ge=0, le=MOST_SEGMENTS)  # applies if it allows more
    tile_overlap: int | None = Field(default=None, ge=16)  # image pixels; None: large pictures shrink instead
    threshold_chosen_on: str = ""  # hash of the data on which `evaluate --choose-threshold` chose it
    quality: dict[str, Any] | None = None  # as `python -m model evaluate` measured it
    gate: GateReference | None = None  # a classifier that tells which pictures suit the model
    known_pictures: KnownPictures | None = None  # from `python -m model survey`
    baseline: Baseline | None = None  # of validation pictures and the answers on them; see `model.drift`
    training: TrainingRun | None = None  # from `python -m model package`
    exports: dict[Literal["f32", "bf16", "int8"], Export] = {}  # compiled stages, in `openvino/`
    config: dict[str, Any]  # the family's settings that differ from its defaults
    weights: str  # the name of the weights file, one of `files`
    files: dict[str, str]  # name → sha256

    @property
    def full_name(self) -> str:
        """The model and its version, as in `catalog.find`."""
        return f"{self.name}@{self.version}"

    @property
    def class_names(self) -> list[str]:
        """The class names without the background."""
        return self.classes if self.task == "classify" else self.classes[1:]

    def most_segments(self, wishes: Wishes, size: tuple[int, int]) -> int:
        """Return how many segments to keep in a picture of `size` (width, height), in pixels."""
        if wishes.max_segments is not None:
            return wishes.max_segments
        by_area = math.ceil(self.max_segments_per_megapixel * math.prod(size) / 1e6)
        return min(max(self.max_segments, by_area), wishes.ceiling)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if len(set(self.classes)) < len(self.classes):
            raise ValueError("classes must name each class once")
        if self.task != "classify" and self.classes[0] != "background":
            raise ValueError('classes must start with "background"')
        if self.weights not in self.files:
            raise ValueError(
                f"files must give the sha256 of {self.weights}, so that the weights can be checked"
            )
        return self


@dataclass(frozen=True)
class Bundle:
    """A folder with a manifest and the files that it lists."""

    folder: Path
    manifest: Manifest

    @property
    def weights_path(self) -> Path:
        return self.folder / self.manifest.weights

    def stages_folder(self, precision: str) -> Path:
        """Return the folder of the compiled stages for a precision; bf16 runs the stages of f32."""
        return self.folder / "openvino" / ("f32" if precision == "bf16" else precision)

    def check(self) -> None:
        """Raise BundleError unless every file exists and has the sha256 in the manifest."""
        for name, expected in self.manifest.files.items():
            path = self.folder / name
            if not path.is_file():
                raise BundleError(f"model {self.manifest.name}: its file {name} is missing")
            if sha256_of(path) != expected:
                raise self._differs(name)

    def read(self, path: Path) -> bytes:
        """Return the content of one of its files; raise BundleError unless it has the manifest's sha256."""
        name = path.relative_to(self.folder).as_posix()
        expected = self.manifest.files.get(name)
        if expected is None:
            raise BundleError(f"model {self.manifest.name}: {MANIFEST} does not give the sha256 of {name}")
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != expected:
            raise self._differs(name)
        return data

    def _differs(self, name: str) -> BundleError:
        return BundleError(
            f"model {self.manifest.name}: {name} is not the file that {MANIFEST} lists "
            "(sha256 differs); copy or fetch it again"
        )


def sha256_of(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file, which is read a block at a time."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(HASH_BLOCK):
            digest.update(block)
    return digest.hexdigest()
