"""Refusals: which versions cannot be served, and why; all processes of the service see the same ones."""

from __future__ import annotations

import json
import logging
import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

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

    def __init__(self, folder: Path | None) -> None:
        """`folder`: shared by the processes; None: there is only this one."""
        self._file = None if folder is None else folder / "refused-versions.json"
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
        with self._lock:
            self._read()
            self._known.pop(full_name, None)
            if refusal is not None:
                self._known[full_name] = refusal
            if self._file is not None:
                new = self._file.with_name(f"{self._file.name}.{os.getpid()}.new")
                with suppress(OSError):  # a full disk: then only this process knows
                    new.write_text(json.dumps(self._known))
                    os.replace(new, self._file)

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
