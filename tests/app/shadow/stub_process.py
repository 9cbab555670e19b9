"""A stand-in for the process of a shadow, which does what a test wants."""

from __future__ import annotations

import threading

from model.shadowing.agreement import Agreement
from model.shadowing.picture import AnsweredPicture
from model.shadowing.process import Comparison


class StubProcess:
    """Agrees with every answer, or fails.

    Attributes:
        may_finish: a comparison waits until this is set (it is, unless a test clears it).
        failures: what the next comparisons raise, the first first.
        pictures: those that it got.
        is_paused: whether it is paused now.
        pauses: how often it was paused.
    """

    def __init__(self) -> None:
        self.may_finish = threading.Event()
        self.may_finish.set()
        self.begun = threading.Semaphore(0)
        self.failures: list[Exception] = []
        self.pictures: list[AnsweredPicture] = []
        self.is_paused = False
        self.pauses = 0
        self.is_ended = False

    def load(self, pauses: float) -> None:
        """It is loaded at once."""

    def compare(self, picture: AnsweredPicture) -> Comparison:
        self.pictures.append(picture)
        self.begun.release()
        assert self.may_finish.wait(20)
        if self.failures:
            raise self.failures.pop(0)
        count = len(picture.result.segments)
        return Comparison(Agreement(count, count, 1.0, None, 0.0), None if self.is_paused else 12.0)

    def pause(self) -> None:
        self.is_paused = True
        self.pauses += 1

    def resume(self) -> None:
        self.is_paused = False

    def kill(self) -> None:
        self.may_finish.set()

    def end(self) -> None:
        self.is_ended = True
