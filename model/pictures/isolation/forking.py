"""Forking: starts the nursery, the process that forks decoders, and asks it for them."""

from __future__ import annotations

import socket
import threading
from typing import Any

from model.pictures.isolation.starting import pair, start
from model.pictures.isolation.wire import Ended, receive, send

_MODULE = "model.pictures.isolation.nursery"
# One thread each, because a process in which libraries have started threads cannot be forked.
_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
_KEPT_VARIABLES = ("PATH", "LD_LIBRARY_PATH", "LANG")


class Nursery:
    """The fork server, which forks decoders (`model.pictures.isolation.nursery`)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process, self._orders = start(_MODULE, _KEPT_VARIABLES, _ENVIRONMENT)

    def fork(self) -> tuple[socket.socket, int]:
        """Return the connection to a new decoder and its process id. Raises Ended, or MemoryError."""
        ours, theirs = pair()
        with theirs:
            try:
                answer = self._order({"fork": True}, theirs.fileno())
            except BaseException:
                ours.close()
                raise
        if answer["process"] is None:
            ours.close()
            raise MemoryError("no process to decode pictures can be started")
        return ours, answer["process"]

    def end(self, process: int) -> int:
        """Kill a decoder unless it is dead; return its exit status, or minus the signal. Raises Ended."""
        status: int = self._order({"end": process})["status"]
        return status

    def close(self) -> None:
        """End the fork server, and all decoders with it."""
        self._orders.close()
        self._process.kill()
        self._process.wait()

    def _order(self, values: dict[str, Any], descriptor: int | None = None) -> dict[str, Any]:
        with self._lock:
            try:
                send(self._orders, values, descriptor)
                return receive(self._orders).values
            except TimeoutError:  # it is stopped, and would later answer the wrong order
                self._process.kill()
                raise Ended from None
