"""`python -m model segment`: segment pictures, and write overlays, JSON, label maps or other formats."""

from __future__ import annotations

import argparse
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import get_args

from tqdm import tqdm

from model import catalog
from model.answering import find, wishes_for
from model.answers.choosing import Candidate
from model.answers.file_notes import CUT, scattered_rows, unchosen_page
from model.answers.finding import Finding
from model.answers.gate import doubt
from model.commands.answer_files import CannotWrite, answers_to
from model.commands.arguments import above_zero, add_way_to_run, at_least_one, at_least_zero, share
from model.commands.pictures_named import NamedPicture, pictures_named
from model.files.system_errors import in_words
from model.formats.encode import FileFormat
from model.formats.json import MaskFormat
from model.formats.registry import FORMATS, OVERLAY, Options
from model.pictures.projection import PROJECTIONS
from model.publishing.published import FOR_PHOTOS
from model.results.result import MOST_SEGMENTS, Result, Split
from model.segmenter import load

AT_ONCE = 2
"""Pictures at a time: while the network processes one, the other is decoded, or its answer is written."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "images",
        nargs="+",
        type=Path,
        metavar="IMAGE",
        help="a picture, a folder of pictures (including subfolders), or - for standard input",
    )
    parser.add_argument("--model", default="nuclei", help="a model, or name@version (default: nuclei)")
    parser.add_argument("--threshold", type=share, help="lowest score to keep, 0…1 (default: the model's)")
    parser.add_argument(
        "--class",
        action="append",
        dest="classes",
        metavar="NAME",
        help="a class to keep; can be repeated (default: all)",
    )
    parser.add_argument(
        "--max-segments",
        type=at_least_one,
        metavar="NUMBER",
        help="the most segments to keep, best first (default: the model's limit for the picture's size)",
    )
    parser.add_argument(
        "--split",
        choices=get_args(Split),
        help="for semantic models: one segment per class, or per connected part (default: class)",
    )
    parser.add_argument(
        "--min-area",
        type=at_least_one,
        metavar="PIXELS",
        help="with --split parts: the smallest part to keep (default: 1)",
    )
    parser.add_argument(
        "--page", type=at_least_zero, metavar="N", help="the page or frame of the file, from 0 (default: 0)"
    )
    parser.add_argument(
        "--channel",
        type=at_least_zero,
        metavar="N",
        help="the channel to use as a grey picture, from 0 (default: all together)",
    )
    parser.add_argument(
        "--projection",
        choices=PROJECTIONS,
        default="none",
        help="combine all pages or frames: the maximum or mean of each pixel (default: none)",
    )
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default=OVERLAY.name,
        help="the output format (default: overlay); probability is for semantic models",
    )
    parser.add_argument(
        "--image-format",
        choices=get_args(FileFormat),
        default="png",
        help="file format of the overlay (default: png)",
    )
    parser.add_argument(
        "--mask-format",
        choices=get_args(MaskFormat),
        default="rle",
        help="format of the masks in json and coco (default: rle)",
    )
    parser.add_argument(
        "--pixel-size",
        type=above_zero,
        metavar="MICROMETRES",
        help="width of a pixel; csv then also has lengths and areas in micrometres",
    )
    parser.add_argument(
        "--out",
        type=Path,
        help="folder to write to, or - for standard output (default: the current folder, or standard output"
        " for a picture from standard input)",
    )
    add_way_to_run(parser)


def run(arguments: argparse.Namespace) -> int:
    """Segment all images; the exit status is 1 if any of them failed."""
    if arguments.page is not None and arguments.projection != "none":
        raise ValueError(f"--projection {arguments.projection} combines all pages: leave out --page")
    output = FORMATS[arguments.format]
    options = Options(arguments.mask_format, arguments.image_format, arguments.pixel_size)
    pictures = pictures_named(arguments.images, arguments.out)
    answers = answers_to(arguments.out, output, options, pictures)
    segmenter = load(arguments.model, engine=arguments.engine, precision=arguments.precision)
    wishes = wishes_for(
        segmenter.bundle.manifest,
        output,
        threshold=arguments.threshold,
        classes=arguments.classes,
        max_segments=arguments.max_segments,
        split=arguments.split,
        min_area=arguments.min_area,
    )
    answers.prepare()
    network = threading.Lock()

    def segment(picture: NamedPicture) -> list[str]:
        finding = find(
            picture.read(),
            [Candidate(segmenter, wishes)],
            shows_picture=output.shows_picture,
            picture_format=output.picture_format(options),
            page=arguments.page,
            channel=arguments.channel,
            projection=arguments.projection,
            turn=lambda: network,
        )
        answers.write(picture, finding)
        return _notes(finding, arguments.model)

    failed = 0
    with tqdm(total=len(pictures), unit="image", disable=len(pictures) < 2) as bar:
        for picture, answered in _in_order(segment, pictures):
            try:
                for note in answered.result():
                    tqdm.write(f"{picture}: {note}", file=sys.stderr)
            except CannotWrite as error:
                raise CannotWrite(f"{error}; stopped after {bar.n} of {len(pictures)} pictures") from None
            except Exception as error:
                tqdm.write(_reason(picture, error), file=sys.stderr)
                failed += 1
            bar.update()
    return 1 if failed else 0


def _in_order(
    segment: Callable[[NamedPicture], list[str]], pictures: Sequence[NamedPicture]
) -> Iterator[tuple[NamedPicture, Future[list[str]]]]:
    """Each picture and its result, `AT_ONCE` at a time; if iteration stops, the rest are not started."""
    pool = ThreadPoolExecutor(AT_ONCE)
    begun: deque[tuple[NamedPicture, Future[list[str]]]] = deque()
    try:
        for picture in pictures:
            if len(begun) == AT_ONCE:
                yield begun.popleft()
            begun.append((picture, pool.submit(segment, picture)))
        while begun:
            yield begun.popleft()
    finally:
        pool.shutdown(cancel_futures=True)


def _notes(finding: Finding, model: str) -> list[str]:
    """Sentences about limitations of an answer."""
    notes = [_left_out(finding.result)] if finding.result.left_out else []
    if finding.verdict and not finding.verdict.accepts:
        notes.append(f"{doubt(finding.manifest, finding.verdict)} {_advice(model)}".rstrip())
    if rows := scattered_rows(finding):
        notes.append(rows)
    if unchosen := unchosen_page(finding):
        notes.append(f"{unchosen} See --page and --projection.")
    if finding.is_cut:
        notes.append(CUT)
    return notes


def _reason(picture: NamedPicture, error: Exception) -> str:
    """The error message for a picture. For unexpected errors it includes the type of the error."""
    if isinstance(error, OSError) and error.filename is not None:
        return in_words(error)  # already names the picture
    if isinstance(error, OSError):
        return f"{picture}: {in_words(error)}"
    return f"{picture}: {error if isinstance(error, ValueError) else f'{type(error).__name__}: {error}'}"


def _left_out(result: Result) -> str:
    """A sentence about segments that the output lacks, and how to get them."""
    count, found = len(result.segments), result.found
    remedy = f"--max-segments {min(found, MOST_SEGMENTS)}"
    return f"{found:,} segments were found; the output has the best {count:,}. For more: {remedy}"


def _advice(model: str) -> str:
    """Advice for a picture that is unlike those that `model` knows."""
    if model == FOR_PHOTOS:
        return ""
    fetched = "" if FOR_PHOTOS in catalog.names() else f"python -m model fetch {FOR_PHOTOS}, then "
    return f"For photos of people: --model people. For other everyday photos: {fetched}--model {FOR_PHOTOS}."
