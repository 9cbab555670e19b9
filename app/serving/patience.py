"""Patience: the conditions that end a request's wait (its deadline, its client, its place)."""

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
    """The default `check_place`, for a request that cannot lose its place."""


@dataclass(frozen=True)
class Patience:
    """The conditions that end a request's wait.

    Attributes:
        until: the request's deadline (of time.monotonic).
        has_left: returns whether its client has left.
        check_place: raises the error to answer with if the request has lost its place.
    """

    until: float = math.inf
    has_left: Callable[[], bool] = _never
    check_place: Callable[[], None] = _nothing_to_check

    def check(self) -> None:
        """Raise Busy if the deadline has passed or the place is lost, ClientLeft if the client has left."""
        if time.monotonic() > self.until:
            raise Busy(
                "The time for this request ran out. Send smaller or fewer pictures, or try again later.",
                math.inf,
            )
        self.check_place()
        if self.has_left():
            raise ClientLeft("its picture was being processed")

    def wait(self, happens: Callable[[float], bool], at_most: float) -> bool:
        """Whether an event happens within `at_most` seconds and before the deadline.

        Args:
            happens: waits up to the given number of seconds; returns whether the event has happened.
            at_most: seconds, for this wait.

        Raises:
            Busy: the request has lost its place.
            ClientLeft: the client has left.
        """
        end = min(self.until, time.monotonic() + at_most)
        look = 0.0  # look at once: the loss of a connection that was never seen cannot be noticed
        while (left := end - time.monotonic()) > 0:
            if happens(min(look, left)):
                return True
            self.check_place()
            if self.has_left():
                raise ClientLeft("the request waited")
            look = _LOOK_SECONDS
        return False
