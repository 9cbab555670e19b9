"""`python -m model segment`: pictures in; overlays, data, label maps or other formats out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from tqdm import tqdm

from model import catalog
from model.answering import find, wishes_for
from model.choosing import Candidate
from model.commands.arguments import add_way_to_run, at_least_one, at_least_zero, share
from model.finding import Finding
from model.formats.registry import FORMATS, OVERLAY, Format, Options
from model.gate import doubt
from model.page_notes import scattered_rows, unchosen_page
from model.pictures.projection import PROJECTIONS
from model.published import FOR_PHOTOS
from model.result import MOST_SEGMENTS, Result, Split
from model.segmenter import load

OPTIONS = Options()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE")
    parser.add_argument("--model", default="nuclei", help="a model's name (default: nuclei)")
    parser.add_argument("--threshold", type=share, help="lowest score kept, 0…1 (default: the model's)")
    parser.add_argument(
        "--class",
        action="append",
        dest="classes",
        metavar="NAME",
        help="a class to keep; may be given several times (default: all)",
    )
    parser.add_argument(
        "--max-segments",
        type=at_least_one,
        metavar="NUMBER",
        help="the most segments, best first (default: the model's limit for a picture of that size)",
    )
    parser.add_argument(
        "--split",
        choices=get_args(Split),
        help="of semantic models: a segment a class, or one a connected part (default: class)",
    )
    parser.add_argument(
        "--min-area",
        type=at_least_one,
        metavar="PIXELS",
        help="with --split parts: the fewest pixels that a part has (default: 1)",
    )
    parser.add_argument(
        "--page", type=at_least_zero, metavar="N", help="which page or frame of a file, from 0 (default: 0)"
    )
    parser.add_argument(
        "--projection",
        choices=PROJECTIONS,
        default="none",
        help="all pages or frames as one picture, of each place the brightest or the mean (default: none)",
    )
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default=OVERLAY.name,
        help="what to write for each image (default: overlay); probability is for semantic models",
    )
    parser.add_argument("--out", type=Path, default=Path(), help="folder to write to (default: this one)")
    add_way_to_run(parser)


def run(arguments: argparse.Namespace) -> int:
    """Segment every image; 1 if any of them failed."""
    if arguments.page is not None and arguments.projection != "none":
        raise ValueError(f"--projection {arguments.projection} takes all pages together: leave --page out")
    output = FORMATS[arguments.format]
    _check_targets(arguments.images, arguments.out, output.ending)
    segmenter = load(arguments.model, engine=arguments.engine, precision=arguments.precision)
    manifest = segmenter.bundle.manifest
    wishes = wishes_for(
        manifest,
        output,
        threshold=arguments.threshold,
        classes=arguments.classes,
        max_segments=arguments.max_segments,
        split=arguments.split,
        min_area=arguments.min_area,
    )
    arguments.out.mkdir(parents=True, exist_ok=True)
    failed = 0
    for path in tqdm(arguments.images, unit="image", disable=len(arguments.images) < 2):
        try:
            finding = find(
                path.read_bytes(),
                [Candidate(segmenter, wishes)],
                shows_picture=output.shows_picture,
                picture_format=output.picture_format(OPTIONS),
                page=arguments.page,
                projection=arguments.projection,
            )
            _write(output, arguments.out / path.stem, finding)
            if finding.result.left_out:
                tqdm.write(f"{path}: {_left_out(finding.result)}", file=sys.stderr)
            if finding.verdict and not finding.verdict.accepts:
                tqdm.write(f"{path}: {doubt(manifest)} {_advice(arguments.model)}".rstrip(), file=sys.stderr)
            if rows := scattered_rows(finding):
                tqdm.write(f"{path}: {rows}", file=sys.stderr)
            if unchosen := unchosen_page(finding):
                tqdm.write(f"{path}: {unchosen} See --page and --projection.", file=sys.stderr)
        except Exception as error:
            tqdm.write(f"{path}: {_reason(error)}", file=sys.stderr)
            failed += 1
    return 1 if failed else 0


def _reason(error: Exception) -> str:
    """What went wrong with a picture. Errors that were not written for people say what they are, too."""
    return str(error) if isinstance(error, ValueError | OSError) else f"{type(error).__name__}: {error}"


def _left_out(result: Result) -> str:
    """What the output lacks, and how to have it."""
    count, found = len(result.segments), result.found
    remedy = f"--max-segments {min(found, MOST_SEGMENTS)}"
    return f"{found:,} segments were found; the output has the best {count:,}. For more: {remedy}"


def _advice(model: str) -> str:
    """What to do about a picture that `model` does not know."""
    if model == FOR_PHOTOS:
        return ""
    fetched = "" if FOR_PHOTOS in catalog.names() else f"python -m model fetch {FOR_PHOTOS}, then "
    return f"For photos of people: --model people. For other everyday photos: {fetched}--model {FOR_PHOTOS}."


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


def _write(output: Format, stem: Path, finding: Finding) -> None:
    """Write the finding as the file STEM and the format's ending, or into the folder STEM."""
    if output.files is None:
        _with_suffix(stem, output.ending).write_bytes(output.write(finding, OPTIONS))
        return
    stem.mkdir(exist_ok=True)
    if any(stem.iterdir()):  # cutouts of another threshold, or somebody's own pictures
        raise ValueError(f"the folder {stem} is not empty: empty it, or name another one with --out")
    for name, content in output.files(finding):
        (stem / name).write_bytes(content)


def _with_suffix(stem: Path, suffix: str) -> Path:
    """STEM.png also where the stem has a dot of its own (Path.with_suffix would cut it)."""
    return stem.with_name(stem.name + suffix)
