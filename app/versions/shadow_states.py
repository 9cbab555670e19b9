"""Shadow states: how the shadows are in all processes of the service, as each process tells the others."""

from __future__ import annotations

import logging
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from app.monitoring.processes import Processes
from app.monitoring.shared_files import read_json, write_json
from app.shadow import shadow
from app.shadow.shadow import Shadow

logger = logging.getLogger(__name__)

State = Literal["loading", "ready", "failed"]
_STATES: Mapping[shadow.State, State] = {"starting": "loading", "on": "ready", "off": "failed"}
_WORST_FIRST: tuple[State, ...] = ("failed", "loading", "ready")


@dataclass(frozen=True)
class Told:
    """What a process tells of one of its shadows: its state and, if it failed, why."""

    state: State
    reason: str | None = None


@dataclass(frozen=True)
class Known:
    """What is known of a shadow.

    Attributes:
        shadow: its full name.
        state: the worst of its states in all processes.
        processes: the number of processes in each state.
        reason: why it failed in one of them; None if it did in none.
    """

    shadow: str
    state: State
    processes: Mapping[State, int]
    reason: str | None


class ShadowStates:
    """The states of the shadows in all processes."""

    def __init__(self, processes: Processes | None, shadows: Callable[[], Iterable[Shadow]]) -> None:
        """Prepare to tell.

        Args:
            processes: those that tell each other; None: there is only this one.
            shadows: returns those of this process.
        """
        self._processes = processes
        self._shadows = shadows
        self._lock = threading.Lock()

    def _own(self) -> dict[str, Told]:
        return {str(one.version): Told(_STATES[one.state], one.reason) for one in self._shadows()}

    def tell(self) -> None:
        """Tell the other processes of this process's shadows. Call it whenever a state has changed."""
        if self._processes is None:
            return
        with self._lock:
            told = {name: asdict(one) for name, one in self._own().items()}
            file = self._processes.folder / f"{os.getpid()}.shadows"
            try:
                if told:
                    write_json(file, told)
                else:
                    file.unlink(missing_ok=True)  # also that of an ended process with the same PID
            except OSError as error:  # a full disk
                logger.warning("other processes do not know the states of shadows here: %s", error)

    def all(self) -> list[Known]:
        """Every shadow in use, sorted by name."""
        told: dict[str, list[Told]] = {}
        for of_process in [self._own(), *self._of_others()]:
            for name, one in of_process.items():
                told.setdefault(name, []).append(one)
        return [_known(name, states) for name, states in sorted(told.items())]

    def _of_others(self) -> list[Mapping[str, Told]]:
        if self._processes is None:
            return []
        try:
            with self._processes.alone():
                others = [process for process in self._processes.living() if process != os.getpid()]
            found = [read_json(self._processes.folder / f"{process}.shadows") for process in others]
        except OSError as error:
            logger.warning("the states of shadows in other processes cannot be read: %s", error)
            return []
        return [{name: Told(**one) for name, one in (told or {}).items()} for told in found]


def _known(name: str, told: list[Told]) -> Known:
    counted = Counter(one.state for one in told)
    return Known(
        name,
        next(state for state in _WORST_FIRST if state in counted),
        dict(counted),
        next((one.reason for one in told if one.reason), None),
    )
