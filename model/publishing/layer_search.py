"""Layer search: which layers of a stage must stay exact so that the rest can be int8, found in a given time.

First each layer is made exact alone, and a few pictures show how much nearer that brings the stage to the
exact one. Then the best layers are made exact together, one, two, four and so on, until the model loses no
more than it may on all pictures. Last, bisection finds the fewest between that number and the one before it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tqdm import tqdm

SHARE_FOR_RANKING = 0.5
"""Of the time, after which layers not yet looked at are put behind the others."""
LEAST_FACTOR = 2.0
BAR = "{desc} |{bar:20}| {remaining} left{postfix}"


@dataclass(frozen=True)
class Candidate:
    """Layers that stay exact, and what the model loses with them, of 1."""

    exact: tuple[int, ...]
    lost: float


class LayerSearch:
    """The search in one stage.

    Attributes:
        best: the fewest exact layers found so far with which the model loses no more than it may.
        complete: whether it looked at all that it would, and the time was not up before.
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
        """What is searched.

        Args:
            stage: its name, to be shown.
            layers: how many it has.
            distance: of the stage with some layers exact from the exact one, on a few pictures.
            lost: what the model loses with some layers exact, on all pictures.
            plain_lost: the same without any exact layer, which is more than `largest_loss`.
            largest_loss: that it may lose.
            seconds: for the whole search.
            seconds_of_loss: that a call of `lost` takes.
        """
        self.best: Candidate | None = None
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

    def run(self) -> Candidate | None:
        """Search until the fewest layers are found or the time is up; `best`."""
        # Seconds make one bar of steps that take unequally long.
        with tqdm(total=1, desc=f"int8 of {self._stage}", bar_format=BAR) as self._bar:
            self._search(self._rank())
            self._show(f"int8 of {self._stage}: done", 0)
        return self.best

    def _rank(self) -> list[int]:
        """The layers, first those that bring the stage nearest to the exact one."""
        until = self._start + SHARE_FOR_RANKING * (self._end - self._start)
        distances: dict[int, float] = {}
        seconds = 0.0
        for layer in range(self._layers):
            each = seconds if layer else self._seconds_of_loss  # a guess
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
        """What to multiply the number of exact layers by, to come to all of them in half of the time."""
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
        self.best = Candidate(tuple(exact), lost)
        return True

    def _is_late(self) -> bool:
        """Whether another measurement would end too late."""
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
    """For sorting: what was not measured, or came to no number, is last."""
    return math.inf if distance is None or math.isnan(distance) else distance
