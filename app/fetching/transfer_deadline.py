"""Transfer deadline: a time by which something from elsewhere is here, or its caller is told it is not."""

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
    """So many seconds from now, held against servers that send a byte now and then, too.

    A socket's own timeout begins anew with each byte. When the time is over, the socket that is watched is
    therefore shut, which ends whatever waits on it. A context manager, at whose end nothing is watched.
    It also tells how the transfer is coming along, and can be cut short from another thread.
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
        """Seconds left, more than 0. Raises FetchTimedOut when there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise self._over()
        return left

    def watch(self, connection: socket.socket) -> None:
        """Shut `connection`, in place of the one before, when the time is over. Raises FetchTimedOut."""
        connection.settimeout(self.remaining())
        if self._alarm is None:
            self._alarm = threading.Timer(self.remaining(), self._shut)
            self._alarm.daemon = True
            self._alarm.start()
        # By a descriptor of its own: that of `connection` may be another's by the time that it is shut.
        self._watch_instead(connection.dup())
        self.remaining()  # or the alarm has fallen in between

    def call(self, function: Callable[..., _Result], *arguments: object) -> _Result:
        """What `function` returns or raises, or FetchTimedOut; then it is left to itself.

        For what cannot be interrupted, such as the system's resolver. It must end some day on its own.
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
            if future.done():  # it is the function's own
                raise
            raise self._over() from None
        finally:
            with self._lock:
                self._calls.discard(future)

    def count(self, number: int) -> None:
        """Take down that so many bytes have come."""
        self._received += number
        self._last_received = time.monotonic()

    def progress(self) -> Progress:
        """How it comes, since the beginning."""
        now = time.monotonic()
        return Progress(self._received, now - self._begun, now - self._last_received)

    def cut(self) -> None:
        """Let the time be over now."""
        self._end = time.monotonic()
        with self._lock:
            for call in self._calls:
                call.cancel()
        self._shut()

    def too_slow(self) -> FetchTimedOut:
        """What is to be answered when it was cut for being slow."""
        return FetchTimedOut("The image did not arrive while another request needed its place.")

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
