"""The catalog: which models there are, as bundles in folders, and whether their files are whole."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from model.familiarity import KnownPictures, is_familiar
from model.families.mask_rcnn.config import Config
from model.problems import problems_in

PROJECT = Path(__file__).parents[1]
SHIPPED = Path(__file__).parent / "bundles"
MANIFEST = "model.json"
BUNDLE_SUFFIXES = (".h5", ".npz", ".xml", ".bin")
NAME_PATTERN = r"^[a-z0-9][a-z0-9._-]{0,62}$"
HASH_BLOCK = 1 << 20


class BundleError(ValueError):
    """A bundle that cannot be trusted: no manifest, a bad one, or files that are not those it names."""


class UnknownModel(ValueError):
    """No bundle has that name."""


class Export(BaseModel):
    """Stages that were compiled for one precision, and how close their answers came to the reference's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    passed: bool  # close enough to be used where nobody asks for a precision
    pictures: int = 0  # that it was measured on
    against: Literal["labels", "reference"] | None = None
    ap50_lost: float | None = None  # of 1; below 0: gained


class Manifest(BaseModel):
    """`model.json`: what a model is, knows and was measured at."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=NAME_PATTERN)
    version: str
    family: str = "mask_rcnn"
    task: Literal["instance", "semantic"]
    classes: list[str] = Field(min_length=2)  # the first is "background"
    description: str = ""
    licence: str
    source: str  # where the weights come from
    made_by: str = ""  # the exact command
    threshold: float = Field(ge=0, le=1)  # lowest score kept where the caller names none
    max_segments: int = Field(default=100, ge=1, le=1000)
    tile_overlap: int | None = Field(default=None, ge=16)  # image pixels; None: large pictures shrink instead
    quality: dict[str, Any] | None = None  # as `python -m model evaluate` measured it
    known_pictures: KnownPictures | None = None  # as `python -m model survey` found them; None: never warns
    exports: dict[Literal["f32", "bf16", "int8"], Export] = {}  # compiled stages, in `openvino/`
    config: dict[str, Any]  # what differs from Config's defaults
    weights: str  # the file below that holds them
    files: dict[str, str]  # name → sha256

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.classes[0] != "background" or len(set(self.classes)) < len(self.classes):
            raise ValueError('classes must start with "background" and name each class once')
        if self.weights not in self.files:
            raise ValueError(
                f"files must give the sha256 of {self.weights}, or nobody would check the weights"
            )
        return self

    @property
    def input(self) -> dict[str, Any]:
        """How pictures are brought to the network's size, for callers who want to know."""
        config = Config.from_json(self.config)
        return {
            "resize_mode": config.image_resize_mode,
            "min_dim": config.image_min_dim,
            "max_dim": config.image_max_dim,
            "tile_overlap": self.tile_overlap,
        }

    def doubt(self, image: npt.NDArray[np.uint8]) -> str | None:
        """A sentence, if `image`, uint8 (H, W, 3), RGB, is unlike the pictures that it was trained on."""
        if self.known_pictures is None or is_familiar(image, self.known_pictures):
            return None
        about = self.description.rstrip(".")
        if about[1:2].islower():  # a sentence's first letter, not an abbreviation's
            about = about[0].lower() + about[1:]
        known = f" ({about})" if about else ""
        return f"This picture does not look like those that {self.name} was trained on{known}."


@dataclass(frozen=True)
class Bundle:
    """A folder with a manifest and the files it names."""

    folder: Path
    manifest: Manifest

    @property
    def config(self) -> Config:
        return Config.from_json(self.manifest.config)

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
                raise BundleError(
                    f"model {self.manifest.name}: {name} is not the file that {MANIFEST} names "
                    "(sha256 differs); copy or fetch it again"
                )


def model_dir() -> Path:
    """Where imported and fetched bundles live: MASKSERVE_MODEL_DIR, or `models` in the project."""
    return Path(os.environ.get("MASKSERVE_MODEL_DIR") or PROJECT / "models")


