"""Sending: hands large answers to the server as files, so that slow clients do not occupy threads.

With `offload-threads`, uWSGI sends files outside the threads that answer; other servers may do otherwise.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import IO, TYPE_CHECKING

from flask import Flask

from app.access.proxies import network_of
from app.serving.memory import resident_mebibytes

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

logger = logging.getLogger(__name__)

# Socket buffers always hold this much, so that the thread is free at once even if the client does not read.
_SMALL_BYTES = 64 * 1024
# Per process: enough for any single answer, or for dozens of usual ones.
MOST_BYTES = 128 * 2**20
_LOOK_SECONDS = 0.2

LONGEST_SECONDS = 20.0
"""How long a process that is shutting down waits for its clients to read."""


@dataclass(eq=False)
class _Answer:
    """A large answer that is being sent.

    Attributes:
        file: its file, opened a second time to detect when the server has closed the first.
        bytes: its size in memory.
        caller: the network of the client.
        since: when it was handed over (of time.monotonic).
    """

    file: IO[bytes]
    bytes: int
    caller: str
    since: float

    def is_sent(self) -> bool:
        """Whether the server has closed its file."""
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def cut(self) -> None:
        """Free its memory. The server then finds the file's end and closes the connection."""
        logger.warning(
            "an answer was cut off, because its client had not read it within %.0f s and its memory was"
            " needed for other answers",
            time.monotonic() - self.since,
        )
        self.file.truncate(0)
        self.bytes = 0


class Sending:
    """The large answers that are being sent to their clients, in a limited amount of memory.

    If there is no room for another, the oldest answer of the caller with the most byte-seconds is cut off.
    """

    def __init__(self, worker_memory: int | None = None, most_bytes: int = MOST_BYTES) -> None:
        """`worker_memory`: the resident MiB at which the server replaces the process; None: never."""
        self._worker_memory = worker_memory
        self._most_bytes = most_bytes
        self._answers: list[_Answer] = []  # the oldest first
        self._is_looking = False
        self._changed = threading.Condition()

    def take_over(self, app: Flask) -> None:
        """Send the large answers of `app` this way, if its server can send files."""
        if hasattr(os, "memfd_create"):
            app.wsgi_app = self._sent(app.wsgi_app)  # type: ignore[method-assign,assignment]

    def finish(self, seconds: float) -> None:
        """Wait until all answers have been sent, at most `seconds`."""
        with self._changed:
            self._changed.wait_for(lambda: not self._answers, seconds)

    def _sent(self, answer: WSGIApplication) -> WSGIApplication:
        def sent(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            body = answer(environ, start_response)
            wrap = environ.get("wsgi.file_wrapper")
            if wrap is None or hasattr(body, "fileno"):  # such as a file of app/static
                return body
            if self._worker_memory is not None and resident_mebibytes() >= self._worker_memory:
                self.finish(LONGEST_SECONDS)  # the server may end the process after this request
                return body
            try:
                parts = iter(body)
                begun = list(_at_least(_SMALL_BYTES + 1, parts))
                if sum(map(len, begun)) <= _SMALL_BYTES:
                    return begun
                file = self._file(chain(begun, parts), environ.get("REMOTE_ADDR", ""))
            finally:
                if hasattr(body, "close"):
                    body.close()
            wrapped: Iterable[bytes] = wrap(file)
            return wrapped

        return sent

    def _file(self, parts: Iterable[bytes], address: str) -> IO[bytes]:
        """A file of `parts`, which counts as being sent until the server closes it."""
        file = os.fdopen(os.memfd_create("answer"), "w+b")
        # A duplicate of the descriptor in the server shares the lock; a second opening of the file does not.
        fcntl.flock(file, fcntl.LOCK_EX)
        again = open(f"/proc/self/fd/{file.fileno()}", "r+b", buffering=0)  # noqa: SIM115  # closed once sent
        file.writelines(parts)
        file.seek(0)
        self._note(_Answer(again, os.fstat(file.fileno()).st_size, network_of(address), time.monotonic()))
        return file

    def _note(self, newest: _Answer) -> None:
        with self._changed:
            self._forget_those_sent()
            if not self._is_looking:
                self._is_looking = True
                threading.Thread(target=self._look, name="sending", daemon=True).start()
            # However large it is, the others keep half of the room.
            room = self._most_bytes - min(newest.bytes, self._most_bytes // 2)
            while sum(one.bytes for one in self._answers) > room:
                self._first_to_go(newest.since).cut()
            self._answers.append(newest)

    def _first_to_go(self, now: float) -> _Answer:
        held: dict[str, float] = defaultdict(float)
        for one in self._answers:
            held[one.caller] += one.bytes * (now - one.since)
        most = max((one.caller for one in self._answers if one.bytes), key=held.__getitem__)
        return next(one for one in self._answers if one.bytes and one.caller == most)

    def _look(self) -> None:
        """Free the memory of answers as they are sent, until none are left."""
        while True:
            time.sleep(_LOOK_SECONDS)
            with self._changed:
                self._forget_those_sent()
                if not self._answers:
                    self._is_looking = False
                    return

    def _forget_those_sent(self) -> None:
        sent = [one for one in self._answers if one.is_sent()]
        for one in sent:
            one.file.close()
            self._answers.remove(one)
        if sent:
            self._changed.notify_all()


def _at_least(size: int, parts: Iterable[bytes]) -> Iterator[bytes]:
    """The first of `parts`, until they have `size` bytes together."""
    for part in parts:
        yield part
        size -= len(part)
        if size <= 0:
            return
