"""Pairing: two evaluations of the same pictures, figure by figure, from the JSON files of `evaluate`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model.storage.problems import some

MAIN = {"instance": "AP50", "semantic": "IoU", "classify": "accuracy"}
"""Task → the figure that decides."""
OTHERS = {
    "instance": ("AP75",),
    "semantic": ("Dice", "accuracy", "rand"),
    "classify": ("probability",),
}
"""Task → further figures, if both evaluations have them."""
NOTHING = 1.0
"""The value of a figure that is unknown, since there is nothing and nothing was answered, which is right."""

Values = npt.NDArray[np.float64]


class NotComparable(ValueError):
    """The evaluations are not of the same pictures or kind; the message says what to do."""


@dataclass(frozen=True)
class Pair:
    """Two evaluations of the same pictures.

    Attributes:
        names: model and version of A and B.
        data: the name of the data set.
        figures: name → the values of A and B, each (N,); the main figure is the first.
        remarks: sentences on what was not checked, or flatters one of them.
    """

    names: tuple[str, str]
    data: str
    figures: Mapping[str, tuple[Values, Values]]
    remarks: Sequence[str]


def read_evaluation(path: Path) -> dict[str, Any]:
    """The figures in a file that `evaluate --json` wrote.

    Raises:
        NotComparable: it is not such a file.
    """
    try:
        figures = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise NotComparable(f"{path} is not JSON ({error}): {_HOW}") from None
    if not isinstance(figures, dict) or not isinstance(figures.get("per_image"), list):
        raise NotComparable(f"{path} has no figures by image (per_image): {_HOW}")
    figures.setdefault("task", "instance" if "coco" in figures else "semantic")
    return figures


_HOW = "write it with python -m model evaluate --model NAME --data DATA --json FILE"


def pair(paths: Sequence[Path], evaluations: Sequence[Mapping[str, Any]]) -> Pair:
    """Bring two evaluations together.

    Args:
        paths: the two files, for messages.
        evaluations: what `read_evaluation` returned.

    Raises:
        NotComparable: they differ in task, data, classes or pictures.
    """
    (path_a, path_b), (a, b) = paths, evaluations
    _check_alike(path_a, path_b, a, b)
    in_a, in_b = _matched(path_a, path_b, a["per_image"], b["per_image"])
    task = str(a["task"])
    if task not in MAIN:
        raise NotComparable(f"{path_a} has the task {task!r}; compared are {', '.join(MAIN)}")
    names = [MAIN[task], *OTHERS[task]]
    pairs = {
        name: _values([_figure(one, name) for one in in_a], [_figure(one, name) for one in in_b])
        for name in names
    }
    if task == "semantic":
        pairs |= {
            f"IoU {name}": _values(
                [_of_class(one, name) for one in in_a], [_of_class(one, name) for one in in_b]
            )
            for name in _classes(in_a)
        }
    figures = {name: values for name, values in pairs.items() if values is not None}
    if MAIN[task] not in figures:
        raise NotComparable(f"no picture of {path_a} and {path_b} has a value of {MAIN[task]}: {_HOW}")
    names_of = [f"{one.get('model', '?')} {one.get('version', '')}".strip() for one in (a, b)]
    if a.get("threshold") != b.get("threshold"):
        names_of = [
            f"{name} at threshold {one.get('threshold', '?')}"
            for name, one in zip(names_of, (a, b), strict=True)
        ]
    return Pair((names_of[0], names_of[1]), str(a.get("data", "")), figures, _remarks(a, b))


def _check_alike(path_a: Path, path_b: Path, a: Mapping[str, Any], b: Mapping[str, Any]) -> None:
    if a["task"] != b["task"]:
        raise NotComparable(
            f"{path_a} has the task {a['task']}, {path_b} {b['task']}: compare models of one task"
        )
    hash_a, hash_b = (one.get("data_sha256") for one in (a, b))
    if hash_a and hash_b and hash_a != hash_b:
        raise NotComparable(
            f"{path_a} was measured on {a.get('data')} (sha256 {hash_a[:12]}…), {path_b} on {b.get('data')} "
            f"({hash_b[:12]}…), whose files differ: evaluate both models on the same --data"
        )
    if "compared" in a and "compared" in b and set(a["compared"]) != set(b["compared"]):
        raise NotComparable(
            f"{path_a} compares the classes {some(a['compared'])}, {path_b} {some(b['compared'])}: evaluate "
            "both with the same --classes"
        )


def _matched(
    path_a: Path, path_b: Path, a: Sequence[Mapping[str, Any]], b: Sequence[Mapping[str, Any]]
) -> tuple[Sequence[Mapping[str, Any]], Sequence[Mapping[str, Any]]]:
    """Both in the same order of pictures."""
    ids_a, ids_b = ([str(one.get("id")) for one in images] for images in (a, b))
    if ids_a == ids_b:
        return a, b
    only_a, only_b = sorted(set(ids_a) - set(ids_b)), sorted(set(ids_b) - set(ids_a))
    if only_a or only_b or len(ids_a) != len(ids_b) or len(set(ids_a)) < len(ids_a):
        odd = " and ".join(
            f"{some(ids)} only in {path}" for ids, path in ((only_a, path_a), (only_b, path_b)) if ids
        )
        raise NotComparable(
            f"{path_a} has {len(ids_a)} pictures, {path_b} {len(ids_b)}, and they are not the same"
            f"{': ' + odd if odd else ''}. Evaluate both models on the same --data"
        )
    place = {id: index for index, id in enumerate(ids_b)}
    return a, [b[place[id]] for id in ids_a]


def _figure(image: Mapping[str, Any], name: str) -> float | None:
    if name == "accuracy" and "right" in image:
        return float(image["right"])
    if name in ("IoU", "Dice") and name not in image:  # of an older evaluation
        known = [one[name] for one in image.get("classes", {}).values() if one.get(name) is not None]
        return float(np.mean(known)) if known else None
    value = image.get(name)
    return None if value is None else float(value)


def _classes(images: Sequence[Mapping[str, Any]]) -> list[str]:
    """The classes, if there are several."""
    names = dict.fromkeys(name for image in images for name in image.get("classes", {}))
    return list(names) if len(names) > 1 else []


def _of_class(image: Mapping[str, Any], name: str) -> float | None:
    value = image.get("classes", {}).get(name, {}).get("IoU")
    return None if value is None else float(value)


def _values(a: Sequence[float | None], b: Sequence[float | None]) -> tuple[Values, Values] | None:
    """The values of the pictures for which at least one is known; None if there is no such picture."""
    known = [(x, y) for x, y in zip(a, b, strict=True) if x is not None or y is not None]
    if not known or all(x is None for x, _ in known) or all(y is None for _, y in known):
        return None
    filled = np.array([[NOTHING if value is None else value for value in both] for both in known])
    return filled[:, 0], filled[:, 1]


def _remarks(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    remarks = []
    if not (a.get("data_sha256") and b.get("data_sha256")):
        remarks.append(
            "At least one file is of an older version without a hash of the data: whether both were measured "
            "on the same files was checked by the pictures' names alone."
        )
    for letter, one in (("A", a), ("B", b)):
        if one.get("threshold_chosen_on") and one["threshold_chosen_on"] == one.get("data_sha256"):
            remarks.append(f"The threshold of {letter} was chosen on these very pictures, which flatters it.")
    return remarks
