"""Observer: is told what happens in a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Observer(Protocol):
    """Is told what happens in a run; an exception that it raises ends the run, which can be continued."""

    def step(self, step: int, values: Mapping[str, float]) -> None:
        """A step was done, with these losses; it is not in a checkpoint yet, so it may be done again."""

    def report(self, step: int, figures: Mapping[str, float]) -> None:
        """A report was written to the run folder; its figures begin with "val_"."""
