"""Health: whether requests succeed. If all recent ones have failed, the models' self-tests are run again."""

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
"""After so many consecutive requests with an internal error, the service is not ready."""
SECONDS_BETWEEN_TESTS = 4.0  # less than most platforms' interval between probes
SECONDS_TO_RECOVER = 180.0
"""If self-tests have been failing for this long, only a new process can help."""

_DOUBTED = (
    f"At least the last {FAILURES} requests have failed with an internal error. The service is running its"
    " self-tests and is ready again when they pass."
)
_HOPELESS = "The service's self-tests have been failing for minutes: restart it."

_EXTENSION = "maskserve_health"


class Health:
    """The outcomes of recent requests, and of the self-tests that their failures have caused.

    A service that is not ready gets no requests that could show that it has recovered. Therefore it runs its
    self-tests whenever its state is requested, in the background and in turn with requests, until they pass.

    Attributes:
        is_ending: the process has been asked to stop, and should get no more requests.
    """

    tell: Callable[[str], object] = staticmethod(lambda outcome: None)
    """Called with the outcome of each self-test, "passed" or "failed"."""

    def __init__(self, models: Models, turns: Turns, clock: Callable[[], float] = time.monotonic) -> None:
        """`turns`: the network's turns, of which each self-test takes one; `clock`: returns seconds."""
        self.is_ending = False
        self._models = models
        self._turns = turns
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0  # in a row
        self._is_doubted = False
        self._testing_since: float | None = None
        self._tested_at = -SECONDS_BETWEEN_TESTS
        # When the first self-test of the present series of failures began.
        self._hopeless_since: float | None = None

    def note(self, record: Record, status: int) -> None:
        """Record that a request was answered with `status`; ignores refusals and requests without images."""
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
                    logger.error(
                        "not ready: %d requests in a row have failed with an internal error (see the log"
                        " entries above); running self-tests until they pass",
                        self._failures,
                    )

    def check_ready(self) -> None:
        """Raise NotReady if asked to stop, while models are loading, or if all recent requests have failed.

        In the last case a self-test is started, which finds out whether the failure is over.
        """
        if self.is_ending:
            raise NotReady("The service is shutting down.")
        self._models.all()
        if self._is_doubted:
            self._begin_test()
            raise NotReady(_DOUBTED)

    def check_alive(self) -> None:
        """Raise NotReady if self-tests have been failing for so long that only a new process can help."""
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
        """Run the self-test of every version of every model."""
        began = self._clock()
        failure: Exception | None = None
        try:
            with self._turns.turn("the self-test"):
                for version in self._models.all():
                    with version.leased() as is_loaded:
                        if is_loaded:
                            version.segmenter.self_test()
        except Busy:
            outcome = None  # requests took all the turns
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
                logger.error(
                    "the self-test failed and is repeated; if it keeps failing for minutes, /livez fails: %s",
                    failure,
                    exc_info=failure,
                )
        if outcome is not None:
            self.tell(outcome)

    def _is_well(self) -> None:
        if self._is_doubted:
            logger.warning("ready again: a self-test passed or an image was answered")
        self._is_doubted = False
        self._hopeless_since = None


def register(app: Flask, models: Models, turns: Turns) -> Health:
    """Watch the outcomes of requests to `app`. Arguments are as for `Health`."""
    health = Health(models, turns)
    app.extensions[_EXTENSION] = health

    @app.after_request
    def note(response: Response) -> Response:
        health.note(current_record(), response.status_code)
        return response

    return health


def health_of(app: Flask) -> Health:
    """The health of `app`."""
    health: Health = app.extensions[_EXTENSION]
    return health


def current_health() -> Health:
    """The health of the running app."""
    return health_of(current_app)
