"""Settings: processes, and what each may use."""

from __future__ import annotations

from dataclasses import dataclass

from app.configuration.definition import setting
from app.configuration.kinds import or_unset, whole_number


@dataclass(frozen=True)
class ProcessSettings:
    """See `Settings`."""

    processes: int = setting(
        "1",
        whole_number(1, 128),
        "Number of processes. Each has its own copy of the models and its own queue, and runs one inference"
        " at a time.",
    )
    inference_threads: int | None = setting(
        "",
        or_unset(whole_number(1, 512)),
        "Threads per inference. Default: one per core, with the cores divided among the processes.",
    )
    worker_timeout: int = setting(
        "300",
        whole_number(1, 86_400),
        "A process is replaced when one of its requests takes longer than this many seconds. Everything that"
        " the process is working on is lost, so set it well above the time that any request needs.",
    )
    worker_memory: int | None = setting(
        "",
        or_unset(whole_number(1)),
        "A process with more resident memory than this, in MiB, finishes its requests and is replaced."
        " Default: no limit.",
    )
