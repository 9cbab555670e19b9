"""`python -m model segment`: segment pictures, and write overlays, JSON, label maps or other formats."""

from __future__ import annotations

import argparse
import sys
import threading
from pathlib import Path
from typing import get_args

from tqdm import tqdm

from model.answering import find
from model.answers.choosing import Candidate
from model.commands.answer_files import Answers, CannotWrite, answers_to
from model.commands.arguments import add_way_to_run
from model.commands.asking import add_question, check_question, wishes_of
from model.commands.one_after_another import AT_ONCE, notes_about, reason_for
from model.commands.pictures_named import NamedPicture, pictures_named
from model.files.in_order import in_order
from model.formats.encode import FileFormat
from model.formats.json import MaskFormat
from model.formats.registry import FORMATS, OVERLAY, Options
from model.segmenter import load


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    add_question(parser)
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
        "--out",
        type=Path,
        help="folder to write to, or - for standard output (default: the current folder, or standard output"
        " for a picture from standard input)",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on with an earlier run that had the same options: skip pictures whose answer is there and"
        " newer than they are",
    )
    add_way_to_run(parser)


def run(arguments: argparse.Namespace) -> int:
    """Segment all images; the exit status is 1 if any of them failed."""
    check_question(arguments)
    output = FORMATS[arguments.format]
    options = Options(arguments.mask_format, arguments.image_format, arguments.pixel_size)
    pictures = pictures_named(arguments.images, arguments.out)
    answers = answers_to(arguments.out, output, options, pictures)
    if arguments.resume:
        pictures = _unanswered(pictures, answers)
    segmenter = load(arguments.model, engine=arguments.engine, precision=arguments.precision)
    wishes = wishes_of(arguments, segmenter, output)
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
        return notes_about(finding, arguments.model)

    failed = 0
    with tqdm(total=len(pictures), unit="image", disable=len(pictures) < 2) as bar:
        for picture, answered in in_order(segment, pictures, AT_ONCE):
            try:
                for note in answered.result():
                    tqdm.write(f"{picture}: {note}", file=sys.stderr)
            except CannotWrite as error:
                raise CannotWrite(f"{error}; stopped after {bar.n} of {len(pictures)} pictures") from None
            except Exception as error:
                tqdm.write(reason_for(picture, error), file=sys.stderr)
                failed += 1
            bar.update()
    return 1 if failed else 0


def _unanswered(pictures: list[NamedPicture], answers: Answers) -> list[NamedPicture]:
    left = [picture for picture in pictures if not answers.has(picture)]
    print(f"{len(pictures) - len(left):,} of {len(pictures):,} pictures have answers.", file=sys.stderr)
    return left