def _roots() -> tuple[Path, Path]:
    return model_dir(), SHIPPED


def names() -> list[str]:
    """The names of all bundles, sorted; none is read yet, so that a broken one does not hide the others."""
    return sorted({path.parent.name for root in _roots() for path in root.glob(f"[!.]*/{MANIFEST}")})


def find(name: str) -> Bundle:
    """The bundle of that name, its files not yet checked; one in `model_dir` hides a shipped one.

    Raises:
        UnknownModel: there is none; says which there are.
        BundleError: there is, but its manifest is not valid.
    """
    if re.fullmatch(NAME_PATTERN, name):  # anything else could lead out of the folders
        for root in _roots():
            if (root / name / MANIFEST).is_file():
                return read_bundle(root / name)
    raise UnknownModel(f"there is no model {name!r}; there are: {', '.join(names()) or 'none'}")


def read_bundle(folder: Path) -> Bundle:
    """The bundle in `folder`; raises BundleError if its manifest cannot be read or is not valid."""
    try:
        values = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        bundle = Bundle(folder, Manifest.model_validate(values))
        config = bundle.config
    except ValidationError as error:
        raise BundleError(f"{folder.name}/{MANIFEST}: {problems_in(error)}") from None
    # TypeError: a Config value of another type, such as a word for a number.
    except (OSError, ValueError, TypeError) as error:
        raise BundleError(f"{folder.name}/{MANIFEST} cannot be read: {error}") from None
    if bundle.manifest.name != folder.name:
        raise BundleError(f"{folder.name}/{MANIFEST} is named {bundle.manifest.name!r}: rename the folder")
    if config.num_classes != len(bundle.manifest.classes):
        raise BundleError(
            f"{folder.name}/{MANIFEST}: config has num_classes {config.num_classes}, "
            f"classes has {len(bundle.manifest.classes)} names; both count the background"
        )
    return bundle


def check_name(name: str) -> None:
    """Raise BundleError unless a model can have that name."""
    if not re.fullmatch(NAME_PATTERN, name):
        raise BundleError(
            f"{name!r} cannot name a model: use at most 63 lower-case letters, digits, dots, dashes and "
            "underscores, the first a letter or a digit"
        )


@contextmanager
def new_bundle(name: str, root: Path | None = None) -> Iterator[Path]:
    """A folder to fill for a new bundle, which appears in `root` (`model_dir`) whole or not at all."""
    check_name(name)
    root = root or model_dir()
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=root) as temporary:
        folder = Path(temporary) / name
        folder.mkdir()
        yield folder
        target = root / name
        if target.exists():  # a folder cannot be replaced in one step: the old one goes with `temporary`
            os.replace(target, Path(temporary) / "replaced")
        os.replace(folder, target)


def write_manifest(folder: Path, values: Mapping[str, Any]) -> Bundle:
    """Write `model.json` for the files that are in `folder`, hashing them; returns the bundle."""
    files = {
        path.relative_to(folder).as_posix(): sha256_of(path)
        for path in sorted(folder.rglob("*"))
        if path.suffix in BUNDLE_SUFFIXES
    }
    try:
        manifest = Manifest.model_validate({**values, "files": files})
    except ValidationError as error:
        raise BundleError(f"this makes no {MANIFEST}: {problems_in(error)}") from None
    text = json.dumps(manifest.model_dump(exclude_defaults=True), indent=2, ensure_ascii=False)
    part = folder / f"{MANIFEST}.part"
    part.write_text(text + "\n", encoding="utf-8")
    os.replace(part, folder / MANIFEST)
    return Bundle(folder, manifest)


def update_manifest(bundle: Bundle, **changes: Any) -> Bundle:
    """Write the bundle's manifest anew with these values changed and its files hashed as they are now."""
    return write_manifest(bundle.folder, {**bundle.manifest.model_dump(exclude={"files"}), **changes})


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file, read a block at a time."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(HASH_BLOCK):
            digest.update(block)
    return digest.hexdigest()
