"""`python -m model`, or `maskserve` if installed: segment pictures; manage, train and evaluate models."""

from __future__ import annotations

import argparse
import importlib
import shlex
import signal
import sys

from model.commands import banner, lean_keras
from model.files.system_errors import in_words

COMMANDS = {
    "segment": ("segment", "find the objects in pictures"),
    "measure": ("measure", "measure the objects in pictures: one table, a row for each object"),
    "models": ("models", "list the available models"),
    "fetch": ("fetch", "download a published model, or one registered in MLflow"),
    "register": ("register", "register a model in MLflow, from where it can be fetched"),
    "import": ("import_weights", "make a model from your own file"),
    "recipe": ("recipe", "print every value that a training recipe may have, with its default"),
    "data": ("data", "check a data set: its format, its objects, its problems"),
    "train": ("train", "train a network on labelled images"),
    "package": ("package", "make a model from a training run"),
    "tune": ("tune", "search for better values of a training by many short runs"),
    "evaluate": ("evaluate", "measure the accuracy of a model on labelled images"),
    "compare": ("compare", "say which of two evaluations is better, and whether by more than chance"),
    "survey": ("survey", "record what a model's pictures look like, to tell later that others differ"),
    "bench": ("bench", "measure the speed of a model with each engine and precision"),
    "export": ("export", "compile a model, to serve it fast and without TensorFlow"),
}
"""Command → its module in `model.commands` and its line of help."""
OF_TRAINING = ("keras", "matplotlib", "nncf", "tensorflow", "yaml")
"""Modules that serving does not need, so that they may be missing."""


def main(words: list[str] | None = None, program: str = "python -m model") -> int:
    """Run one command and return the exit status.

    Args:
        words: the command and its arguments; None: those of this process.
        program: the name of the program in help and error messages.
    """
    banner.silence()
    lean_keras.import_lean()
    parser = argparse.ArgumentParser(
        prog=program, description="Segment pictures; manage, train and evaluate models."
    )
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    words = sys.argv[1:] if words is None else words
    for command, (module_name, help_line) in COMMANDS.items():
        if command not in words:  # do not import its module, which takes a while
            subparsers.add_parser(command, help=help_line)
            continue
        module = importlib.import_module(f"model.commands.{module_name}")
        description = (module.__doc__ or "").replace("python -m model", program)
        subparser = subparsers.add_parser(command, help=help_line, description=description)
        module.add_arguments(subparser)
        subparser.set_defaults(run=module.run)
    arguments = parser.parse_args(words)
    arguments.typed = f"{program} {shlex.join(words)}"  # to record what made a model
    try:
        return int(arguments.run(arguments))
    except (ValueError, OSError) as error:
        message = in_words(error) if isinstance(error, OSError) else str(error)
        print(f"{parser.prog} {arguments.command}: {message}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in OF_TRAINING:
            raise
        print(
            f"{parser.prog} {arguments.command}: {error.name} is not installed, as where models are only "
            "served: run make full, or pip install 'maskserve[train]'",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        return 130


def maskserve() -> int:
    """The console script `maskserve`; returns the exit status."""
    _clean_up_at_sigterm()
    return main(program="maskserve")


def _clean_up_at_sigterm() -> None:
    """Exit on SIGTERM as on Ctrl-C, so that incomplete files are deleted."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))


if __name__ == "__main__":
    _clean_up_at_sigterm()
    sys.exit(main())
