"""`python -m model`, `maskserve` where installed: segment pictures, manage models, train and measure them."""

from __future__ import annotations

import argparse
import importlib
import signal
import sys

from model.commands import banner, lean_keras
from model.files.system_errors import in_words

COMMANDS = {
    "segment": ("segment", "find the objects in pictures"),
    "models": ("models", "list the models there are"),
    "fetch": ("fetch", "download a published model"),
    "import": ("import_weights", "make a model from a file of your own"),
    "check-data": ("check_data", "what is in a data set, and what is odd about it"),
    "train": ("train", "train a network on labelled images"),
    "evaluate": ("evaluate", "measure a model on labelled images"),
    "survey": ("survey", "note what a model was trained on, so that it warns of other pictures"),
    "bench": ("bench", "time a model in every way that it can be run"),
    "export": ("export", "compile a model, to serve it fast and without TensorFlow"),
}
"""Command → its module in `model.commands` and a line of help."""


def main(words: list[str] | None = None, program: str = "python -m model") -> int:
    """Run one command; the exit status.

    Args:
        words: the command and its arguments; without them, those of this process.
        program: what the help and error messages call it.
    """
    banner.silence()
    lean_keras.import_lean()
    parser = argparse.ArgumentParser(
        prog=program, description="Segment pictures, manage models, train and measure them."
    )
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command, (module_name, help_line) in COMMANDS.items():
        module = importlib.import_module(f"model.commands.{module_name}")
        description = (module.__doc__ or "").replace("python -m model", program)
        subparser = subparsers.add_parser(command, help=help_line, description=description)
        module.add_arguments(subparser)
        subparser.set_defaults(run=module.run)
    arguments = parser.parse_args(words)
    try:
        return int(arguments.run(arguments))
    except (ValueError, OSError) as error:
        message = in_words(error) if isinstance(error, OSError) else str(error)
        print(f"{parser.prog} {arguments.command}: {message}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def maskserve() -> int:
    """The console script `maskserve`; the exit status."""
    _clean_up_at_sigterm()
    return main(program="maskserve")


def _clean_up_at_sigterm() -> None:
    """As at Ctrl-C: what is half made is deleted on the way out."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))


if __name__ == "__main__":
    _clean_up_at_sigterm()
    sys.exit(main())
