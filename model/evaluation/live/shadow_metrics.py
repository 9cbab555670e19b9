"""What the metrics of shadows tell of the pictures between two moments, with the picture as the unit.

Metrics have no callers, so this is enough only if most pictures come from different ones. For a split, whose
unit is the caller, it never is.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import NormalDist

from model.evaluation.comparing import CONFIDENCE, mcnemar

_PREFIX = "maskserve_shadow_"
_COUNTS = "count_difference"
_FACTOR = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)

Pair = tuple[str, str]
"""The version that answered and the shadow, as name@version."""


@dataclass(frozen=True)
class Mean:
    """The mean of a share over pictures.

    Attributes:
        pictures: their number.
        mean: the mean, which is exact.
        low, high: its 95 % interval, never too narrow: values are taken to lie at the far ends of their
            buckets.
    """

    pictures: int
    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Counted:
    """What one shadow found beside one version.

    Attributes:
        more, same, fewer: the pictures in which the shadow found more segments, as many, and fewer.
        alike: figure of AGREEMENT → its mean.
    """

    more: int
    same: int
    fewer: int
    alike: Mapping[str, Mean]

    @property
    def pictures(self) -> int:
        """The number of all pictures."""
        return self.more + self.same + self.fewer

    @property
    def p_value(self) -> float:
        """Of the sign test, two-sided, for whether the shadow finds more as often as fewer."""
        return mcnemar(self.fewer, self.more)


def counted_between(before: Path, after: Path) -> Mapping[Pair, Counted]:
    """What the metrics at two moments tell of all shadows that compared pictures in between.

    Raises:
        ValueError: a file is not of the metrics of a service, or the service was restarted in between.
        OSError: a file cannot be read.
    """
    first, last = _Samples(before), _Samples(after)
    found: dict[Pair, Counted] = {}
    for pair in last.buckets[_COUNTS]:
        counts = _added(first, last, _COUNTS, pair)
        if min(counts.values()) < 0:
            raise ValueError(
                f"{after} counts fewer pictures than {before}: name the earlier moment first; if that is "
                "right, "
                "the service was restarted in between, and its counts began anew"
            )
        if everything := int(counts[math.inf]):
            up_to_same, fewer = int(counts[0.0]), int(counts[-1.0])  # differences are whole numbers
            alike = {
                name: _mean(
                    _added(first, last, name, pair), last.sums[name, pair] - first.sums.get((name, pair), 0.0)
                )
                for name in ("matched", "dice")
                if pair in last.buckets[name]
            }
            known = {name: mean for name, mean in alike.items() if mean is not None}
            found[pair] = Counted(everything - up_to_same, up_to_same - fewer, fewer, known)
    return found


class _Samples:
    """The metrics of shadows in a file.

    Attributes:
        buckets: histogram → pair → upper end of a bucket → pictures up to it, ascending.
        sums: (histogram, pair) → the sum of its values.
    """

    def __init__(self, path: Path) -> None:
        from prometheus_client.parser import text_string_to_metric_families

        try:
            families = list(text_string_to_metric_families(path.read_text(encoding="utf-8")))
        except ValueError as error:
            raise ValueError(f"{path} is not the text of GET /metrics: {error}") from None
        if not any(family.name.startswith("maskserve_") for family in families):
            raise ValueError(f"{path} has no metrics of MaskServe: save what GET /metrics answers")
        self.buckets: dict[str, dict[Pair, dict[float, float]]] = defaultdict(lambda: defaultdict(dict))
        self.sums: dict[tuple[str, Pair], float] = {}
        for sample in (sample for family in families for sample in family.samples):
            name, labels = sample.name.removeprefix(_PREFIX), sample.labels
            if name == sample.name or not {"model", "version", "shadow_version"} <= labels.keys():
                continue
            model = labels["model"]
            pair = f"{model}@{labels['version']}", f"{model}@{labels['shadow_version']}"
            if name.endswith("_bucket"):
                self.buckets[name.removesuffix("_bucket")][pair][float(labels["le"])] = sample.value
            elif name.endswith("_sum"):
                self.sums[name.removesuffix("_sum"), pair] = sample.value


def _added(first: _Samples, last: _Samples, name: str, pair: Pair) -> dict[float, float]:
    """Upper end of a bucket → pictures up to it that were added, ascending."""
    earlier = first.buckets[name].get(pair, {})
    return {end: count - earlier.get(end, 0.0) for end, count in sorted(last.buckets[name][pair].items())}


def _mean(counts: Mapping[float, float], total: float) -> Mean | None:
    """The mean of shares, 0 to 1, None if there are none."""
    pictures = int(counts[math.inf])
    if not pictures:
        return None
    mean, squares, below = total / pictures, 0.0, 0.0
    for low, high in pairwise([0.0, *counts]):
        squares += (counts[high] - below) * max(mean - low, min(high, 1.0) - mean) ** 2
        below = counts[high]
    margin = _FACTOR * math.sqrt(squares) / pictures
    return Mean(pictures, mean, max(0.0, mean - margin), min(1.0, mean + margin))
