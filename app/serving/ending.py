"""Ending: a process that is asked to stop finishes its requests before its server may stop it."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Sequence

from flask import Flask

from app.monitoring import live_run, spans
from app.serving.admission import Admission
from app.serving.health import Health
from app.serving.running import Running
from app.serving.sending import LONGEST_SECONDS, Sending

logger = logging.getLogger(__name__)

_REQUEST_TO_END = signal.SIGHUP

# Connections still in the listen queue arrive within this time.
_LINGER_SECONDS, _MOST_LINGERS = 1.0, 3


def register(
    app: Flask, health: Health, admissions: Sequence[Admission], running: Running, sending: Sending
) -> None:
    """Let `app` handle the request to stop its process, if the server leaves that to the app.

    A server does so by blocking SIGHUP, as uwsgi.ini does. uWSGI itself would stop accepting connections at
    once, while clients still connect: these would wait until the last process has ended.
    """
    if _REQUEST_TO_END not in signal.pthread_sigmask(signal.SIG_BLOCK, ()):
        return
    parts = (app, health, admissions, running, sending)
    threading.Thread(target=_end, args=parts, name="ending", daemon=True).start()


def _end(
    app: Flask, health: Health, admissions: Sequence[Admission], running: Running, sending: Sending
) -> None:
    signal.sigwait({_REQUEST_TO_END})
    logger.info("asked to stop: finishing the requests in progress, then this process ends")
    health.is_ending = True
    for _ in range(_MOST_LINGERS):
        count = running.count
        time.sleep(_LINGER_SECONDS)
        if running.count == count:
            break
    for admission in admissions:
        admission.close()
    running.wait_for_those_before(time.monotonic())
    sending.finish(LONGEST_SECONDS)
    spans.flush(app)  # the server ends the process without Python's exit handlers
    live_run.finish(app)
    # Now the server may act as usual and stop its threads, each after its answer.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {_REQUEST_TO_END})
    os.kill(os.getpid(), _REQUEST_TO_END)
