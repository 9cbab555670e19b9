"""Process: starts the process of a trial, and waits for its end."""

from __future__ import annotations

import select
import signal
import subprocess
from pathlib import Path

from model.pictures.isolation.starting import FOR_MODELS, start
from model.pictures.isolation.wire import Ended, receive, send
from model.storage.manifest import BundleError

_CHILD = "model.trial.child"

LONGEST = 150.0
"""Seconds for a trial; on a busy machine, a low priority makes it slow."""

_TO_END = 10.0  # seconds, for a process that has closed its connection


class TrialTimedOut(Exception):
    """The version was neither loaded nor refused in time; the message says so."""


def try_out(model: str, engine: str | None, precision: str | None, threads: int | None, cache: Path) -> None:
    """Load and test a version in a process of its own, at a low priority, and wait until it has ended.

    Whatever happens there, whether it crashes, hangs or runs out of memory, this process goes on.

    Args:
        model: `name@version`.
        engine, precision, threads: as for `segmenter.load`.
        cache: where the process keeps what it compiles, for those that load the version afterwards.

    Raises:
        BundleError: it cannot be served; the message says why.
        TrialTimedOut: it took longer than LONGEST.
        OSError: the process cannot be started.
    """
    process, connection = start(_CHILD, FOR_MODELS, {})
    order = {"model": model, "engine": engine, "precision": precision, "threads": threads}
    try:
        send(connection, {**order, "cache": str(cache)})
        ready = select.poll()
        ready.register(connection, select.POLLIN)
        if not ready.poll(LONGEST * 1000):
            raise TrialTimedOut(f"{model} was not loaded within {LONGEST:g} seconds in a process of its own")
        answer = receive(connection).values
    except Ended:
        raise BundleError(
            f"{model} ended the process that tried it out ({_end_of(process)}), so it is not loaded"
        ) from None
    finally:
        process.kill()
        process.wait()
        connection.close()
    if "broken" in answer:
        raise BundleError(answer["broken"])


def _end_of(process: subprocess.Popen[bytes]) -> str:
    try:
        status = process.wait(_TO_END)
    except subprocess.TimeoutExpired:
        return "it closed its connection, and did not end by itself"
    if status == -signal.SIGKILL:
        return "SIGKILL: perhaps there is not enough memory"
    return signal.Signals(-status).name if status < 0 else f"status {status}"
