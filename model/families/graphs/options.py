"""Options of `python -m model import` about a foreign graph's input and output, for several families."""

from __future__ import annotations

import argparse
from typing import Any, get_args

from model.families.pixels import Activation, Channels, Fit, ValueRange


def add_graph_options(group: argparse._ArgumentGroup) -> list[argparse.Action]:
    """Add the options, or return them if another family has added them; their defaults are None."""

    def add(flag: str, **how: Any) -> argparse.Action:
        # The option strings of a group are those of its parser.
        return group._option_string_actions.get(flag) or group.add_argument(flag, **how)

    return [
        add("--size", type=_size, metavar="WxH", help="input size, if the model accepts any size"),
        add("--fit", choices=get_args(Fit), help="how pictures are brought to a fixed size (default: pad)"),
        add("--channels", choices=get_args(Channels), help="input channels (default: rgb, or grey)"),
        add("--value-range", type=_value_range, metavar="0-1|0-255|-1-1", help="of the input (default: 0-1)"),
        add("--mean", type=_numbers, help="subtracted per channel, in that range; comma-separated"),
        add("--std", type=_numbers, help="divides the difference, per channel; comma-separated"),
        add("--activation", choices=get_args(Activation), help="activation that the output still needs"),
        add("--output", metavar="NAME", help="the output to use, if the model has several"),
        add("--layout", type=_layout, metavar="nchw|nhwc", help="of the input, if the file does not tell"),
    ]


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


def _layout(word: str) -> str:
    if word.upper() not in ("NCHW", "NHWC"):
        raise argparse.ArgumentTypeError(f"{word!r} is not nchw or nhwc")
    return word.upper()


def _numbers(words: str) -> tuple[float, ...]:
    try:
        return tuple(float(word) for word in words.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{words!r} is not a comma-separated list of numbers") from None
