"""Checks of the arguments of steps in a bioimage.io description, made when it is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

NUMBERS = {"min", "max", "eps", "min_percentile", "max_percentile"}
LISTS = {"gain", "offset", "mean", "std", "threshold"}
"""Each is one number, or one per channel."""
NEEDED = {"binarize": ("threshold",), "fixed_zero_mean_unit_variance": ("mean", "std")}


def check_kwargs(step: str, kwargs: Mapping[str, Any]) -> None:
    """Raise ValueError if a step has arguments that it cannot use.

    Args:
        step: its name.
        kwargs: "axes" in letters.
    """
    axes = kwargs.get("axes", "")
    if not isinstance(axes, str) or set(axes) - set("bcyx"):
        raise ValueError(f"the step {step} has the axes {axes!r}, which are not among b, c, y, x")
    for key in sorted(kwargs.keys() & (NUMBERS | LISTS)):
        values = _as_numbers(kwargs[key])
        if values is None or (key in NUMBERS and values.ndim):
            wanted = "a number" if key in NUMBERS else "a number, or one per channel"
            raise ValueError(f"the step {step} has the {key} {kwargs[key]!r}, which is not {wanted}")
    is_fixed = step == "zero_mean_unit_variance" and kwargs.get("mode") == "fixed"
    for key in NEEDED["fixed_zero_mean_unit_variance"] if is_fixed else NEEDED.get(step, ()):
        if key not in kwargs:
            raise ValueError(f"the step {step} lacks {key}")


def _as_numbers(value: Any) -> np.ndarray | None:
    """The values as float64, if they are finite numbers; else None."""
    try:
        numbers = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        return None
    return numbers if np.isfinite(numbers).all() else None
