"""All processes see why a version was refused, also if several are refused at once."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

from app.monitoring.processes import Processes
from app.versions.refusals import Refusal, Refusals

EACH = 40


def refuse(folder: Path, model: str) -> None:
    """What a process does that refuses many versions, one after another."""
    refusals = Refusals(Processes(folder))
    for number in range(EACH):
        refusals.add(f"{model}@{number}", Refusal("any", "broken"))


def test_no_refusal_is_lost_when_processes_refuse_versions_at_once(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    both = [spawn.Process(target=refuse, args=(tmp_path / "shared", name)) for name in ("cells", "yeast")]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert len(Refusals(Processes(tmp_path / "shared")).all()) == 2 * EACH
