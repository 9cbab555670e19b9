"""Asking: the options of the commands that segment pictures: which pictures, by which model, to find what."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import get_args

from model.answering import wishes_for
from model.commands.arguments import above_zero, at_least_one, at_least_zero, share
from model.formats.registry import Format
from model.pictures.projection import PROJECTIONS
from model.results.result import Split, Wishes
from model.segmenter import Segmenter


def add_question(parser: argparse.ArgumentParser) -> None:
    """The pictures, --model, what to find, and which page and channel."""
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
        "--pixel-size",
        type=above_zero,
        metavar="MICROMETRES",
        help="width of a pixel; tables then also have lengths and areas in micrometres",
    )


def check_question(arguments: argparse.Namespace) -> None:
    """Raise ValueError if options of `add_question` contradict each other."""
    if arguments.page is not None and arguments.projection != "none":
        raise ValueError(f"--projection {arguments.projection} combines all pages: leave out --page")


def wishes_of(arguments: argparse.Namespace, segmenter: Segmenter, output: Format) -> Wishes:
    """The options of `add_question`, for this model. Raises Unsuitable."""
    return wishes_for(
        segmenter.bundle.manifest,
        output,
        threshold=arguments.threshold,
        classes=arguments.classes,
        max_segments=arguments.max_segments,
        split=arguments.split,
        min_area=arguments.min_area,
    )
