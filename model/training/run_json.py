"""run.json: the arguments of a training run, and how they differ from those of another command."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from model.files.whole_files import whole_file

Asked = Mapping[str, Any]
"""Everything that determines the outcome of a run, as `json` writes it."""

LAST, BEST = "model.weights.h5", "best.weights.h5"
"""The files of a run's weights: those of the last report, and those of the best on validation data."""
STEPS = "plan.steps"
"""The value that may change: a run can be made longer."""
MADE_BY = "made_by"
"""The section of what does not determine the outcome: the last command that started the run, and its code."""
HASHES = {"data_sha256": "--data", "validation_sha256": "--validation"}
"""Hashes of data sets, and the options that name these."""
CHECKPOINT, STEP = "checkpoint.npz", "step"
"""The file from which a run continues, and the name of its number of steps in it."""
DAMAGES = (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error)
"""The errors that NumPy raises for a damaged or incomplete checkpoint."""
PATHS = ("data", "validation", "weights")
OPTIONS = (
    *(*PATHS, "exclude", "backbone", "layers", "optimizer", "steps", "batch_size", "picture_size"),
    *("learning_rate", "warmup_steps", "seed", "exif", "class_attribute", "task", "continue_from"),
    *("precision", "accumulate", "devices", "report_every", "patience", "encoder"),
    *("network", "freeze"),
)
"""Values that have an option on the command line."""
NEEDED = ("config", "plan", "data", "classes")
"""Values that every run.json has."""
OF_OTHER_TOOLS = {
    "args.yaml": "Ultralytics",
    "opt.yaml": "YOLOv5",
    "metrics.json": "Detectron2",
    "vis_data": "MMDetection",
    "checkpoint_final.pth": "nnU-Net",
}
"""Files by which the run folder of another tool is recognised."""
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


def of_run(folder: Path) -> Asked:
    """The arguments of the run in `folder`.

    Raises:
        RunError: there is none of `python -m model train`; the message says what is there instead.
    """
    if not folder.exists():
        raise RunError(f"{folder} does not exist: name the --out of a training run")
    if not folder.is_dir():
        raise RunError(
            f"{folder} is a file: name the folder of a training run; a file of weights is for python -m "
            "model import"
        )
    asked = read(folder)
    if asked is None:
        lacks = "has no run.json"
    elif missing := [name for name in NEEDED if name not in asked]:
        lacks = f"has a run.json without {', '.join(missing)}"
    else:
        return asked
    tool = next((tool for name, tool in OF_OTHER_TOOLS.items() if next(folder.glob(f"**/{name}"), None)), "")
    seems = f" and seems to be one of {tool}" if tool else ""
    raise RunError(
        f"{folder} is no run folder of python -m model train: it {lacks}{seems}. Name the --out of a "
        "training run, or import a file of weights with python -m model import"
    )


def weights_in(folder: Path) -> Path:
    """The best weights of the run in `folder`; the last ones if none are called the best.

    Raises:
        RunError: there are none yet.
    """
    for name in (BEST, LAST):
        if (folder / name).is_file():
            return folder / name
    if done := steps_done(folder):
        raise RunError(
            f"{folder} has no weights yet, only a checkpoint of step {done}: repeat its command, which "
            "continues from there; weights are written with each report and at the end"
        )
    raise RunError(f"{folder} has no weights: train first, with python -m model train --out {folder} …")


def steps_done(folder: Path) -> int:
    """The steps in the checkpoint of the run in `folder`; 0 if there is none, or if it is damaged."""
    try:
        with np.load(folder / CHECKPOINT) as stored:
            return int(stored[STEP])
    except DAMAGES:
        return 0


def write(folder: Path, asked: Asked) -> None:
    """Write the arguments; the file is written completely or not at all."""
    with whole_file(folder / "run.json") as part:
        part.write_text(json.dumps(asked, indent=2) + "\n")


def differences(before: Asked, asked: Asked) -> list[str]:
    """The differences between a run's arguments and new ones, except the number of steps, as option names.

    Values that an older run.json does not have are not compared, nor are hashes: see `changed_data`.
    """
    old, new = dict(leaves(before)), dict(leaves(json.loads(json.dumps(asked))))
    return [
        f"{option(name)} {_shown(old[name])}, not {_shown(new.get(name))}"
        for name in old
        if name not in (STEPS, *HASHES)
        and not name.startswith(f"{MADE_BY}.")
        and _comparable(name, old[name]) != _comparable(name, new.get(name))
    ]


def changed_data(before: Asked, asked: Asked) -> list[str]:
    """The options of the data sets whose files are not those that the run began with."""
    return [
        told
        for name, told in HASHES.items()
        if before.get(name) and name in asked and before[name] != asked[name]
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
