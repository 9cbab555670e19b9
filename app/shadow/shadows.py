"""Shadows: those of a process, and the pictures of the running request that they get after its answer."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from flask import Flask, Response, current_app, g

from app.configuration.settings import Settings
from app.configuration.traffic import Version
from app.monitoring.current_request import current_record, request_id
from app.monitoring.shadows import ShadowMetrics
from app.shadow.quiet import Quiet
from app.shadow.reports import Reports
from app.shadow.shadow import Shadow
from app.shadow.waiting import Shadowed
from model.answers.finding import Finding
from model.results.result import Wishes
from model.shadowing.picture import AnsweredPicture
from model.shadowing.process import ShadowBroken, ShadowProcess

_EXTENSION = "maskserve_shadows"

_PREPARE_SECONDS = 30.0  # proxies often wait no longer than 60 s for an answer


class Shadows:
    """The versions that run in the shadow, at most one of each model.

    Attributes:
        changed: called when there are other shadows, or one has another state.
    """

    def __init__(
        self,
        settings: Settings,
        metrics: ShadowMetrics,
        threads: int | None,
    ) -> None:
        """`threads`: as for `load`."""
        self._settings = settings
        self._threads = threads
        self._reports = Reports(metrics, settings.shadow_log == "on")
        self._quiet = Quiet()
        self._shadows: dict[str, Shadow] = {}
        self._prepared: list[Shadow] = []
        self._share = 1.0
        self.changed: Callable[[], object] = lambda: None
        self._lock = threading.Lock()

    def prepare(self, versions: Sequence[Version]) -> None:
        """Start those of `versions` that are not in use yet, for `use`; `discard` ends them again.

        Waits until they are ready, but not long: on a busy machine, starting takes its time.

        Raises:
            ShadowBroken: one cannot be used.
        """
        with self._lock:
            started = [self._started(version) for version in versions if not self._in_use(version)]
            self._prepared += started
        for one in started:
            one.wait_until_started(_PREPARE_SECONDS)
            if one.state == "off":
                raise ShadowBroken(f"{one.version} cannot be used in the shadow: {one.reason}")

    def use(self, versions: Sequence[Version], share: float) -> None:
        """From now on, use these shadows for this share of the pictures, 0 to 1, and end all others.

        A shadow that was switched off is started again.
        """
        with self._lock:
            self._share = share
            wanted = versions if share > 0 else ()
            before = [*self._shadows.values(), *self._prepared]
            fit = {one.version: one for one in before if one.state != "off"}
            self._shadows = {version.name: fit.get(version) or self._started(version) for version in wanted}
            self._prepared = []
            gone = [one for one in before if one not in self._shadows.values()]
        self.changed()
        for one in gone:
            one.end()
            if one.version not in wanted:
                self._reports.switched_on(one.version)

    def discard(self) -> None:
        """End what was prepared and is not in use."""
        with self._lock:
            gone, self._prepared = self._prepared, []
        for one in gone:
            one.end()
            if one.version not in (used.version for used in self._shadows.values()):
                self._reports.switched_on(one.version)

    def _in_use(self, version: Version) -> bool:
        one = self._shadows.get(version.name)
        return one is not None and one.version == version and one.state != "off"

    def all(self) -> list[Shadow]:
        """The shadows in use."""
        return list(self._shadows.values())

    def working(self) -> AbstractContextManager[None]:
        """Work on a caller's request in the `with` block; shadows pause meanwhile."""
        return self._quiet.disturbed()

    def take(self, finding: Finding, wishes: Wishes) -> None:
        """Take an answered picture of the running request, to give it to the shadow of its model, if any.

        Call it when the picture's answer has been made; `wishes` are the options with which it was answered.
        """
        manifest = finding.manifest
        shadow = self._shadows.get(manifest.name)
        if shadow is None or shadow.version.version == manifest.version or random.random() >= self._share:
            return
        one = Shadowed(
            request_id(),
            current_record().pictures[-1].image,
            Version(manifest.name, manifest.version),
            finding.stopwatch.milliseconds.get("infer", 0.0),
            AnsweredPicture(finding.image, wishes, finding.result, manifest.classes),
        )
        if shadow.take(one):
            g.setdefault("shadowed", []).append((shadow, one))

    def _started(self, version: Version) -> Shadow:
        settings = self._settings

        def start() -> ShadowProcess:
            return ShadowProcess(str(version), settings.engine, settings.precision, self._threads)

        return Shadow(version, start, self._quiet, self._reports, lambda: self.changed())


def register(app: Flask, shadows: Shadows) -> None:
    """Let `shadows` have pictures of each request to `app` once its answer has been sent."""
    app.extensions[_EXTENSION] = shadows

    @app.after_request
    def release(response: Response) -> Response:
        if taken := g.pop("shadowed", None):

            @response.call_on_close
            def answered() -> None:
                for shadow, one in taken:
                    shadow.answer(one)

        return response

    @app.teardown_request
    def drop(_: BaseException | None) -> None:
        for shadow, one in g.pop("shadowed", ()):  # there was no answer
            shadow.drop(one)


def current_shadows() -> Shadows:
    """The shadows of the running app."""
    shadows: Shadows = current_app.extensions[_EXTENSION]
    return shadows
