"""`python -m model`: segment pictures, manage models, train and measure them."""

from __future__ import annotations

import argparse
import importlib
import signal
import sys

from model import banner, lean_keras

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


def main(words: list[str] | None = None) -> int:
    """Run one command; the exit status."""
    banner.silence()
    lean_keras.import_lean()
    parser = argparse.ArgumentParser(prog="python -m model", description=__doc__)
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command, (module_name, help_line) in COMMANDS.items():
        module = importlib.import_module(f"model.commands.{module_name}")
        subparser = subparsers.add_parser(command, help=help_line, description=module.__doc__)
        module.add_arguments(subparser)
        subparser.set_defaults(run=module.run)
    arguments = parser.parse_args(words)
    try:
        return int(arguments.run(arguments))
    except (ValueError, OSError) as error:
        print(f"{parser.prog} {arguments.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    # As at Ctrl-C: what is half made is deleted on the way out.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    sys.exit(main())
