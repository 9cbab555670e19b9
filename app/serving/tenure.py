"""Tenure: for how long callers have held places recently."""

from __future__ import annotations

import time

_PERIOD_SECONDS = 60.0


class Tenure:
    """The seconds that callers held places in this period and the previous one; older ones are forgotten."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._before: dict[str, float] = {}
        self._now: dict[str, float] = {}

    def add(self, caller: str, seconds: float) -> None:
        """Record that `caller` held a place for `seconds`."""
        self._forget()
        self._now[caller] = self._now.get(caller, 0.0) + seconds

    def seconds(self, caller: str) -> float:
        """The seconds that `caller` held places recently, all places together."""
        self._forget()
        return self._before.get(caller, 0.0) + self._now.get(caller, 0.0)

    def _forget(self) -> None:
        now = time.monotonic()
        if (passed := now - self._begun) < _PERIOD_SECONDS:
            return
        self._before = self._now if passed < 2 * _PERIOD_SECONDS else {}
        self._now = {}
        self._begun = now
