"""The footprint: the memory of a service's processes, with shared memory counted once."""

from __future__ import annotations

from pathlib import Path


def footprint(process: int) -> dict[str, int]:
    """Mebibytes of the service whose master has this process id: the largest worker, the rest, and the sum.

    Pages that several processes share are divided equally between them ("proportional set size"), so that the
    sum counts each page once.
    """
    held = [_kibibytes(Path(f"/proc/{each}/smaps_rollup"), "Pss:") / 1024 for each in descendants(process)]
    worker, together = max(held), sum(held)
    return {"worker": round(worker), "others": round(together - worker), "together": round(together)}


def peak_mebibytes(process: int) -> float:
    """The peak resident memory of a process, including shared memory; 0 if it has ended."""
    return _kibibytes(Path(f"/proc/{process}/status"), "VmHWM:") / 1024


def descendants(process: int) -> list[int]:
    """A process and all its descendants."""
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:  # the process has ended
        return []
    return [process, *(descendant for child in children for descendant in descendants(int(child)))]


def _kibibytes(file: Path, name: str) -> int:
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith(name))
