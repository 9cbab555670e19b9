"""Ending: a process that is asked to end finishes what it has before its server may end it."""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

from flask import Flask

from app.monitoring import traces
from app.service import Service
from app.serving.connections import ESTABLISHED, connections
from app.serving.running import Running
from app.serving.sending import LONGEST_SECONDS, Sending

logger = logging.getLogger(__name__)

_REQUEST_TO_END = signal.SIGHUP

# What the router or the listen queue held arrives within this.
_LINGER_SECONDS = 1.0
_LOOK_SECONDS = 0.2


def register(app: Flask, service: Service, running: Running, sending: Sending) -> None:
    """Let `app` hear that its process is to end, where the server leaves that to it.

    A server says so by blocking SIGHUP (uwsgi.ini does). uWSGI's own way is to accept nothing from that
    moment on, while its router goes on accepting: whoever comes then waits for nothing. Its configuration
    also names, in the environment, the port and a folder that belongs to this service alone.
    """
    if _REQUEST_TO_END not in signal.pthread_sigmask(signal.SIG_BLOCK, ()):
        return
    parts = (app, service, running, sending, _announced())
    threading.Thread(target=_end, args=parts, name="ending", daemon=True).start()


def _announced() -> IO[str] | None:
    """A file whose lock all processes of the service share; None where the disk has no room for it."""
    try:
        serving = (Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]) / "serving").open("w")
    except OSError as error:
        logger.warning("the end may refuse a connection that it could have answered: %s", error)
        return None
    fcntl.flock(serving, fcntl.LOCK_SH)
    return serving


def _end(app: Flask, service: Service, running: Running, sending: Sending, serving: IO[str] | None) -> None:
    signal.sigwait({_REQUEST_TO_END})
    logger.info("asked to end: finishing what is here")
    service.is_ending = True
    time.sleep(_LINGER_SECONDS)
    service.workers.close()
    running.wait_for_those_before(time.monotonic())
    patience_ends = time.monotonic() + LONGEST_SECONDS
    sending.finish(LONGEST_SECONDS)
    if service.settings.processes == 1 if serving is None else _is_last(serving):
        # From here on who comes is refused by the system: the router would accept what nobody answers.
        _stop_listening()
        time.sleep(_LINGER_SECONDS)
        running.wait_for_those_before(time.monotonic())
        _wait_for_readers(patience_ends)
    traces.flush(app)  # the server ends the process without Python's own end
    # Now the server may do what it does: stop its threads, each after its answer.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {_REQUEST_TO_END})
    os.kill(os.getpid(), _REQUEST_TO_END)


def _is_last(serving: IO[str]) -> bool:
    """Whether no other process shares the lock on `serving`. Who asks gives up its own."""
    try:
        fcntl.flock(serving, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _wait_for_readers(until: float) -> None:
    """Return when the router, which is ended after this process, has passed on all answers, or at `until`.

    What it has passed on whole, and closed, the system delivers without it.
    """
    port = _listening_port()
    while time.monotonic() < until and any(
        one.state == ESTABLISHED and one.unsent for one in connections(port)
    ):
        time.sleep(_LOOK_SECONDS)


def _listening_port() -> int:
    return int(os.environ["LISTENING_PORT"])


def _stop_listening() -> None:
    """Close the service's port, for all processes that hold it."""
    port = _listening_port()
    for descriptor in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            listener = socket.socket(fileno=int(descriptor))  # OSError: not a socket
            try:
                if (
                    listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
                    and listener.getsockname()[1] == port
                ):
                    listener.shutdown(socket.SHUT_RD)
            finally:
                listener.detach()  # it is the server's
