"""Child: the process of a shadow, which computes only when nothing else needs the processor.

Run as `python -m model.shadowing.child FD`, with one end of a Unix socket. The first message is an order
{"model", "engine", "precision", "threads"}, answered with {"ready": true} or {"broken": why}. Each further
message comes with a memory file of an `AnsweredPicture`, and is answered with the agreement,
{"unsuitable": why} or {"failed": why}.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from model import malloc
from model.catalog import UnknownModel
from model.pictures.isolation.standing_back import stand_back
from model.pictures.isolation.wire import Ended, receive, send
from model.segmenter import ChoiceError, Segmenter, load
from model.shadowing.agreement import agreement
from model.shadowing.picture import AnsweredPicture, unpacked
from model.stopwatch import Stopwatch
from model.storage.manifest import BundleError

_LOW_PRIORITY = 10  # while the model is loaded, which must end some time
_LOWEST_PRIORITY = 19


def main() -> None:
    """Serve the orders on the socket whose number is the first argument, until it is closed."""
    orders = socket.socket(fileno=int(sys.argv[1]))
    stand_back(_LOW_PRIORITY)
    malloc.tune()
    with suppress(Ended):
        try:
            segmenter = _loaded(receive(orders).values)
        except (UnknownModel, BundleError, ChoiceError, OSError, RuntimeError, MemoryError) as error:
            send(orders, {"broken": str(error)})
            return
        _compute_last()
        send(orders, {"ready": True})
        while True:
            _obey(orders, segmenter)


def _compute_last() -> None:
    """From now on, compute only when no other process would."""
    for thread in map(int, os.listdir("/proc/self/task")):
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, thread, _LOWEST_PRIORITY)
        with suppress(OSError, AttributeError):  # on Linux, a class of its own below all priorities
            os.sched_setscheduler(thread, os.SCHED_IDLE, os.sched_param(0))


def _loaded(order: Mapping[str, Any]) -> Segmenter:
    """The model, which has passed its self-test, and which raises BundleError for NaN. Raises as `load`."""
    name, engine, precision, threads = (order[key] for key in ("model", "engine", "precision", "threads"))
    try:
        segmenter = load(name, engine=engine, precision=precision, threads=threads, tested=True)
    except ChoiceError:  # these fit another model of the service
        segmenter = load(name, threads=threads, tested=True)
    return segmenter.watched()


def _obey(orders: socket.socket, segmenter: Segmenter) -> None:
    order = receive(orders)
    if order.descriptor is None:
        raise Ended
    with os.fdopen(order.descriptor, "rb") as file:
        picture = unpacked(file.read())
    try:
        answer = _compared(segmenter, picture)
    except BundleError as error:  # a ValueError too
        answer = {"failed": str(error)}
    except ValueError as error:
        answer = {"unsuitable": str(error)}
    except Exception as error:
        answer = {"failed": f"{type(error).__name__}: {error}"}
    send(orders, answer)


def _compared(segmenter: Segmenter, picture: AnsweredPicture) -> dict[str, Any]:
    stopwatch = Stopwatch()
    result = segmenter.predict(
        picture.image, picture.wishes, size=picture.result.segments.size, stopwatch=stopwatch
    )
    figures = agreement(picture.result, result, picture.classes, segmenter.bundle.manifest.classes)
    return {**asdict(figures), "infer_ms": stopwatch.milliseconds.get("infer", 0.0)}


if __name__ == "__main__":
    main()
