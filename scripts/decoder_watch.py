"""What the decoder processes of this process take for a file, and whether one died of it."""

from __future__ import annotations

import logging
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

_LOGGER = logging.getLogger("model.pictures.isolation.decoders")
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cost:
    """Of one file.

    Attributes:
        cpu_seconds: of the decoder that it was with; of one that died it is not known.
        bytes: that it had resident, at the peak; likewise.
        deaths: of decoders, the name of a signal or an exit status.
    """

    cpu_seconds: float
    bytes: int
    deaths: tuple[str, ...]


class DecoderWatch(logging.Handler):
    """Looks at the decoders that descend from this process, of which one works at a time."""

    def __init__(self) -> None:
        super().__init__()
        self._deaths: list[str] = []
        self._ticks: dict[int, int] = {}

    def __enter__(self) -> DecoderWatch:
        _LOGGER.addHandler(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _LOGGER.removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Note a death, of which the log tells."""
        status = record.args[0] if isinstance(record.args, tuple) else None
        is_signal = isinstance(status, int) and status < 0
        self._deaths.append(signal.Signals(-status).name if is_signal else f"exit {status}")

    def begin(self) -> None:
        """A file comes."""
        self._deaths.clear()
        self._ticks = {process: _ticks(process) for process in decoder_processes()}
        for process in self._ticks:
            # The peak of its resident memory begins anew.
            Path(f"/proc/{process}/clear_refs").write_text("5")

    def cost(self) -> Cost:
        """What was taken since the file came."""
        now = decoder_processes()
        ticks = [_ticks(process) - self._ticks.get(process, 0) for process in now]
        peaks = [_peak_bytes(process) for process in now]
        return Cost(max(ticks, default=0) / _TICKS, max(peaks, default=0), tuple(self._deaths))


def decoder_processes() -> list[int]:
    """Those that descend from this process, the last that was forked last."""
    return [decoder for nursery in _nurseries() for decoder in _children(nursery)]


def _nurseries() -> list[int]:
    return [process for process in _children(os.getpid()) if b"nursery" in _read(process, "cmdline")]


def _children(process: int) -> list[int]:
    # Of each thread its own: a nursery is a child of the thread that started it.
    tasks = Path(f"/proc/{process}/task")
    try:
        return [int(child) for task in tasks.iterdir() for child in (task / "children").read_text().split()]
    except OSError:
        return []


def _ticks(process: int) -> int:
    """User's and system's, behind the name in parentheses."""
    values = _read(process, "stat").rpartition(b")")[2].split()
    return int(values[11]) + int(values[12]) if values else 0


def _peak_bytes(process: int) -> int:
    for line in _read(process, "status").splitlines():
        if line.startswith(b"VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def _read(process: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{process}/{name}").read_bytes()
    except OSError:  # it has ended
        return b""
