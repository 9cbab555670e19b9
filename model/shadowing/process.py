"""Process: starts the process of a shadow, gives it pictures, and pauses it, from the service's process."""

from __future__ import annotations

import math
import select
import signal
import threading
import time
from typing import Any, NamedTuple

from model.pictures.isolation.starting import FOR_MODELS, start
from model.pictures.isolation.wire import Ended, file_in_memory, receive, send
from model.shadowing.agreement import Agreement
from model.shadowing.picture import AnsweredPicture

_CHILD = "model.shadowing.child"

_LOOK_SECONDS = 0.25

LONGEST_LOAD = 600.0
"""Seconds for loading the model, not counting pauses; on a busy machine, a low priority makes it slow."""
LONGEST_WAIT = 60.0
"""Seconds that a shadow waits for moments without requests, before and while its model is loaded.

On a service that is never idle, it would otherwise never be loaded."""
LONGEST_PICTURE = 120.0
"""Seconds for a picture, not counting pauses: many times what the largest ones take."""


class ShadowBroken(ValueError):
    """The model cannot be loaded, or fails its self-test; the message says why."""


class ShadowFailed(Exception):
    """The shadow failed on a picture; the message says how.

    Attributes:
        kind: "crash" (its process ended), "hang" (it took too long) or "error" (NaN, for example).
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Unsuitable(ValueError):
    """The shadow has other classes, or cannot process the picture as it was prepared for another version."""


class Comparison(NamedTuple):
    """The agreement about a picture, and the milliseconds of inference; None if it was paused meanwhile."""

    agreement: Agreement
    infer_ms: float | None


class ShadowProcess:
    """A model in a process of its own, at the lowest priority, which can be paused at any moment.

    Whatever happens there, whether it crashes, hangs or runs out of memory, the service goes on. The thread
    that creates it must live as long as it does: the kernel ends the process together with that thread.
    """

    def __init__(self, model: str, engine: str | None, precision: str | None, threads: int | None) -> None:
        """Start the process; `model` is `name@version`, the other arguments are as for `segmenter.load`.

        Raises:
            OSError: it cannot be started.
        """
        self._order = {"model": model, "engine": engine, "precision": precision, "threads": threads}
        self._lock = threading.Lock()
        self._is_paused = False
        self._was_paused = False
        self._may_be_paused = True
        self._process, self._connection = start(_CHILD, FOR_MODELS, {})

    def load(self, seconds: float = LONGEST_LOAD, pauses: float = LONGEST_WAIT) -> None:
        """Load and test the model. Call it first.

        Args:
            seconds: the longest that it may take, not counting pauses.
            pauses: the longest that it may be paused in total, in seconds; from then on, it goes on, at its
                low priority, whether or not it should pause.

        Raises:
            ShadowBroken: the model cannot be used.
            ShadowFailed: the process ended or did not answer in time.
        """
        answer = self._asked(self._order, None, seconds, pauses)
        with self._lock:
            self._may_be_paused = True
        if "broken" in answer:
            raise ShadowBroken(answer["broken"])

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def compare(self, picture: AnsweredPicture, seconds: float = LONGEST_PICTURE) -> Comparison:
        """Process a picture, and compare the result with the answer.

        Args:
            picture: the picture with its answer.
            seconds: the longest that it may take, not counting pauses.

        Raises:
            ShadowFailed: it failed. After a crash or a hang the process has ended.
            Unsuitable: it cannot process this picture.
        """
        with file_in_memory(memoryview(picture.packed())) as file:
            answer = self._asked({}, file, seconds)
        if "failed" in answer:
            raise ShadowFailed("error", answer["failed"])
        if "unsuitable" in answer:
            raise Unsuitable(answer["unsuitable"])
        infer_ms = answer.pop("infer_ms")
        return Comparison(Agreement(**answer), None if self._was_paused else infer_ms)

    def pause(self) -> None:
        """Stop it where it is, at once; it keeps its memory."""
        with self._lock:
            if not self._may_be_paused:
                return
            self._is_paused = self._was_paused = True
            self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it continue."""
        with self._lock:
            self._continue()

    def _continue(self) -> None:
        """Let it continue. Call it while holding the lock."""
        if self._is_paused:
            self._is_paused = False
            self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """Kill the process; may be called by any thread. A running `compare` then raises ShadowFailed."""
        self._process.kill()

    def end(self) -> None:
        """End the process, and wait for its end."""
        self._connection.close()
        self._process.kill()
        self._process.wait()

    def _asked(
        self, order: dict[str, Any], file: int | None, seconds: float, pauses: float = math.inf
    ) -> dict[str, Any]:
        self._was_paused = self._is_paused
        try:
            send(self._connection, order, file)
            self._await_answer(seconds, pauses)
            return receive(self._connection).values
        except Ended:
            self.end()
            raise ShadowFailed("crash", f"its process ended with status {self._process.returncode}") from None
        except TimeoutError:
            self.end()
            raise ShadowFailed("hang", f"it did not answer within {seconds:g} seconds") from None

    def _await_answer(self, seconds: float, pauses: float) -> None:
        ready = select.poll()
        ready.register(self._connection, select.POLLIN)
        left = seconds
        looked = time.monotonic()
        while not ready.poll(_LOOK_SECONDS * 1000):
            now = time.monotonic()
            if self._is_paused:
                pauses -= now - looked
            else:
                left -= now - looked
            looked = now
            if pauses <= 0:
                with self._lock:
                    self._may_be_paused = False
                    self._continue()
            if left <= 0:
                raise TimeoutError
