"""Maps beside images: finds the label map or class map of each image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from model.data.files import MAP_SUFFIXES, shown
from model.data.gathering import Problems
from model.data.sample import DataError


def map_beside(image: Path, folder: Path) -> Path:
    """The path of an image's label map or class map, by the image's name; the PNG's if none exists."""
    candidates = [folder / f"{image.stem}{suffix}" for suffix in MAP_SUFFIXES]
    return next((path for path in candidates if path.is_file()), candidates[0])


def with_maps(
    images: Sequence[Path], folder: Path, thing: str, problems: Problems
) -> list[tuple[Path, Path]]:
    """The images that have a map in `folder`, each with it; `thing` is what a map is called."""
    pairs = [(image, map_beside(image, folder)) for image in images]
    there = [(image, path) for image, path in pairs if path.is_file()]
    problems.each(_check_maps, [folder.parent], [pairs], [thing])
    return there


def _check_maps(root: Path, pairs: Sequence[tuple[Path, Path]], thing: str) -> None:
    """Raise DataError if images have no map; the message names them, and a file named like the first."""
    lacking = [(image, path) for image, path in pairs if not path.is_file()]
    if not lacking:
        return
    image, path = lacking[0]
    others = sorted(file for file in path.parent.iterdir() if file.name.startswith(image.stem))
    found = f"; there is {path.parent.name}/{others[0].name}" if others else ""
    expected = f"expected {path.parent.name}/{path.name} (or .tif){found}"
    if len(lacking) == 1:
        raise DataError(f"images/{image.name} has no {thing} in {root}: {expected}")
    names = shown([f"images/{image.name}" for image, _ in lacking])
    raise DataError(
        f"{len(lacking):,} of the {len(pairs):,} images have no {thing} in {root}, {names}: for the first, "
        f"{expected}"
    )
