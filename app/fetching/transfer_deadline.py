"""Transfer deadline: the time by which a fetch from another server must end, or else fails."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, InvalidStateError
from contextlib import suppress
from contextvars import copy_context
from types import TracebackType
from typing import Any, Self, TypeVar

from app.errors import FetchTimedOut
from app.fetching.progress import Progress

_Result = TypeVar("_Result")


class TransferDeadline:
    """A deadline that also holds against servers that send a byte now and then.

    A socket's own timeout starts again with each byte. Therefore the watched socket is shut down at the
    deadline, which ends any call that waits on it. This is a context manager; at its end the socket is no
    longer watched. It also reports the transfer's progress, and another thread can cut the transfer short.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._watched: socket.socket | None = None
        self._alarm: threading.Timer | None = None
        self._calls: set[Future[Any]] = set()
        self._received = 0
        self._begun = self._last_received = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._alarm:
            self._alarm.cancel()
        self._watch_instead(None)

    def remaining(self) -> float:
        """Seconds left, more than 0. Raises FetchTimedOut if none are left."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise self._over()
        return left

    def watch(self, connection: socket.socket) -> None:
        """Shut `connection` down at the deadline, instead of the previous one. Raises FetchTimedOut."""
        connection.settimeout(self.remaining())
        if self._alarm is None:
            self._alarm = threading.Timer(self.remaining(), self._shut)
            self._alarm.daemon = True
            self._alarm.start()
        # A duplicate, because the descriptor of `connection` may be closed and reused before the deadline.
        self._watch_instead(connection.dup())
        self.remaining()  # in case the deadline passed before the line above

    def call(self, function: Callable[..., _Result], *arguments: object) -> _Result:
        """Return or raise what `function` does; raises FetchTimedOut at the deadline, without stopping it.

        For functions that cannot be interrupted, such as the system's resolver. They must end by themselves.
        """
        future: Future[_Result] = Future()

        def run() -> None:
            try:
                result = function(*arguments)
            except BaseException as error:
                with suppress(InvalidStateError):  # cut
                    future.set_exception(error)
            else:
                with suppress(InvalidStateError):
                    future.set_result(result)

        with self._lock:
            self._calls.add(future)
        threading.Thread(target=copy_context().run, args=[run], daemon=True).start()
        try:
            return future.result(self.remaining())
        except CancelledError:
            raise self._over() from None
        except TimeoutError:
            if future.done():  # the function itself raised it
                raise
            raise self._over() from None
        finally:
            with self._lock:
                self._calls.discard(future)

    def count(self, number: int) -> None:
        """Record that so many bytes have arrived."""
        self._received += number
        self._last_received = time.monotonic()

    def progress(self) -> Progress:
        """The transfer's progress since its start."""
        now = time.monotonic()
        return Progress(self._received, now - self._begun, now - self._last_received)

    def cut(self) -> None:
        """End the transfer now, as if the deadline had passed."""
        self._end = time.monotonic()
        with self._lock:
            for call in self._calls:
                call.cancel()
        self._shut()

    def too_slow(self) -> FetchTimedOut:
        """The error to answer with if the transfer was cut for being slow."""
        return FetchTimedOut(
            "The transfer of the image was too slow, and another request needed its place. Try again later."
        )

    def _over(self) -> FetchTimedOut:
        return FetchTimedOut(f"The image did not arrive within {self._seconds:g} seconds.")

    def _watch_instead(self, connection: socket.socket | None) -> None:
        with self._lock:
            if self._watched is not None:
                self._watched.close()
            self._watched = connection

    def _shut(self) -> None:
        with self._lock, suppress(OSError):
            if self._watched is not None:
                self._watched.shutdown(socket.SHUT_RDWR)
