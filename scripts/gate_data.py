"""Cuts the data of the included gate: parts of micrographs and of photos, as many of each kind.

    python -m scripts.gate_data --micrographs nuclei/train nuclei_bbbc039 --photos photos \
        --out DATA

The micrographs are folders with `images/` and `kind.json`, as in docs/nuclei.md; the photos are a folder of
pictures. Parts have several sizes, since the same scene looks different at each. The same arguments
give the same files.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from model.pictures import read

PARTS_A_KIND = 500
"""Of micrographs of each kind; of photos, as many as of all these together."""
LEAST_SHARE = 0.1  # of a picture's area in a part
LONGEST_SIDE = 384  # pixels of a part; larger ones are reduced
SUFFIXES = {".png", ".jpg", ".jpeg", ".tif"}


def main() -> None:
    """Write DIR/micrograph/*.png and DIR/photo/*.png."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--micrographs", nargs="+", type=Path, required=True, metavar="DIR")
    parser.add_argument("--photos", type=Path, required=True, metavar="DIR")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    arguments = parser.parse_args()
    kinds = _micrographs(arguments.micrographs)
    for kind, paths in sorted(kinds.items()):
        _write_parts(paths, PARTS_A_KIND, arguments.out / "micrograph", kind)
    photos = sorted(path for path in arguments.photos.iterdir() if path.suffix.lower() in SUFFIXES)
    _write_parts(photos, PARTS_A_KIND * len(kinds), arguments.out / "photo", "photo")


def _micrographs(folders: Sequence[Path]) -> dict[str, list[Path]]:
    """Kind → the pictures of that kind."""
    kinds: dict[str, list[Path]] = {}
    for folder in folders:
        kind_of = json.loads((folder / "kind.json").read_text())
        for path in sorted((folder / "images").iterdir()):
            kinds.setdefault(kind_of[path.stem], []).append(path)
    return kinds


def _write_parts(paths: Sequence[Path], count: int, folder: Path, name: str) -> None:
    """Write `count` parts, spread evenly over the pictures; the first of each picture is the whole."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for number in range(count):
        image = read(paths[number % len(paths)])
        part = image if number < len(paths) else _part(image, rng)
        if not cv2.imwrite(str(folder / f"{name}-{number:04}.png"), _reduced(part)[..., ::-1]):
            raise OSError(f"{folder} cannot be written")


def _part(image: npt.NDArray[np.uint8], rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    share = rng.uniform(LEAST_SHARE, 1) ** 0.5
    height, width = (max(1, round(share * side)) for side in image.shape[:2])
    top, left = (
        int(rng.integers(side - part + 1)) for side, part in zip(image.shape, (height, width), strict=False)
    )
    return image[top : top + height, left : left + width]


def _reduced(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    scale = LONGEST_SIDE / max(image.shape[:2])
    if scale >= 1:
        return image
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return np.asarray(cv2.resize(np.ascontiguousarray(image), size, interpolation=cv2.INTER_AREA), np.uint8)


if __name__ == "__main__":
    main()
