"""Processes that are started for a while, each with all that it starts, and ended with who started them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import requests

_SECONDS_TO_END = 10


class Ended(Exception):
    """A process that should run has ended; the message has its last words."""


class Process:
    """A running command, in a session of its own, so that Ctrl+C at a terminal leaves it to who started it.

    Attributes:
        log: what it writes.
    """

    def __init__(
        self, command: Sequence[str | Path], log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.log = log
        self._name = Path(command[0]).name
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                env={**os.environ, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def check(self) -> None:
        """Raise Ended if it has ended."""
        status = self._process.poll()
        if status is not None:
            last = "\n".join(self.log.read_text(errors="replace").splitlines()[-5:])
            raise Ended(f"{self._name} has ended with {status}:\n{last}")

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> None:
        """Wait for `ready`.

        Raises:
            Ended: the process has ended before, or is not ready in time.
        """
        deadline = time.monotonic() + seconds
        while not ready():
            self.check()
            if time.monotonic() > deadline:
                raise Ended(f"{self._name} is not ready after {seconds:g} seconds: see {self.log}")
            time.sleep(0.05)

    def kill(self) -> None:
        """End it and all that it started at once, in the middle of whatever they do."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def end(self) -> None:
        """Ask it to end, and see that it does."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_SECONDS_TO_END)
        self.kill()


@contextmanager
def running(
    command: Sequence[str | Path], log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[Process]:
    """`command`, ended in the end."""
    process = Process(command, log, environment)
    try:
        yield process
    finally:
        process.end()


def answers(url: str) -> bool:
    """Whether something says there that all is well."""
    try:
        return requests.get(url, timeout=2).ok
    except requests.RequestException:
        return False


def accepts(port: int) -> bool:
    """Whether somebody listens at a port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
