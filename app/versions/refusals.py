"""Refusals: which versions cannot be served, and why; all processes of the service see the same ones."""

from __future__ import annotations

import json
import logging
import threading
from contextlib import nullcontext, suppress
from typing import NamedTuple

from app.monitoring.processes import Processes
from app.monitoring.shared_files import write_json

logger = logging.getLogger(__name__)


class Refusal(NamedTuple):
    """Why a version is not served.

    Attributes:
        signature: identifies the content of its bundle at that time (`Offer`).
        reason: a message for the operator.
    """

    signature: str
    reason: str


class Refusals:
    """The refused versions by full name."""

    def __init__(self, processes: Processes | None) -> None:
        """`processes`: those that see the same ones; None: there is only this one."""
        self._processes = processes
        self._file = None if processes is None else processes.folder / "refused-versions.json"
        self._known: dict[str, Refusal] = {}
        self._seen: tuple[int, int] | None = None
        self._lock = threading.Lock()

    def all(self) -> dict[str, Refusal]:
        """The refused versions by full name."""
        with self._lock:
            self._read()
            return dict(self._known)

    def add(self, full_name: str, refusal: Refusal) -> None:
        """Remember that a version is refused, and log why."""
        logger.error("the version %s is refused: %s", full_name, refusal.reason)
        self._change(full_name, refusal)

    def forget(self, full_name: str) -> None:
        """Remember that a version is not refused."""
        if full_name in self.all():
            self._change(full_name, None)

    def _change(self, full_name: str, refusal: Refusal | None) -> None:
        # Another process's change between reading and writing would be lost.
        with self._lock, self._processes.alone() if self._processes else nullcontext():
            self._read()
            self._known.pop(full_name, None)
            if refusal is not None:
                self._known[full_name] = refusal
            if self._file is not None:
                with suppress(OSError):  # a full disk: then only this process knows
                    write_json(self._file, self._known)

    def _read(self) -> None:
        """Read what other processes have written since."""
        if self._file is None:
            return
        with suppress(OSError, ValueError):
            status = self._file.stat()
            if self._seen != (seen := (status.st_mtime_ns, status.st_ino)):
                self._known = {
                    name: Refusal(*one) for name, one in json.loads(self._file.read_text()).items()
                }
                self._seen = seen
