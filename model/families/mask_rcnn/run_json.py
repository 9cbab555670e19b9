"""run.json: what a training run was asked, and whether a command asks for the same."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from model.files.whole_files import whole_file

Asked = Mapping[str, Any]
"""Everything that decides the outcome of a run, as `json` writes it."""

STEPS = "plan.steps"
"""May change: a run can be made longer."""
PATHS = ("data", "validation", "weights")
OPTIONS = (
    *(*PATHS, "exclude", "backbone", "layers", "optimizer", "steps", "batch_size", "picture_size"),
    *("learning_rate", "warmup_steps", "seed", "exif", "class_attribute"),
)
"""What the command line has an option for."""
LONGEST_SHOWN = 80  # characters


class RunError(ValueError):
    """A run that cannot start or go on: its folder is another's or damaged, or its losses have no value."""


def read(folder: Path) -> Asked | None:
    """What the run in `folder` was asked; None where there is none.

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
            f"{path} is damaged ({error}): put a whole copy in its place, or name another folder with --out"
        ) from error


def write(folder: Path, asked: Asked) -> None:
    """Write what is asked; the file appears whole or not at all."""
    with whole_file(folder / "run.json") as part:
        part.write_text(json.dumps(asked, indent=2) + "\n")


def differences(before: Asked, asked: Asked) -> list[str]:
    """What is asked otherwise than before, but for the number of steps, in the words of the command line.

    Values that were not kept at the time are not compared.
    """
    old, new = dict(_leaves(before)), dict(_leaves(json.loads(json.dumps(asked))))
    return [
        f"{option(name)} {_shown(old[name])}, not {_shown(new.get(name))}"
        for name in old
        if name != STEPS and _comparable(name, old[name]) != _comparable(name, new.get(name))
    ]


def option(name: str) -> str:
    """The option of the command line for a value, such as --batch-size; else the value's own name."""
    last = name.rpartition(".")[2]
    return f"--{last.replace('_', '-')}" if last in OPTIONS else last


def _leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _comparable(name: str, value: Any) -> Any:
    """Paths are the same that lead to the same place."""
    return Path(value).resolve() if name in PATHS and value else value


def _shown(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return (text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…") or "(none)"
