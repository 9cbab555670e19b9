"""Measures what decoder processes need for a file, and whether one crashed on it."""

from __future__ import annotations

import logging
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

_LOGGER = logging.getLogger("model.pictures.isolation.decoder_process")
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cost:
    """The cost of one file.

    Attributes:
        cpu_seconds: CPU time of the decoder; unknown if it died.
        bytes: its peak resident memory; unknown if it died.
        deaths: the signal names or exit statuses of decoders that died.
    """

    cpu_seconds: float
    bytes: int
    deaths: tuple[str, ...]


class DecoderWatch(logging.Handler):
    """Watches the decoders among the descendants of this process. One of them works at a time."""

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
        """Record the death of a decoder, which is logged."""
        status = record.args[0] if isinstance(record.args, tuple) else None
        is_signal = isinstance(status, int) and status < 0
        self._deaths.append(signal.Signals(-status).name if is_signal else f"exit {status}")

    def begin(self) -> None:
        """Call this before a file is decoded."""
        self._deaths.clear()
        self._ticks = {process: _ticks(process) for process in decoder_processes()}
        for process in self._ticks:
            # Resets the peak of its resident memory.
            Path(f"/proc/{process}/clear_refs").write_text("5")

    def cost(self) -> Cost:
        """The cost since `begin`."""
        now = decoder_processes()
        ticks = [_ticks(process) - self._ticks.get(process, 0) for process in now]
        peaks = [_peak_bytes(process) for process in now]
        return Cost(max(ticks, default=0) / _TICKS, max(peaks, default=0), tuple(self._deaths))


def decoder_processes() -> list[int]:
    """The decoders among the descendants of this process, in the order in which they were forked."""
    return [decoder for nursery in _nurseries() for decoder in _children(nursery)]


def _nurseries() -> list[int]:
    return [process for process in _children(os.getpid()) if b"nursery" in _read(process, "cmdline")]


def _children(process: int) -> list[int]:
    # Per thread: a nursery is a child of the thread that started it.
    tasks = Path(f"/proc/{process}/task")
    try:
        return [int(child) for task in tasks.iterdir() for child in (task / "children").read_text().split()]
    except OSError:
        return []


def _ticks(process: int) -> int:
    """User and system time, which follow the name in parentheses."""
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
