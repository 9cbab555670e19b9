"""Child: the process of a trial.

Run as `python -m model.trial.child FD`, with one end of a Unix socket. The only message is an order {"model",
"engine", "precision", "threads", "cache"}, answered with {"passed": true} or {"broken": why}.
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

from model import malloc
from model.catalog import UnknownModel
from model.pictures.isolation.standing_back import stand_back
from model.pictures.isolation.wire import receive, send
from model.segmenter import ChoiceError, load
from model.storage.manifest import BundleError

_NICENESS = 5
"""A third of the processor time that a request gets: callers notice little, and the trial still ends."""


def main() -> None:
    """Carry out the order on the socket whose number is the first argument."""
    orders = socket.socket(fileno=int(sys.argv[1]))
    stand_back(_NICENESS)
    malloc.tune()
    order = receive(orders).values
    name, engine, precision, threads = (order[key] for key in ("model", "engine", "precision", "threads"))
    cache = Path(order["cache"])
    try:
        try:
            load(name, engine=engine, precision=precision, threads=threads, tested=True, cache=cache)
        except ChoiceError:  # these fit another model of the service
            load(name, threads=threads, tested=True, cache=cache)
    except (UnknownModel, BundleError, ChoiceError, OSError, RuntimeError, MemoryError, ValueError) as error:
        send(orders, {"broken": str(error) or type(error).__name__})
    else:
        send(orders, {"passed": True})
    sys.stderr.flush()
    os._exit(0)  # tearing down OpenVINO would only take time


if __name__ == "__main__":
    main()
