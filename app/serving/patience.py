"""Patience: how long a request waits for something, and whether its client still waits for the request."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from app.errors import Busy, ClientLeft

_LOOK_SECONDS = 0.5


def _never() -> bool:
    return False


@dataclass(frozen=True)
class Patience:
    """Until when a request may wait (of time.monotonic), and how to see whether its client has left."""

    until: float = math.inf
    has_left: Callable[[], bool] = _never

    def check(self) -> None:
        """Raise Busy when the time is over, and ClientLeft when nobody waits."""
        if time.monotonic() > self.until:
            raise Busy("The picture takes longer than a request may. Send it smaller, or in parts.")
        if self.has_left():
            raise ClientLeft("The client closed the connection while its picture was worked on.")

    def wait(self, happens: Callable[[float], bool], at_most: float) -> bool:
        """Whether something happens within `at_most` seconds and while there is patience.

        Args:
            happens: waits as many seconds as it is given, and says whether it has happened.
            at_most: seconds, for this wait.

        Raises:
            ClientLeft: nobody waits for the answer any more.
        """
        end = min(self.until, time.monotonic() + at_most)
        look = 0.0  # the first look is at once: a connection that is never seen cannot be missed
        while (left := end - time.monotonic()) > 0:
            if happens(min(look, left)):
                return True
            if self.has_left():
                raise ClientLeft("The client closed the connection while the request waited.")
            look = _LOOK_SECONDS
        return False
