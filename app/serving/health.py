"""Health: whether requests still go well. Where all of late have failed, the models test themselves again."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from http import HTTPStatus

from flask import Flask, Response, current_app

from app.errors import Busy, NotReady
from app.monitoring.current_request import Record, current_record
from app.serving.loading import Models
from app.serving.turns import Turns

logger = logging.getLogger(__name__)

FAILURES = 5
"""So many requests in a row have to fail in the service before it doubts itself."""
SECONDS_BETWEEN_TESTS = 4.0  # less than between the probes of most platforms
SECONDS_TO_RECOVER = 180.0
"""After so long without a self-test that passes, only a new process can help."""

_DOUBTED = (
    f"The last {FAILURES} requests or more have failed in the service. It tests itself, and is ready again"
    " when that goes well."
)
_HOPELESS = "The service fails its self-tests, and has done so for minutes: it has to be started anew."

_EXTENSION = "maskserve_health"


class Health:
    """What has become of the requests of late, and of the self-tests that their failures have led to.

    A service that is not ready gets no requests that could show it well again. So it tests itself whenever
    somebody asks for its state, in the background and in turn with requests, until that goes well.

    Attributes:
        is_ending: the process has been asked to end, and should get no more to do.
    """

    tell: Callable[[str], object] = staticmethod(lambda outcome: None)
    """Told how each self-test ended: "passed" or "failed"."""

    def __init__(self, models: Models, turns: Turns, clock: Callable[[], float] = time.monotonic) -> None:
        """`turns`: those of the network, of which a self-test takes one; `clock` gives seconds."""
        self.is_ending = False
        self._models = models
        self._turns = turns
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0  # in a row
        self._is_doubted = False
        self._testing_since: float | None = None
        self._tested_at = -SECONDS_BETWEEN_TESTS
        # When the first of the self-tests began that failed, one after another.
        self._hopeless_since: float | None = None

    def note(self, record: Record, status: int) -> None:
        """A request was answered with `status`. Refusals, and requests without images, say nothing here."""
        found = any(picture.size is not None for picture in record.pictures)
        failed = record.failure is not None and (status >= HTTPStatus.INTERNAL_SERVER_ERROR or not found)
        with self._lock:
            if found and not failed:
                self._failures = 0
                self._is_well()
            elif failed and record.pictures:
                self._failures += 1
                if self._failures >= FAILURES and not self._is_doubted:
                    self._is_doubted = True
                    logger.error("not ready: %d requests in a row have failed in the service", self._failures)

    def check_ready(self) -> None:
        """Raise NotReady if asked to end, while models are loaded, or where all requests of late have failed.

        In the last case a self-test says whether that is over.
        """
        if self.is_ending:
            raise NotReady("The service is ending.")
        self._models.all()
        if self._is_doubted:
            self._begin_test()
            raise NotReady(_DOUBTED)

    def check_alive(self) -> None:
        """Raise NotReady where self-tests have failed for so long that only a new process can help."""
        if not self._is_doubted:
            return
        self._begin_test()
        with self._lock:
            began = [moment for moment in (self._hopeless_since, self._testing_since) if moment is not None]
            if began and self._clock() - min(began) >= SECONDS_TO_RECOVER:
                raise NotReady(_HOPELESS)

    def _begin_test(self) -> None:
        with self._lock:
            now = self._clock()
            if self._testing_since is not None or now - self._tested_at < SECONDS_BETWEEN_TESTS:
                return
            self._testing_since = now
        threading.Thread(target=self._test, name="self-test", daemon=True).start()

    def _test(self) -> None:
        """Have every model find what it must."""
        began = self._clock()
        failure: Exception | None = None
        try:
            with self._turns.turn("the self-test"):
                for segmenter in self._models.all().values():
                    segmenter.self_test()
        except Busy:
            outcome = None  # others had all the turns
        except Exception as error:
            outcome, failure = "failed", error
        else:
            outcome = "passed"
        with self._lock:
            self._testing_since = None
            self._tested_at = self._clock()
            if outcome == "passed":
                self._is_well()
            elif outcome == "failed" and self._hopeless_since is None:
                self._hopeless_since = began
                logger.error("the self-test fails: %s", failure, exc_info=failure)
        if outcome is not None:
            self.tell(outcome)

    def _is_well(self) -> None:
        if self._is_doubted:
            logger.warning("ready again")
        self._is_doubted = False
        self._hopeless_since = None


def register(app: Flask, models: Models, turns: Turns) -> Health:
    """Watch how the requests of `app` end. Arguments as those of `Health`."""
    health = Health(models, turns)
    app.extensions[_EXTENSION] = health

    @app.after_request
    def note(response: Response) -> Response:
        health.note(current_record(), response.status_code)
        return response

    return health


def health_of(app: Flask) -> Health:
    """That of `app`."""
    health: Health = app.extensions[_EXTENSION]
    return health


def current_health() -> Health:
    """That of the running app."""
    return health_of(current_app)
