"""The footprint: what the processes of a service hold in memory, shared memory counted once."""

from __future__ import annotations

from pathlib import Path


def footprint(process: int) -> dict[str, int]:
    """Mebibytes of a service, by its master's process id: of the largest worker, of the rest, and together.

    Pages that several processes share are counted in equal parts ("proportional set size"), so that the sum
    counts each page once.
    """
    held = [_kibibytes(Path(f"/proc/{each}/smaps_rollup"), "Pss:") / 1024 for each in descendants(process)]
    worker, together = max(held), sum(held)
    return {"worker": round(worker), "others": round(together - worker), "together": round(together)}


def peak_mebibytes(process: int) -> float:
    """The most that a process has had resident, shared memory included; 0 where it has ended."""
    return _kibibytes(Path(f"/proc/{process}/status"), "VmHWM:") / 1024


def descendants(process: int) -> list[int]:
    """A process and all that descend from it."""
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:  # it has ended
        return []
    return [process, *(descendant for child in children for descendant in descendants(int(child)))]


def _kibibytes(file: Path, name: str) -> int:
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith(name))
