"""`python -m model import --task semantic`: its options, and how it makes a bundle."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from model.data.class_names import read_class_file
from model.families.family import Imported
from model.families.pixels import Activation, Channels, ValueRange
from model.families.semantic.config import Background, Fit
from model.families.semantic.specification import Options
from model.storage.manifest import Manifest


def add_arguments(group: argparse._ArgumentGroup) -> list[argparse.Action]:
    """Add the options that only this family has."""
    add = group.add_argument
    return [
        add("--size", type=_size, metavar="WxH", help="input size, if the model accepts any size"),
        add("--divisor", type=int, help="of the input's sides, if it accepts any size (default: 32)"),
        add("--max-side", type=int, help="pictures with a longer side shrink (default: 1024)"),
        add("--fit", choices=get_args(Fit), help="how pictures are brought to a fixed size (default: pad)"),
        add("--channels", choices=get_args(Channels), help="input channels (default: rgb, or grey)"),
        add("--value-range", type=_value_range, metavar="0-1|0-255|-1-1", help="of the input (default: 0-1)"),
        add("--mean", type=_numbers, help="subtracted per channel, in that range; comma-separated"),
        add("--std", type=_numbers, help="divides the difference, per channel; comma-separated"),
        add("--activation", choices=get_args(Activation), help="activation that the output still needs"),
        add(
            "--background",
            type=_background,
            metavar="none|INDEX|implied",
            help="the channel that is the background; none: every pixel has a class; implied: pixels where "
            "no class reaches the threshold",
        ),
        add("--output", metavar="NAME", help="the output to use, if the model has several maps"),
        add(
            "--mirror", action="store_const", const=True, help="run the mirrored picture too (twice the time)"
        ),
        add(
            "--look-again",
            action="store_const",
            const=True,
            help="with --fit scale: run again on the enlarged part with objects (twice the time)",
        ),
        add("--layout", type=_layout, metavar="nchw|nhwc", help="of the input, if the file does not tell"),
    ]


def recognises(path: Path) -> bool:
    """True: this family is the last one asked; reading the file will say what is wrong."""
    return True


def make(
    path: Path,
    folder: Path,
    arguments: argparse.Namespace,
    about: Mapping[str, Any],
    replaced: Manifest | None,
) -> Imported:
    """Make the bundle; see `families.family.ImportPart`."""
    from model.families.semantic.importer import import_semantic  # needs OpenVINO; --help does not

    classes = _classes(arguments.classes, arguments.background) if arguments.classes else None
    options = Options(
        classes=classes,
        size=arguments.size,
        divisor=arguments.divisor,
        max_side=arguments.max_side,
        fit=arguments.fit,
        tile_overlap=arguments.tile_overlap,
        channels=arguments.channels,
        value_range=arguments.value_range,
        mean=arguments.mean,
        std=arguments.std,
        activation=arguments.activation,
        threshold=arguments.threshold,
        background=arguments.background,
        output=arguments.output,
        layout=arguments.layout,
        mirror=arguments.mirror,
        look_again=arguments.look_again,
    )
    return import_semantic(path, folder, arguments.name, options, about, replaced)


def _classes(path: Path, background: Background | None) -> list[str]:
    """The class names in a file, without the background.

    Raises:
        ValueError: the background is not first, so names and channels might not correspond.
    """
    named = read_class_file(path)
    if named.background and named.background != background:
        raise ValueError(
            f"{path.name} lists the background after {named.background} other names, which must be in the "
            f"order of the network's channels: give --background {named.background}, or correct the order"
        )
    if named.sentence:
        print(named.sentence)
    return named.names


def _size(words: str) -> tuple[int, int]:
    width, cross, height = words.lower().partition("x")
    if not (cross and width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise argparse.ArgumentTypeError(f"{words!r} is not a size: give WIDTHxHEIGHT, such as 512x512")
    return int(width), int(height)


def _value_range(word: str) -> ValueRange:
    for value in get_args(ValueRange):
        if word == value:
            return value
    raise argparse.ArgumentTypeError(f"{word!r} is not one of {', '.join(get_args(ValueRange))}")


def _background(word: str) -> Background:
    if word in ("none", "implied"):
        return word  # type: ignore[return-value]
    if word.isdecimal():
        return int(word)
    raise argparse.ArgumentTypeError(
        f"{word!r} is not none, implied or the number of a channel (counted from 0)"
    )


def _layout(word: str) -> str:
    if word.upper() not in ("NCHW", "NHWC"):
        raise argparse.ArgumentTypeError(f"{word!r} is not nchw or nhwc")
    return word.upper()


def _numbers(words: str) -> tuple[float, ...]:
    try:
        return tuple(float(word) for word in words.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{words!r} is not a comma-separated list of numbers") from None
