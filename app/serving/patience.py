"""Patience: how long a request waits for something, and whether it still makes sense to wait."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from app.errors import Busy, ClientLeft

_LOOK_SECONDS = 0.5


def _never() -> bool:
    return False


def _nothing_to_check() -> None:
    """A request that cannot lose its place."""


@dataclass(frozen=True)
class Patience:
    """What ends a request's wait.

    Attributes:
        until: when its time is over (of time.monotonic).
        has_left: whether its client has.
        check_place: raises what is to be answered if it has lost its place.
    """

    until: float = math.inf
    has_left: Callable[[], bool] = _never
    check_place: Callable[[], None] = _nothing_to_check

    def check(self) -> None:
        """Raise Busy when the time is over or the place lost, and ClientLeft when nobody waits."""
        if time.monotonic() > self.until:
            raise Busy(
                "The time of the request is over. Send smaller or fewer pictures, or try again later.",
                math.inf,
            )
        self.check_place()
        if self.has_left():
            raise ClientLeft("its picture was worked on")

    def wait(self, happens: Callable[[float], bool], at_most: float) -> bool:
        """Whether something happens within `at_most` seconds and while there is patience.

        Args:
            happens: waits as many seconds as it is given, and says whether it has happened.
            at_most: seconds, for this wait.

        Raises:
            Busy: the request has lost its place.
            ClientLeft: nobody waits for the answer any more.
        """
        end = min(self.until, time.monotonic() + at_most)
        look = 0.0  # the first look is at once: a connection that is never seen cannot be missed
        while (left := end - time.monotonic()) > 0:
            if happens(min(look, left)):
                return True
            self.check_place()
            if self.has_left():
                raise ClientLeft("the request waited")
            look = _LOOK_SECONDS
        return False
