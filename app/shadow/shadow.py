"""Shadow: one version in the shadow of its model, with the thread that gives it pictures."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Literal

from app.configuration.traffic import Version
from app.shadow.quiet import Disturbed, Quiet
from app.shadow.reports import Reports
from app.shadow.waiting import LONGEST_SECONDS, Shadowed, Waiting
from model.shadowing.process import LONGEST_WAIT, ShadowBroken, ShadowFailed, ShadowProcess, Unsuitable

logger = logging.getLogger(__name__)

FAILURES = 3
"""After so many consecutive failures, a shadow is switched off."""

_LOOK_SECONDS = 1.0

State = Literal["starting", "on", "off"]
Start = Callable[[], ShadowProcess]


class Shadow:
    """A version that processes pictures after they have been answered.

    It computes in a process of its own (`model.shadowing.process`), only while no caller's request is being
    worked on, and is paused where it is when one arrives. The same goes while it is loaded, but no longer
    than LONGEST_WAIT: then it is loaded at a low priority beside requests, as some services are never idle.

    Attributes:
        version: the version.
        state: "off" after FAILURES failures in a row, or if the model cannot be used.
        reason: why it is off.
    """

    def __init__(
        self,
        version: Version,
        start: Start,
        quiet: Quiet,
        reports: Reports,
        changed: Callable[[], object] = lambda: None,
    ) -> None:
        """Start it.

        Args:
            version: the version.
            start: starts its process, as `ShadowProcess` does.
            quiet: tells when it may compute.
            reports: gets the results.
            changed: called when `state` has changed.
        """
        self.version = version
        self.state: State = "starting"
        self.reason: str | None = None
        self._start = start
        self._quiet = quiet
        self._reports = reports
        self._state_changed = changed
        self._waiting = Waiting()
        self._process: ShadowProcess | None = None
        self._failures = 0
        self._load_by = time.monotonic() + LONGEST_WAIT
        self._is_ended = False
        self._has_started = threading.Event()
        reports.switched_on(version)
        # A daemon, so that it does not delay the process's end; the shadow's process ends together with it.
        threading.Thread(target=self._work, name=f"shadow {version}", daemon=True).start()

    def wait_until_started(self, at_most: float) -> None:
        """Wait until it is on or off, at most so many seconds."""
        self._has_started.wait(at_most)

    def take(self, one: Shadowed) -> bool:
        """Take a picture, unless there is no room for it; it is processed after `answer`."""
        dropped = self.state if self.state != "on" else self._waiting.add(one)
        if dropped:
            self._reports.dropped(self.version, dropped)
        return not dropped

    def answer(self, one: Shadowed) -> None:
        """Let the shadow have a picture that it took: its request has been answered."""
        self._waiting.answer(one)

    def drop(self, one: Shadowed) -> None:
        """Forget a picture that it took: its request was not answered."""
        self._waiting.remove(one)

    def end(self) -> None:
        """End the shadow and its process."""
        self._is_ended = True
        self._waiting.close()
        if process := self._process:
            process.kill()

    def _work(self) -> None:
        try:
            while self.state != "off" and not self._is_ended:
                if self._process is None:
                    self._start_process()
                elif one := self._waiting.next():
                    self._process_picture(self._process, one)
        except Exception as error:
            self._switch_off(f"{type(error).__name__}: {error}")
            logger.exception("the shadow %s crashed", self.version)
        finally:
            self._waiting.close()
            self._end_process()

    def _start_process(self) -> None:
        left = self._load_by - time.monotonic()
        quiet = self._quiet.used(self._pause, self._resume, min(left, _LOOK_SECONDS))
        try:
            with quiet if left > 0 else nullcontext():
                self._process = self._start()
                self._process.load(pauses=max(left, 0.0))
        except Disturbed:
            return
        except ShadowBroken as error:
            self._switch_off(str(error))
        except ShadowFailed as error:
            self._count(error)
            self._end_process()
        except OSError as error:  # the machine has no memory or no processes left
            self._count(ShadowFailed("crash", f"its process cannot be started: {error}"))
        else:
            if self.state == "starting":
                logger.info("the shadow %s is ready", self.version)
                self.state = "on"
                self._state_changed()
                self._has_started.set()

    def _process_picture(self, process: ShadowProcess, one: Shadowed) -> None:
        left = one.since + LONGEST_SECONDS - time.monotonic()
        try:
            with self._quiet.used(self._pause, self._resume, left):
                comparison = process.compare(one.picture)
        except Disturbed:
            self._reports.dropped(self.version, "late")
        except Unsuitable as error:
            logger.debug("a picture is unsuitable for the shadow %s: %s", self.version, error)
            self._reports.dropped(self.version, "unsuitable")
        except ShadowFailed as error:
            self._count(error)
            if error.kind != "error":
                self._end_process()
        else:
            self._failures = 0
            self._reports.compared(self.version, one, comparison)
        finally:
            self._waiting.remove(one)

    def _pause(self) -> None:
        if process := self._process:
            process.pause()

    def _resume(self) -> None:
        if process := self._process:
            process.resume()

    def _end_process(self) -> None:
        self._load_by = time.monotonic() + LONGEST_WAIT
        process, self._process = self._process, None
        if process is not None:
            process.end()

    def _count(self, failure: ShadowFailed) -> None:
        if self._is_ended:  # its process was ended with it
            return
        self._failures += 1
        self._reports.failed(self.version, failure.kind)
        logger.warning("the shadow %s failed (%s): %s", self.version, failure.kind, failure)
        if self._failures >= FAILURES:
            self._switch_off(f"it failed {FAILURES} times in a row; the last time, {failure}")

    def _switch_off(self, reason: str) -> None:
        self.state, self.reason = "off", reason
        self._state_changed()
        self._has_started.set()
        self._reports.switched_off(self.version)
        logger.error(
            "the shadow %s is switched off, and callers are answered as before: %s. To try again, set the"
            " shadow again or restart the service",
            self.version,
            reason,
        )
