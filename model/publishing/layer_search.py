"""Layer search: finds, within a time limit, the layers of a stage that must stay exact when the rest is int8.

First, each layer is made exact alone, and its distance to the exact stage is measured on a few pictures. Then
the best layers are made exact together, first one, then two, four and so on, until the loss of the model on
all pictures is within the limit. Finally, bisection finds the smallest number between the last two.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tqdm import tqdm

SHARE_FOR_RANKING = 0.5
"""The share of the time for ranking; layers that are not measured by then are ranked last."""
LEAST_FACTOR = 2.0
BAR = "{desc} |{bar:20}| {remaining} left{postfix}"


@dataclass(frozen=True)
class ExactLayers:
    """Layers that stay exact, and the loss of the model with them, on a scale of 0 to 1."""

    exact: tuple[int, ...]
    lost: float


class LayerSearch:
    """The search for the exact layers of one stage.

    Attributes:
        best: the fewest exact layers found so far with which the loss is within the limit.
        complete: whether the search finished before the time was up.
    """

    def __init__(
        self,
        stage: str,
        layers: int,
        *,
        distance: Callable[[Sequence[int]], float],
        lost: Callable[[Sequence[int]], float],
        plain_lost: float,
        largest_loss: float,
        seconds: float,
        seconds_of_loss: float,
    ) -> None:
        """Prepare the search.

        Args:
            stage: the name of the stage, for the progress bar.
            layers: the number of its layers.
            distance: returns the distance between the stage with these layers exact and the exact stage, on
                a few pictures.
            lost: returns the loss of the model with these layers exact, on all pictures.
            plain_lost: the loss without any exact layer, greater than `largest_loss`.
            largest_loss: the largest loss allowed.
            seconds: the time limit of the whole search.
            seconds_of_loss: the duration of a call of `lost`.
        """
        self.best: ExactLayers | None = None
        self.complete = True
        self._layers = layers
        self._distance = distance
        self._lost = lost
        self._least_lost = plain_lost
        self._largest_loss = largest_loss
        self._seconds_of_loss = seconds_of_loss
        self._start = time.monotonic()
        self._end = self._start + seconds
        self._stage = stage
        self._bar: tqdm

    def run(self) -> ExactLayers | None:
        """Search until the fewest layers are found or the time is up, and return `best`."""
        # The bar counts seconds, because its steps differ in duration.
        with tqdm(total=1, desc=f"int8 of {self._stage}", bar_format=BAR) as self._bar:
            self._search(self._rank())
            self._show(f"int8 of {self._stage}: done", 0)
        return self.best

    def _rank(self) -> list[int]:
        """Return the layers, starting with the one that brings the stage closest to the exact stage."""
        until = self._start + SHARE_FOR_RANKING * (self._end - self._start)
        distances: dict[int, float] = {}
        seconds = 0.0
        for layer in range(self._layers):
            each = seconds if layer else self._seconds_of_loss  # an estimate for the first layer
            left = (self._layers - layer) * each + self._seconds_to_search(1, self._layers)
            self._show(f"int8 of {self._stage}: layer {layer + 1} of {self._layers}", left)
            began = time.monotonic()
            if began + seconds > until:
                self.complete = False
                break
            distances[layer] = self._distance([layer])
            seconds = (seconds * layer + time.monotonic() - began) / (layer + 1)
        return sorted(range(self._layers), key=lambda layer: _or_last(distances.get(layer)))

    def _search(self, order: Sequence[int]) -> None:
        too_few, count = 0, 1
        factor = self._factor()
        while not self._passes(order[:count], between=(count, self._layers)):
            if self._is_late() or count == self._layers:
                return
            too_few, count = count, min(self._layers, max(count + 1, math.ceil(count * factor)))
        while count - too_few > 1 and not self._is_late():
            middle = (too_few + count) // 2
            if self._passes(order[:middle], between=(too_few, count)):
                count = middle
            else:
                too_few = middle

    def _factor(self) -> float:
        """Return the growth factor that reaches all layers in half of the remaining time."""
        steps = (self._end - time.monotonic()) / max(self._seconds_of_loss, 1e-9) / 2
        return max(LEAST_FACTOR, self._layers ** (1 / max(1.0, steps)))

    def _passes(self, exact: Sequence[int], between: tuple[int, int]) -> bool:
        if self._is_late():
            return False
        counted = f"int8 of {self._stage}: {len(exact)} of {self._layers} layers exact"
        self._show(counted, self._seconds_to_search(*between))
        began = time.monotonic()
        lost = self._lost(exact)
        self._seconds_of_loss = max(self._seconds_of_loss, time.monotonic() - began)
        self._least_lost = min(self._least_lost, lost)
        if lost > self._largest_loss:
            return False
        self.best = ExactLayers(tuple(exact), lost)
        return True

    def _is_late(self) -> bool:
        """Whether another measurement would exceed the time limit."""
        late = time.monotonic() + self._seconds_of_loss > self._end
        self.complete &= not late
        return late

    def _seconds_to_search(self, low: int, high: int) -> float:
        return (1 + math.log2(max(1, high - low))) * self._seconds_of_loss

    def _show(self, what: str, seconds_left: float) -> None:
        now = time.monotonic()
        self._bar.n = now - self._start
        self._bar.total = self._bar.n + max(0.0, min(seconds_left, self._end - now))
        self._bar.set_description_str(what, refresh=False)
        best = self._least_lost if self.best is None else self.best.lost
        self._bar.set_postfix_str(f"loses {100 * best:.2f} points, {100 * self._largest_loss:.2f} allowed")


def _or_last(distance: float | None) -> float:
    """Return a sort key that puts layers that were not measured, or whose distance is NaN, last."""
    return math.inf if distance is None or math.isnan(distance) else distance
