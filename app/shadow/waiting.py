"""Waiting: the pictures that wait for a shadow, few and for a short time."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from app.configuration.traffic import Version
from model.shadowing.picture import AnsweredPicture

MOST = 2
"""The most pictures that wait for a shadow or are with it, in one process.

A longer queue would only make them older: a shadow that is too slow for all pictures sees some of them.
"""
MOST_BYTES = 32 * 2**20
"""The most memory of these pictures together, in bytes."""
LONGEST_SECONDS = 30.0
"""How long a picture waits before it is dropped."""
_ABANDONED_SECONDS = 600.0  # longer than any request: one that never ends must not keep its room


@dataclass(eq=False)
class Shadowed:
    """A picture for a shadow.

    Attributes:
        request_id, index: the request, and the number of the image in it, from 0.
        answered_by: the version that answered.
        infer_ms: the milliseconds that its inference took.
        picture: the picture with its answer.
        since: when it was taken (of time.monotonic).
        is_answered: whether the answer has been made; not before then does the shadow get it.
    """

    request_id: str
    index: int
    answered_by: Version
    infer_ms: float
    picture: AnsweredPicture
    since: float = field(default_factory=time.monotonic)
    is_answered: bool = False


class Waiting:
    """A short queue."""

    def __init__(self) -> None:
        self._pictures: list[Shadowed] = []  # the oldest first; that with the shadow included
        self._bytes = 0
        self._is_closed = False
        self._changed = threading.Condition()

    def add(self, one: Shadowed) -> str | None:
        """Take a picture; returns why it is dropped instead, "busy" or "large", if it is."""
        size = one.picture.size
        if size > MOST_BYTES:
            return "large"
        with self._changed:
            self._drop_abandoned()
            if self._is_closed or len(self._pictures) >= MOST or self._bytes + size > MOST_BYTES:
                return "busy"
            self._pictures.append(one)
            self._bytes += size
        return None

    def answer(self, one: Shadowed) -> None:
        """Release a picture to the shadow: its request has been answered."""
        with self._changed:
            one.is_answered = True
            self._changed.notify_all()

    def remove(self, one: Shadowed) -> None:
        """Forget a picture."""
        with self._changed:
            if one in self._pictures:
                self._pictures.remove(one)
                self._bytes -= one.picture.size

    def _drop_abandoned(self) -> None:
        for one in [one for one in self._pictures if not one.is_answered]:
            if time.monotonic() - one.since > _ABANDONED_SECONDS:
                self._pictures.remove(one)
                self._bytes -= one.picture.size

    def next(self) -> Shadowed | None:
        """The next picture, which stays until it is removed; waits for one. None once closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or any(one.is_answered for one in self._pictures))
            if self._is_closed:
                return None
            return next(one for one in self._pictures if one.is_answered)

    def close(self) -> None:
        """Forget all pictures, and take no more."""
        with self._changed:
            self._is_closed = True
            self._pictures.clear()
            self._bytes = 0
            self._changed.notify_all()
