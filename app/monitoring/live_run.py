"""Live run: reports the figures of a running service to MLflow, for teams that watch their models there."""

from __future__ import annotations

import atexit
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from flask import Flask
from prometheus_client.metrics_core import Metric

from app.monitoring.figures import Collection, figures_between
from app.monitoring.leading import Lead
from app.monitoring.mlflow_server import MlflowError, MlflowServer

logger = logging.getLogger(__name__)

_EXTENSION = "maskserve_live_run"
_LOCK, _RUN = "mlflow.lock", "mlflow.json"
_LONGEST_PAUSE = 600.0  # seconds between attempts, unless reports are rarer anyway
_MOST_DOUBLINGS = 20
_FINISH_SECONDS = 2.0  # a server that hangs must not delay the process's end


class LiveRun:
    """A run in MLflow for all processes of a service; the one that holds a lock reports for all.

    If that process ends, another takes the lock and continues the run.
    """

    def __init__(
        self,
        server: MlflowServer,
        experiment: str,
        seconds: float,
        collect: Callable[[], Iterable[Metric]],
        folder: Path | None,
    ) -> None:
        """Start to report.

        Args:
            server: the MLflow server.
            experiment: the name of the experiment.
            seconds: the time between two reports.
            collect: returns the metrics of all processes.
            folder: where the processes keep them; None: there is only this process.
        """
        self._server = server
        self._experiment = experiment
        self._seconds = seconds
        self._collect = collect
        self._folder = folder
        self._before = self._collection()
        self._lead = Lead(folder, _LOCK)
        self._run: str | None = None
        self._started = time.time()
        self._models = ""
        self._failures = 0  # since the last report that was sent
        self._ending = threading.Event()
        self._reporting = threading.Thread(target=self._report_regularly, name="mlflow", daemon=True)
        self._reporting.start()

    def finish(self) -> None:
        """Mark the run as finished if this process reports, within a few seconds."""
        self._ending.set()
        finishing = threading.Thread(target=self._finish, name="finishing", daemon=True)
        finishing.start()
        finishing.join(_FINISH_SECONDS)

    def _finish(self) -> None:
        self._reporting.join()
        run, self._run = self._run, None
        if run is None:
            return
        try:
            self._server.update_run(run, "FINISHED", time.time())
        except MlflowError as error:
            logger.warning("the run %s was not marked as finished: %s", run, error)

    def _report_regularly(self) -> None:
        while not self._ending.wait(self._pause()):
            try:
                if self._leads():
                    self._report()
            except MlflowError as error:
                self._say_away(f"{error}")
            except Exception:
                # Whatever happens here, the service goes on, and so do the next reports.
                if not self._failures:
                    logger.warning("the figures were not sent to MLflow", exc_info=True)
                self._failures += 1
            else:
                if self._failures:
                    logger.info("MLflow at %s answers again", self._server.shown)
                self._failures = 0

    def _pause(self) -> float:
        """Seconds until the next report: ever more, up to a limit, while reports fail."""
        longest = max(self._seconds, _LONGEST_PAUSE)
        return min(self._seconds * 2.0 ** min(self._failures, _MOST_DOUBLINGS), longest)

    def _say_away(self, reason: str) -> None:
        if not self._failures and not self._ending.is_set():
            logger.warning(
                "%s. The service is not affected; its figures are lost until they can be sent", reason
            )
        self._failures += 1

    def _leads(self) -> bool:
        """Whether this process reports; the first one that asks does, as long as it lives."""
        led = self._lead.is_held
        if not self._lead.take():
            return False
        if not led:
            self._before = self._collection()
        return True

    def _report(self) -> None:
        before, self._before = self._before, self._collection()
        models = self._before.models()
        if self._failures and self._run is not None and not self._server.has_run(self._run):
            self._run = None  # it was deleted
        if self._run is None:
            self._run = self._known_run() or self._new_run()
        tags = {} if models == self._models else {"models": models}
        now = time.time()
        figures = figures_between(before, self._before)
        self._server.log(self._run, figures, now, round(now - self._started), tags)
        self._models = models

    def _collection(self) -> Collection:
        return Collection.of(self._collect(), time.monotonic())

    def _known_run(self) -> str | None:
        """The run of the process that reported before this one; None if there is none."""
        if self._folder is None or not (self._folder / _RUN).exists():
            return None
        known = json.loads((self._folder / _RUN).read_text())
        if not self._server.has_run(known["run"]):
            return None
        self._server.update_run(known["run"], "RUNNING")
        self._started = known["started"]
        return str(known["run"])

    def _new_run(self) -> str:
        self._started = time.time()
        replica = socket.gethostname()
        tags = {"replica": replica, "models": self._before.models(), "mlflow.source.name": "maskserve"}
        run = self._server.create_run(self._experiment, replica, self._started, tags)
        if self._folder is not None:
            known = self._folder / f"{_RUN}.new"
            known.write_text(json.dumps({"run": run, "started": self._started}))
            known.replace(self._folder / _RUN)
        logger.info("figures are sent to the run %s in MLflow at %s", run, self._server.shown)
        return run


def register(
    app: Flask, address: str, experiment: str, seconds: float, collect: Callable[[], Iterable[Metric]]
) -> None:
    """Report the figures of `app` to the MLflow server at `address`; the rest is as in `LiveRun`.

    Call it in the process that serves requests: the reporting thread would not survive a fork.
    """
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    run = LiveRun(MlflowServer(address), experiment, seconds, collect, Path(folder) if folder else None)
    app.extensions[_EXTENSION] = run
    atexit.register(run.finish)


def finish(app: Flask) -> None:
    """Mark the run of `app` as finished: for servers that end processes without Python's exit handlers."""
    if _EXTENSION in app.extensions:
        app.extensions[_EXTENSION].finish()
