"""Carrying out: does the training that a command has prepared, in its run folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from model.training.learner import Learner
from model.training.observer import Observer
from model.training.prepared import Prepared

if TYPE_CHECKING:
    from model.training.run_folder import RunFolder

Watcher = Callable[["RunFolder", Learner], AbstractContextManager[Observer]]
"""Makes an observer of a run; its context is open during the training, and sees how that ends."""


def carry_out(
    prepared: Prepared, out: Path, checkpoint_seconds: float, watchers: Sequence[Watcher] = ()
) -> RunFolder:
    """Train in the run folder `out`, or resume the run that is in it; returns that folder.

    Raises:
        Stopped: by a signal; repeating the call continues from there.
        RunError: the run cannot start or continue.
        ValueError: the network does not fit the weights that it starts from.
    """
    # Imported here, since TensorFlow takes seconds to import.
    import keras

    from model.training.devices import share_batches
    from model.training.loop import train
    from model.training.precision import computing_in
    from model.training.run_folder import RunFolder, locked

    plan = prepared.plan
    keras.utils.set_random_seed(plan.seed)
    with share_batches(plan.devices), computing_in(plan.precision):
        learner = prepared.learner()
        # Last, so that a refused command leaves no files behind.
        with locked(out), ExitStack() as stack:
            run = RunFolder(out, prepared.asked, plan, learner.ranking, checkpoint_seconds)
            train(learner, run, [stack.enter_context(watcher(run, learner)) for watcher in watchers])
    return run
