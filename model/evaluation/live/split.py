"""A split as it was asked for, in the words of MASKSERVE_TRAFFIC."""

from __future__ import annotations

import math
import re

_ARM = re.compile(r"([^@=,\s]+)@([^@=,\s]+)")
_ROUNDING = 0.05  # per cent; three shares of 33.33 are meant to be a whole


def parse_split(text: str) -> dict[str, float]:
    """The weights in a text such as nuclei@2=90,nuclei@3=10: arm → its weight.

    Arms whose weight is 0, which have no callers, are left out.

    Raises:
        ValueError: it is not such a text, names more than one model or fewer than two arms, or its weights do
            not add up to 100.
    """
    weights: dict[str, float] = {}
    for part in text.split(","):
        arm, equals, weight = (word.strip() for word in part.partition("="))
        if not (equals and _ARM.fullmatch(arm)):
            raise ValueError(f"{part.strip()!r} is not NAME@VERSION=WEIGHT, such as nuclei@3=10")
        if arm in weights:
            raise ValueError(f"{arm} is there twice")
        try:
            weights[arm] = float(weight)
        except ValueError:
            raise ValueError(f"the weight of {arm} is {weight!r}, not a number") from None
        if not 0 <= weights[arm] < math.inf:
            raise ValueError(f"the weight of {arm} is {weight}, which is no share of callers")
    names = {model_of(arm) for arm in weights}
    if len(names) > 1:
        raise ValueError(f"{', '.join(sorted(names))} are several models: name the versions of one")
    with_callers = {arm: weight for arm, weight in weights.items() if weight}
    if len(with_callers) < 2:
        raise ValueError(
            f"{text} has callers for one version: name at least two, as in nuclei@2=90,nuclei@3=10"
        )
    total = sum(weights.values())
    if abs(total - 100) > _ROUNDING:
        raise ValueError(f"the shares in {text} add up to {total:g}: they must add up to 100")
    return with_callers


def model_of(arm: str) -> str:
    """The model's name in NAME@VERSION."""
    return arm.partition("@")[0]
