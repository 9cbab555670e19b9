"""Manifest: what a bundle says of the model in it, and whether its files are whole."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from model.pictures.familiarity import KnownPictures
from model.results.result import MOST_SEGMENTS, Task, Wishes

SHIPPED = Path(__file__).parents[1] / "bundles"
"""The bundles that ship."""
MANIFEST = "model.json"
NAME_PATTERN = r"^[a-z0-9][a-z0-9._-]{0,62}$"
AUTO = "auto"
"""What a caller names instead of a model, to have the gates choose one: no model has this name."""
HASH_BLOCK = 1 << 20


class BundleError(ValueError):
    """A bundle that cannot be trusted: no manifest, a bad one, or files that are not those it names."""


class Export(BaseModel):
    """Stages that were compiled for one precision, and how close their answers came to the reference's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    passed: bool  # close enough to be used where nobody asks for a precision
    pictures: int = 0  # that it was measured on
    against: Literal["labels", "reference"] | None = None
    ap50_lost: float | None = None  # of 1, where a model finds objects; below 0: gained
    miou_lost: float | None = None  # the same where it classifies pixels
    exact_layers: int = 0  # of the first stage that are not int8, as the model would lose too much otherwise
    # Why no more of them were looked for; None: there was no need to.
    control: Literal["off", "stopped", "out of time", "out of reach"] | None = None

    @property
    def lost(self) -> float | None:
        """Of the measure that suits the task, of 1; None: not measured."""
        return self.ap50_lost if self.miou_lost is None else self.miou_lost


class Manifest(BaseModel):
    """`model.json`: what a model is, knows and was measured at."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=NAME_PATTERN)
    version: str
    family: str = "mask_rcnn"  # of model.families; bundles of before there were several have none
    task: Task
    classes: list[str] = Field(min_length=2)  # the first is "background"
    description: str = ""
    licence: str
    source: str  # where the weights come from
    made_by: str = ""  # the exact command
    threshold: float = Field(ge=0, le=1)  # lowest score kept where the caller names none
    max_segments: int = Field(default=100, ge=1, le=MOST_SEGMENTS)  # kept where the caller names no number
    max_segments_per_megapixel: int = Field(default=0, ge=0, le=MOST_SEGMENTS)  # of a large picture, if more
    tile_overlap: int | None = Field(default=None, ge=16)  # image pixels; None: large pictures shrink instead
    quality: dict[str, Any] | None = None  # as `python -m model evaluate` measured it
    known_pictures: KnownPictures | None = None  # as `python -m model survey` found them; None: never warns
    exports: dict[Literal["f32", "bf16", "int8"], Export] = {}  # compiled stages, in `openvino/`
    config: dict[str, Any]  # the family's; what differs from its defaults
    weights: str  # the file below that holds them
    files: dict[str, str]  # name → sha256

    def most_segments(self, wishes: Wishes, size: tuple[int, int]) -> int:
        """How many segments to keep in a picture of `size` (width, height), in pixels."""
        if wishes.max_segments is not None:
            return wishes.max_segments
        by_area = math.ceil(self.max_segments_per_megapixel * math.prod(size) / 1e6)
        return min(max(self.max_segments, by_area), wishes.ceiling)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.classes[0] != "background" or len(set(self.classes)) < len(self.classes):
            raise ValueError('classes must start with "background" and name each class once')
        if self.weights not in self.files:
            raise ValueError(
                f"files must give the sha256 of {self.weights}, or nobody would check the weights"
            )
        return self


@dataclass(frozen=True)
class Bundle:
    """A folder with a manifest and the files it names."""

    folder: Path
    manifest: Manifest

    @property
    def weights_path(self) -> Path:
        return self.folder / self.manifest.weights

    def stages_folder(self, precision: str) -> Path:
        """Where the compiled stages for a precision lie; bf16 is a way to run those of f32."""
        return self.folder / "openvino" / ("f32" if precision == "bf16" else precision)

    def check(self) -> None:
        """Raise BundleError unless every file is there with the sha256 that the manifest says."""
        for name, expected in self.manifest.files.items():
            path = self.folder / name
            if not path.is_file():
                raise BundleError(f"model {self.manifest.name}: its file {name} is missing")
            if sha256_of(path) != expected:
                raise self._differs(name)

    def read(self, path: Path) -> bytes:
        """One of its files, whole. Raises BundleError unless what was read has the manifest's sha256."""
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
            f"model {self.manifest.name}: {name} is not the file that {MANIFEST} names "
            "(sha256 differs); copy or fetch it again"
        )


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file, read a block at a time."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(HASH_BLOCK):
            digest.update(block)
    return digest.hexdigest()
