"""Child processes that run for the duration of a `with` block, and are ended together with their children."""

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
    """A process ended unexpectedly; the message has the end of its log."""


class Process:
    """A running command, in a session of its own, so that Ctrl+C reaches only the process that started it.

    Attributes:
        log: the file with its output.
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
        """Raise Ended if the process has ended."""
        status = self._process.poll()
        if status is not None:
            last = "\n".join(self.log.read_text(errors="replace").splitlines()[-5:])
            raise Ended(f"{self._name} exited with {status}:\n{last}")

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> None:
        """Wait until `ready` is true.

        Raises:
            Ended: the process ended, or was not ready in time.
        """
        deadline = time.monotonic() + seconds
        while not ready():
            self.check()
            if time.monotonic() > deadline:
                raise Ended(f"{self._name} was not ready within {seconds:g} seconds; see {self.log}")
            time.sleep(0.05)

    def kill(self) -> None:
        """Kill it and its children."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def end(self) -> None:
        """Terminate it and its children; kill them if they do not end in time."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_SECONDS_TO_END)
        self.kill()


@contextmanager
def running(
    command: Sequence[str | Path], log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[Process]:
    """Run `command` for the duration of the block."""
    process = Process(command, log, environment)
    try:
        yield process
    finally:
        process.end()


def answers(url: str) -> bool:
    """Whether `url` answers with a status below 400."""
    try:
        return requests.get(url, timeout=2).ok
    except requests.RequestException:
        return False


def accepts(port: int) -> bool:
    """Whether a process listens on this local port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
