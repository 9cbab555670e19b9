"""`python -m model segment`: pictures in, overlays, data, label maps or cutouts out."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from model import catalog
from model.commands.arguments import add_way_to_run, share
from model.formats.cutouts import segments_to_cutouts
from model.formats.encode import encode_png
from model.formats.json import segments_to_json
from model.formats.label_map import segments_to_label_map
from model.formats.overlay import draw_overlay
from model.pictures import decode_reduced, whole
from model.published import FOR_PHOTOS
from model.result import Wishes
from model.segmenter import Segmenter, load
from model.segments import Segments

Write = Callable[[Path, npt.NDArray[np.uint8], Segments, Segmenter], None]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE")
    parser.add_argument("--model", default="nuclei", help="a model's name (default: nuclei)")
    parser.add_argument("--threshold", type=share, help="lowest score kept, 0…1 (default: the model's)")
    parser.add_argument("--format", choices=WRITERS, default="overlay", help="what to write for each image")
    parser.add_argument("--out", type=Path, default=Path(), help="folder to write to (default: this one)")
    add_way_to_run(parser)


def run(arguments: argparse.Namespace) -> int:
    """Segment every image; 1 if any of them failed."""
    _check_targets(arguments.images, arguments.out, SUFFIXES[arguments.format])
    segmenter = load(arguments.model, engine=arguments.engine, precision=arguments.precision)
    arguments.out.mkdir(parents=True, exist_ok=True)
    write = WRITERS[arguments.format]
    enough = segmenter.enough if arguments.format in WITHOUT_PICTURE else whole
    failed = 0
    for path in tqdm(arguments.images, unit="image", disable=len(arguments.images) < 2):
        try:
            decoded = decode_reduced(path.read_bytes(), enough)
            wishes = Wishes(threshold=arguments.threshold)
            segments = segmenter.predict(decoded.image, wishes, size=decoded.size).segments
            write(arguments.out / path.stem, decoded.image, segments, segmenter)
            if doubt := segmenter.bundle.manifest.doubt(decoded.image):
                tqdm.write(f"{path}: {doubt} {_advice(arguments.model)}".rstrip(), file=sys.stderr)
        except Exception as error:
            tqdm.write(f"{path}: {_reason(error)}", file=sys.stderr)
            failed += 1
    return 1 if failed else 0


def _reason(error: Exception) -> str:
    """What went wrong with a picture. Errors that were not written for people say what they are, too."""
    return str(error) if isinstance(error, ValueError | OSError) else f"{type(error).__name__}: {error}"


def _advice(model: str) -> str:
    """What to do about a picture that `model` does not know."""
    if model == FOR_PHOTOS:
        return ""
    fetched = "" if FOR_PHOTOS in catalog.names() else f"python -m model fetch {FOR_PHOTOS}, then "
    return f"For everyday photos: {fetched}--model {FOR_PHOTOS}."


def _check_targets(images: Sequence[Path], out: Path, suffix: str) -> None:
    """Raise ValueError where one picture's answer would overwrite a picture, or another one's answer."""
    pictures = {path.resolve(): path for path in images}
    writes: dict[Path, Path] = {}
    for path in images:
        target = _with_suffix(out / path.stem, suffix)
        picture = pictures.get(target.resolve())
        if picture is not None:
            raise ValueError(f"{path} would be written over {picture}: name another folder with --out")
        other = writes.setdefault(target, path)
        if other != path:
            raise ValueError(f"{other} and {path} would both be written to {target}: segment them apart")


def _write_overlay(
    stem: Path, image: npt.NDArray[np.uint8], segments: Segments, segmenter: Segmenter
) -> None:
    overlay = draw_overlay(image, segments, segmenter.bundle.manifest.classes)
    _with_suffix(stem, ".png").write_bytes(encode_png(overlay))


def _write_json(stem: Path, image: npt.NDArray[np.uint8], segments: Segments, segmenter: Segmenter) -> None:
    manifest = segmenter.bundle.manifest
    width, height = segments.size
    answer = {
        "model": {
            "name": manifest.name,
            "version": manifest.version,
            "engine": segmenter.engine,
            "precision": segmenter.precision,
        },
        "image": {"width": width, "height": height},
        "segments": segments_to_json(segments, manifest.classes),
    }
    _with_suffix(stem, ".json").write_text(json.dumps(answer) + "\n", encoding="utf-8")


def _write_label_map(
    stem: Path, image: npt.NDArray[np.uint8], segments: Segments, segmenter: Segmenter
) -> None:
    _with_suffix(stem, ".png").write_bytes(encode_png(segments_to_label_map(segments)))


def _write_cutouts(
    stem: Path, image: npt.NDArray[np.uint8], segments: Segments, segmenter: Segmenter
) -> None:
    stem.mkdir(exist_ok=True)
    if any(stem.iterdir()):  # cutouts of another threshold, or somebody's own pictures
        raise ValueError(f"the folder {stem} is not empty: empty it, or name another one with --out")
    for name, cutout in segments_to_cutouts(image, segments, segmenter.bundle.manifest.classes):
        (stem / name).write_bytes(encode_png(cutout))


def _with_suffix(stem: Path, suffix: str) -> Path:
    """STEM.png also where the stem has a dot of its own (Path.with_suffix would cut it)."""
    return stem.with_name(stem.name + suffix)


WRITERS: dict[str, Write] = {
    "overlay": _write_overlay,
    "json": _write_json,
    "labelmap": _write_label_map,
    "cutouts": _write_cutouts,
}
WITHOUT_PICTURE = ("json", "labelmap")
"""Formats that show nothing of the image itself, so that their writers may get a reduced copy."""
SUFFIXES = {"overlay": ".png", "json": ".json", "labelmap": ".png", "cutouts": ""}
"""What each format adds to an image's stem; cutouts fill a folder."""
