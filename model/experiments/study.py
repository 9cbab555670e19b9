"""Study: Optuna's record of many short runs in one file, which several processes may share."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from model.experiments.search import Search
from model.experiments.server import ExperimentError, missing
from model.training.run_json import Asked, RunError, differences

if TYPE_CHECKING:
    import optuna

NAME = "maskserve"
ASKED, SEARCH, METRIC = "asked", "search", "metric"
"""Attributes of a study: its arguments, its search space, and the name of the figure that ranks trials."""
REASON, BEST_STEP = "reason", "best_step"
"""Attributes of a trial: why it failed or ended early, and the step of its best report."""
TRIALS_TO_COMPARE = 5
"""Completed trials before one may be ended early."""
UNCOMPARED = 0.25
"""Share of the steps after which trials may be ended early."""


@dataclass
class Claim:
    """A trial that this process works on; no other one does until it is closed, or the process ends.

    Attributes:
        trial: of Optuna.
        values: what it tries, by name.
        folder: its run folder.
        resumed: whether a process that has ended had begun it.
    """

    trial: optuna.Trial
    values: Mapping[str, Any]
    folder: Path
    resumed: bool
    lock: IO[str] = field(repr=False)

    @property
    def number(self) -> int:
        """The number of the trial, from 0."""
        return self.trial.number

    def __enter__(self) -> Claim:
        return self

    def __exit__(self, *_: object) -> None:
        self.lock.close()


def folder_beside(path: Path) -> Path:
    """The folder of the trials, the table and the plots of the study in this file."""
    return path.with_name(f"{path.stem}-runs")


class Study:
    """The trials in a file.

    A trial whose process was stopped or killed is continued from its last checkpoint by the next process:
    its lock, which ends with the process, tells. (Optuna's own heartbeat does not work with such a file.)

    Args:
        path: of the file; created if missing.
        asked: the arguments with which a trial of the recipe's own values would train. A file that holds a
            study with others is refused.
        search: what to try.
        defaults: the recipe's own values, by name; if the search contains them, they are the first trial.

    Attributes:
        folder: has the run folder of each trial, the table and the plots.

    Raises:
        ExperimentError: Optuna is not installed, or the file is no study, or another one.
    """

    def __init__(self, path: Path, asked: Asked, search: Search, defaults: Mapping[str, Any]) -> None:
        try:
            import optuna
        except ModuleNotFoundError as error:
            raise missing(error) from None

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.path = path
        self.folder = folder_beside(path)
        self._search = search
        plan = asked["plan"]
        self._seed = int(plan["seed"])
        if path.is_dir():
            raise ExperimentError(
                f"--study {path} is a folder: give a file, such as {path / 'study.journal'}"
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.locked():
            self.optuna = _opened(path, plan["steps"])
            self._check(asked)
            if not self.optuna.get_trials(deepcopy=False) and search.contains(defaults):
                self.optuna.enqueue_trial(search.labels(defaults))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """While open, no other process changes the study or its files, except within its own trial."""
        with (self.folder / "study.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def claim(self, trials: int) -> Claim | None:
        """The next trial to work on; None if the study has `trials` ended ones or as many are being done.

        A trial that a process has left unfinished comes first.
        """
        from optuna.trial import Trial, TrialState

        with self.locked():
            known = self.optuna.get_trials(deepcopy=False)
            if self.finished() >= trials:
                return None
            for one in known:
                if one.state == TrialState.RUNNING and (lock := self._lock_of(one.number)):
                    self._sample_as(one.number)
                    return self._claimed(Trial(self.optuna, one._trial_id), lock, resumed=True)
            begun = [one for one in known if one.state != TrialState.WAITING]
            if len(begun) >= trials:
                return None
            trial = self.optuna.ask()
            self._sample_as(trial.number)
            lock = self._lock_of(trial.number)
            if lock is None:
                raise RunError(f"{self.folder}: trial {trial.number} is locked by another process")
            return self._claimed(trial, lock, resumed=False)

    def complete(self, claim: Claim, value: float, step: int) -> None:
        """Record a trial's value, the greater the better, and the step at which it was measured."""
        claim.trial.set_user_attr(BEST_STEP, step)
        self.optuna.tell(claim.trial, value)

    def prune(self, claim: Claim, reason: str) -> None:
        """Record that a trial was ended early."""
        from optuna.trial import TrialState

        claim.trial.set_user_attr(REASON, reason)
        self.optuna.tell(claim.trial, state=TrialState.PRUNED)

    def fail(self, claim: Claim, reason: str) -> None:
        """Record that a trial failed."""
        from optuna.trial import TrialState

        claim.trial.set_user_attr(REASON, reason)
        self.optuna.tell(claim.trial, state=TrialState.FAIL)

    def measure_by(self, name: str) -> None:
        """Record the name of the figure that trials are ranked by."""
        if self.metric != name:
            self.optuna.set_user_attr(METRIC, name)

    @property
    def metric(self) -> str:
        """The name of the figure that trials are ranked by; empty before the first report."""
        return str(self.optuna.user_attrs.get(METRIC, ""))

    @property
    def trials(self) -> list[optuna.trial.FrozenTrial]:
        """All trials, in order."""
        return self.optuna.get_trials(deepcopy=False)

    def finished(self) -> int:
        """The number of trials that are completed, ended early or failed."""
        return sum(one.state.is_finished() for one in self.trials)

    def best(self) -> optuna.trial.FrozenTrial | None:
        """The completed trial with the greatest value; None if there is none."""
        done = [one for one in self.trials if one.state.name == "COMPLETE"]
        return max(done, key=lambda one: one.value or 0.0, default=None)

    def figure_of(self, trial: optuna.trial.FrozenTrial) -> float:
        """The figure by which a completed trial is ranked; of some, less is better."""
        value = trial.value or 0.0
        return -value if self.metric.startswith("-") else value

    def values_of(self, trial: optuna.trial.FrozenTrial) -> dict[str, Any]:
        """What a trial tried, by name."""
        return self._search.from_labels(trial.params)

    def folder_of(self, number: int) -> Path:
        """The run folder of a trial."""
        return self.folder / f"{number:04}"

    def _claimed(self, trial: optuna.Trial, lock: IO[str], resumed: bool) -> Claim:
        return Claim(trial, self._search.suggested(trial), self.folder_of(trial.number), resumed, lock)

    def _lock_of(self, number: int) -> IO[str] | None:
        """The lock of a trial; None if a process holds it."""
        file = (self.folder / f"{number:04}.lock").open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return None
        return file

    def _sample_as(self, number: int) -> None:
        """Let random draws depend on the seed and the trial alone, so that no two processes draw the same."""
        from optuna.samplers import TPESampler

        seed = int(np.random.SeedSequence([self._seed, number]).generate_state(1)[0])
        self.optuna.sampler = TPESampler(seed=seed)

    def _check(self, asked: Asked) -> None:
        """Raise ExperimentError if the file's study was begun with other arguments."""
        wanted = json.loads(json.dumps({ASKED: asked, SEARCH: self._search.to_json()}))
        known = self.optuna.user_attrs
        if ASKED not in known:
            for name, values in wanted.items():
                self.optuna.set_user_attr(name, values)
            return
        changed = differences(known[ASKED], wanted[ASKED])
        old, new = known[ASKED]["plan"]["steps"], wanted[ASKED]["plan"]["steps"]
        if old != new:
            changed.append(f"--steps {old}, not {new}")
        if known[SEARCH] != wanted[SEARCH]:
            names = {*known[SEARCH], *wanted[SEARCH]}
            other = sorted(name for name in names if known[SEARCH].get(name) != wanted[SEARCH].get(name))
            changed.append(f"another search of {', '.join(other)}")
        if changed:
            raise ExperimentError(
                f"{self.path} holds a study with {'; '.join(changed)}: repeat its command to continue it, or "
                "give another file with --study"
            )


def _opened(path: Path, steps: int) -> optuna.Study:
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    try:
        return optuna.create_study(
            storage=JournalStorage(JournalFileBackend(str(path))),
            study_name=NAME,
            direction="maximize",
            load_if_exists=True,
            pruner=optuna.pruners.MedianPruner(
                n_startup_trials=TRIALS_TO_COMPARE, n_warmup_steps=int(steps * UNCOMPARED)
            ),
        )
    except (ValueError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise ExperimentError(
            f"--study {path} is not a study, or its last line is incomplete ({error}): delete that line, or "
            "give another file"
        ) from error
