"""run.json: the arguments of a training run, and how they differ from those of another command."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from model.files.whole_files import whole_file

Asked = Mapping[str, Any]
"""Everything that determines the outcome of a run, as `json` writes it."""

LAST, BEST = "model.weights.h5", "best.weights.h5"
"""The files of a run's weights: those of the last report, and those of the best on validation data."""
STEPS = "plan.steps"
"""The value that may change: a run can be made longer."""
PATHS = ("data", "validation", "weights")
OPTIONS = (
    *(*PATHS, "exclude", "backbone", "layers", "optimizer", "steps", "batch_size", "picture_size"),
    *("learning_rate", "warmup_steps", "seed", "exif", "class_attribute", "task", "continue_from"),
    *("precision", "accumulate", "devices", "report_every", "patience", "encoder"),
)
"""Values that have an option on the command line."""
LONGEST_SHOWN = 80  # characters


class RunError(ValueError):
    """A run cannot start or continue: its folder has another run or is damaged, or losses are not finite."""


def read(folder: Path) -> Asked | None:
    """The arguments of the run in `folder`; None if there is none.

    Raises:
        RunError: the file is damaged.
    """
    path = folder / "run.json"
    if not path.exists():
        return None
    try:
        return dict(json.loads(path.read_text()))
    except (TypeError, ValueError) as error:
        raise RunError(
            f"{path} is damaged ({error}): replace it with an intact copy, or give another folder with --out"
        ) from error


def weights_in(folder: Path) -> Path:
    """The best weights of the run in `folder`; the last ones if none are called the best.

    Raises:
        RunError: there are none yet.
    """
    for name in (BEST, LAST):
        if (folder / name).is_file():
            return folder / name
    raise RunError(f"{folder} has no weights: train first, with python -m model train --out {folder} …")


def write(folder: Path, asked: Asked) -> None:
    """Write the arguments; the file is written completely or not at all."""
    with whole_file(folder / "run.json") as part:
        part.write_text(json.dumps(asked, indent=2) + "\n")


def differences(before: Asked, asked: Asked) -> list[str]:
    """The differences between a run's arguments and new ones, except the number of steps, as option names.

    Values that an older run.json does not have are not compared.
    """
    old, new = dict(leaves(before)), dict(leaves(json.loads(json.dumps(asked))))
    return [
        f"{option(name)} {_shown(old[name])}, not {_shown(new.get(name))}"
        for name in old
        if name != STEPS and _comparable(name, old[name]) != _comparable(name, new.get(name))
    ]


def option(name: str) -> str:
    """The command-line option for a value, such as --batch-size; else the value's own name."""
    last = name.rpartition(".")[2]
    return f"--{last.replace('_', '-')}" if last in OPTIONS else last


def leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The values by their names with those of their sections, such as "plan.steps"."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _comparable(name: str, value: Any) -> Any:
    """The value, with paths resolved, so that different spellings of a path compare equal."""
    return Path(value).resolve() if name in PATHS and value else value


def _shown(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return (text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…") or "(none)"
