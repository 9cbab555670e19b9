"""Rendering: the memory for objects that callers send to be written anew, without a model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from app.serving.patience import Patience
from app.serving.turns import Turns
from model.pictures import Limits
from model.stopwatch import Stopwatch

WAITING = 7
"""How many such requests may be in progress besides one; uwsgi.ini has threads for them. They have places of
their own, so that they neither wait for inferences nor keep pictures from them."""

MOST_PARTS = 2_000_000
"""The most brackets and texts in the JSON of objects: ten thousand objects have a twentieth of it."""

_BYTES_PER_CHARACTER = 16  # of JSON: "1000," becomes a number of 32 bytes and a reference, and then a float
_BYTES_PER_PIXEL = 12  # of the largest allowed picture: masks (`MOST_OVERLAP` bits), a map, and its file
_AT_ONCE = 2


class Rendering:
    """Turns to read and write objects, which weigh the memory that this takes.

    Before they are read, that may be as much as limits allow, so that only a few are read at once. How many
    are then written at once depends on how large they are.
    """

    def __init__(self, limits: Limits, max_bytes: int) -> None:
        """`max_bytes`: the largest JSON."""
        self._most_of_picture = _BYTES_PER_PIXEL * limits.max_pixels
        self._turns = Turns(_AT_ONCE * self._most(max_bytes))

    @contextmanager
    def turn(
        self, caller: str, patience: Patience, stopwatch: Stopwatch, timeout: float, length: int
    ) -> Iterator[Callable[[int], None]]:
        """A turn for JSON of `length` bytes; yields a function that lightens it to so many bytes.

        The time spent waiting is measured as "queue".

        Raises:
            Busy: no turn came within `timeout` seconds, the request's time is over, or its place is lost.
            ClientLeft: the client left.
        """

        def waiting() -> AbstractContextManager[object]:
            return stopwatch.measure("queue")

        with (
            self._turns.join(caller) as request,
            request.turn(patience, timeout, waiting, self._most(length)),
        ):
            yield request.lighten

    def _most(self, length: int) -> int:
        return self._most_of_picture + _BYTES_PER_CHARACTER * length
