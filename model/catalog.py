"""The catalog: which models there are, as bundles in folders, and whether their files are whole."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from model.mrcnn.config import Config

PROJECT = Path(__file__).parents[1]
SHIPPED = Path(__file__).parent / "bundles"
MANIFEST = "model.json"
HASH_BLOCK = 1 << 20


class BundleError(ValueError):
    """A bundle that cannot be trusted: no manifest, a bad one, or files that are not those it names."""


class UnknownModel(ValueError):
    """No bundle has that name."""


class Manifest(BaseModel):
    """`model.json`: what a model is, knows and was measured at."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")
    version: str
    task: Literal["instance"]
    classes: list[str] = Field(min_length=2)  # the first is "background"
    description: str = ""
    licence: str
    source: str  # where the weights come from
    made_by: str = ""  # the exact command
    threshold: float = Field(ge=0, le=1)  # lowest score kept where the caller names none
    max_segments: int = Field(default=100, ge=1, le=1000)
    tile_overlap: int | None = Field(default=None, ge=16)  # image pixels; None: large pictures shrink instead
    quality: dict[str, Any] | None = None  # as `python -m model evaluate` measured it
    config: dict[str, Any]  # what differs from Config's defaults
    weights: str  # the file below that holds them
    files: dict[str, str]  # name → sha256

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


def bundles() -> dict[str, Bundle]:
    """Every bundle by name; one in `model_dir` hides a shipped one of the same name."""
    found: dict[str, Bundle] = {}
    for root in (model_dir(), SHIPPED):
        for path in sorted(root.glob(f"*/{MANIFEST}")):
            bundle = read_bundle(path.parent)
            found.setdefault(bundle.manifest.name, bundle)
    return found


def find(name: str) -> Bundle:
    """The bundle of that name, its files not yet checked.

    Raises:
        UnknownModel: there is none; says which there are.
    """
    there = bundles()
    if name not in there:
        known = ", ".join(sorted(there)) or "none"
        raise UnknownModel(f"there is no model {name!r}; there are: {known}")
    return there[name]


def read_bundle(folder: Path) -> Bundle:
    """The bundle in `folder`; raises BundleError if its manifest cannot be read or is not valid."""
    try:
        values = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        bundle = Bundle(folder, Manifest.model_validate(values))
        _ = bundle.config
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise BundleError(f"{folder.name}/{MANIFEST}: {problems}") from None
    except (OSError, ValueError) as error:
        raise BundleError(f"{folder.name}/{MANIFEST} cannot be read: {error}") from None
    return bundle


@contextmanager
def new_bundle(name: str) -> Iterator[Path]:
    """A folder to fill for a new bundle, which appears in `model_dir` whole or not at all."""
    root = model_dir()
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=root) as temporary:
        folder = Path(temporary) / name
        folder.mkdir()
        yield folder
        target = root / name
        if target.exists():
            shutil.rmtree(target)
        os.replace(folder, target)


def write_manifest(folder: Path, values: Mapping[str, Any]) -> Bundle:
    """Write `model.json` for the files that are in `folder`, hashing them; returns the bundle."""
    files = {
        path.name: sha256_of(path)
        for path in sorted(folder.iterdir())
        if path.is_file() and path.suffix in (".h5", ".npz")
    }
    manifest = Manifest.model_validate({**values, "files": files})
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
