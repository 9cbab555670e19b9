"""Replaced: what a new model takes over from the model that it replaces, and what it does not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from model.results.result import Task
from model.storage.manifest import Manifest

OF_THE_OPERATOR = ("description", "max_segments", "max_segments_per_megapixel", "gate", "known_pictures")
"""Manifest values that determine how a model is used and do not depend on its weights."""
OF_OTHERS_THAN_CLASSIFIERS = ("gate", "known_pictures")
NAMES = {
    "task": "task",
    "description": "description",
    "licence": "licence",
    "classes": "classes",
    "threshold": "threshold",
    "max_segments": "most segments",
    "max_segments_per_megapixel": "most segments per megapixel",
    "tile_overlap": "tile overlap",
    "gate": "gate",
    "known_pictures": "known pictures",
}
"""Manifest values to report, and their names in messages."""
IN_BOTH = ("num_classes", "detection_min_confidence", "detection_max_instances")
"""Config values that the manifest repeats."""
_SHORT = 60  # characters of a value that is shown


def taken_over(old: Manifest, task: Task) -> dict[str, Any]:
    """The manifest values that a new model with a task takes over from the old one by default.

    Thresholds, tiles and the config are left to the family.
    """
    names = set(OF_THE_OPERATOR)
    if task == "classify":
        names -= set(OF_OTHERS_THAN_CLASSIFIERS)  # a classifier can be a gate, but has none
    values = old.model_dump(include=names, exclude_defaults=True)
    return {name: value for name, value in values.items() if value is not None}


def differences(
    before_it: Manifest,
    new: Manifest,
    *,
    old: str = "replaced model",
    gone: str = "Removed with the old weights",
) -> list[str]:
    """Sentences for the user who replaced a model: what stayed, what differs, and what was removed.

    Args:
        before_it: the manifest of the replaced model, or of the version before.
        new: the manifest of the new one.
        old, gone: what the sentences call the former, and what is in it alone.
    """
    before, after = _facts(before_it), _facts(new)
    settings = {name for name in before_it.config if name not in IN_BOTH}
    same = [name for name in before if before[name] == after.get(name)]
    shown = [_shown(name, before[name]) for name in same if name not in settings]
    if settings & set(same):
        shown.append(f"{'its' if settings <= set(same) else 'the rest of its'} config")
    changed = [
        f"{name} {_value(before.get(name))} → {_value(after.get(name))}"
        for name in dict.fromkeys([*before, *after])
        if before.get(name) != after.get(name)
    ]
    sentences = []
    if shown:
        sentences.append(f"Same as in the {old}: {', '.join(shown)}.")
    if changed:
        sentences.append(f"Different from the {old}: {', '.join(changed)}.")
    if before_it.known_pictures is not None and new.known_pictures is not None:
        sentences.append(
            f"If it was trained on other pictures, run python -m model survey {new.name} --data DATA."
        )
    sentences += [f"{gone}: {what}." for what in _gone(before_it, new)]
    return sentences


def _gone(old: Manifest, new: Manifest) -> Iterator[str]:
    if "int8" in old.exports and "int8" not in new.exports:
        yield (
            "the int8 stages, which were calibrated for them; make new ones with python -m model export "
            f"{new.name} --calibration DATA"
        )
    elif any(export.pictures for export in old.exports.values()):
        yield (
            "the measured losses of its precisions; measure them again with python -m model export "
            f"{new.name} --calibration DATA"
        )
    if old.baseline is not None and new.baseline is None:
        yield (
            "the baseline for drift, which has the old model's answers; make a new one with python -m model "
            f"survey {new.name} --validation DATA"
        )
    if old.quality is not None and new.quality is None:
        yield f"the measured quality; measure it with python -m model evaluate --model {new.name} --data DATA"


def _facts(manifest: Manifest) -> dict[str, Any]:
    """The values in which two models of a name can differ besides their weights, by name in messages."""
    told = manifest.model_dump(include=set(NAMES), exclude_defaults=True)
    config = {name: value for name, value in manifest.config.items() if name not in IN_BOTH}
    return {NAMES[name]: told[name] for name in NAMES if name in told} | config


def _shown(name: str, value: Any) -> str:
    return name if isinstance(value, dict) or len(_value(value)) > _SHORT else f"{name} {_value(value)}"


def _value(value: Any) -> str:
    if value is None:
        return "the default"
    if isinstance(value, dict):
        return "others"
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return text if len(text) <= _SHORT else f"{text[:_SHORT]}…"
