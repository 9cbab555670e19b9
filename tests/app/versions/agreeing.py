"""One process of an agreement, for test_agreement.py.

It refuses a value of "bad", takes a second to prepare one of "slow", and ends at once for one that names its
number after "die".
"""

from __future__ import annotations

import os
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from app.errors import ServiceError
from app.monitoring.processes import Processes
from app.versions.agreement import Agreement


class Obedient:
    """Tells what it is asked to do."""

    def __init__(self, number: int, parent: Connection) -> None:
        self._number = number
        self._parent = parent

    def prepare(self, value: Any) -> None:
        self._parent.send(("prepare", value))
        if value == f"die {self._number}":
            os._exit(1)
        if value == "slow":
            time.sleep(1)
        if value == "bad":
            raise ValueError("no good")

    def adopt(self, value: Any) -> None:
        self._parent.send(("adopt", value))

    def discard(self) -> None:
        self._parent.send(("discard", None))


def take_part(folder: Path, number: int, parent: Connection) -> None:
    """Propose what comes from `parent`, and tell it what happens, for ever."""
    agreement = Agreement("test", Processes(folder), Obedient(number, parent))
    agreement.join("first")
    parent.send(("joined", agreement.value))
    while True:
        value = parent.recv()
        try:
            agreement.propose(lambda _, value=value: value)
        except ServiceError as error:
            parent.send(("refused", (type(error).__name__, error.detail)))
        else:
            parent.send(("agreed", agreement.value))
