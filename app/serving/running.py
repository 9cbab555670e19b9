"""Running: the requests in progress. A request that hangs ends the process; nothing else can stop it."""

from __future__ import annotations

import faulthandler
import sys
import threading
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class Running:
    """The requests that a process is working on, with their start times.

    Attributes:
        count: the number of requests that have begun so far.

    uWSGI's own `harakiri` has one timer for all threads of a process, and every request that ends resets it,
    so that a probe now and then keeps it from ever firing.
    """

    def __init__(self, timeout: float) -> None:
        """A request that takes longer than `timeout` seconds ends the process."""
        self.count = 0
        self._timeout = timeout
        self._begun: dict[object, float] = {}  # in order: the first is the oldest
        self._watched: object | None = None
        self._changed = threading.Condition()

    def watch(self, app: Flask) -> None:
        """Count the requests of `app`."""
        app.wsgi_app = self._counted(app.wsgi_app)  # type: ignore[method-assign,assignment]

    def wait_for_those_before(self, moment: float) -> None:
        """Wait until all requests that began before `moment` (of time.monotonic) have ended."""
        with self._changed:
            self._changed.wait_for(lambda: all(begun > moment for begun in self._begun.values()))

    def _counted(self, answer: WSGIApplication) -> WSGIApplication:
        def counted(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            request = object()
            with self._changed:
                self.count += 1
                self._begun[request] = time.monotonic()
                self._watch_oldest()
            try:
                return answer(environ, start_response)
            finally:
                with self._changed:
                    del self._begun[request]
                    self._watch_oldest()
                    self._changed.notify_all()

        return counted

    def _watch_oldest(self) -> None:
        oldest = next(iter(self._begun), None)
        if oldest is self._watched:
            return
        self._watched = oldest
        faulthandler.cancel_dump_traceback_later()
        if oldest is not None:
            left = max(0.001, self._begun[oldest] + self._timeout - time.monotonic())
            # Not a Python thread, which a hanging request might block. It logs the stacks of all threads.
            faulthandler.dump_traceback_later(left, exit=True, file=sys.__stderr__ or 2)
