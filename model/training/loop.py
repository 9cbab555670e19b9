"""The training loop, which can be stopped or killed and continued."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import keras
import numpy as np

from model.training.averaging import AveragedWeights
from model.training.diverging import suspects, why_not_finite
from model.training.learner import Learner
from model.training.observer import Observer
from model.training.optimizer import optimizer_of
from model.training.progress import Bar, bar_of
from model.training.run_folder import RunFolder, not_finite
from model.training.run_json import RunError
from model.training.stopping import Stop, stoppable


def train(learner: Learner, run: RunFolder, observers: Sequence[Observer] = ()) -> None:
    """Train a network in place, continuing from the run folder's last checkpoint, if there is one.

    A run that is killed at any moment and started again with the same arguments ends with the same weights
    as if it had never stopped (on one machine and backend): each step's batch depends only on the seed and
    the step, and a checkpoint holds everything else.

    Args:
        learner: the network, its batches and its evaluation.
        run: keeps checkpoints and reports.
        observers: are told of each step and report.

    Raises:
        Stopped: by SIGINT or SIGTERM; a checkpoint of the last step has been written.
        RunError: the run cannot continue; the message says why.
    """
    plan, trainer = learner.plan, learner.trainer
    trainer.compile(optimizer=optimizer_of(learner), jit_compile=keras.backend.backend() == "jax")
    trainer.optimizer.build(trainer.trainable_variables)
    state = [*trainer.variables, *trainer.optimizer.variables]
    first = run.restore(state)
    if broken := not_finite(state):
        what_to_do = "delete checkpoint.npz to start again" if first else "start from other --weights"
        raise RunError(f"the initial weights are not finite in {broken}: {what_to_do}")
    suspected = suspects(trainer.variables)
    labels = 0
    with stoppable() as stop, bar_of(first, plan.steps) as bar:
        report = partial(_report, learner, run, observers, stop, bar)
        if run.lacks_report(first):  # killed between a checkpoint and its report
            report(first)
        for step, batch in learner.batches(first, plan.steps):
            if run.is_finished(step):
                bar.write(f"Ended after {step} steps: {plan.patience} reports in a row were no better.")
                break
            trainer.reset_metrics()
            answer = trainer.train_on_batch(batch, return_dict=True)
            values = {name: float(value) for name, value in answer.items()}
            labels += learner.labels_in(batch)
            run.record(step + 1, values)
            if not np.isfinite(values["loss"]):
                run.history.write()  # includes this step; a restart reads it up to the checkpoint's step
                cause = why_not_finite(
                    step + 1,
                    values,
                    labels=labels,
                    learning_rate=float(trainer.optimizer.learning_rate),
                    kept=run.steps_done(),
                    suspected=suspected,
                )
                raise RunError(cause)
            bar.show(values)
            if step == first:
                bar.forget_the_start()
            for observer in observers:
                observer.step(step + 1, values)
            report_due = run.is_report_due(step + 1)
            if report_due or stop.asked or run.is_due(step + 1):
                run.checkpoint(step + 1, state)
            stop.check()
            if report_due:
                report(step + 1)
    if plan.average:
        trainer.optimizer.finalize_variable_values(trainer.trainable_variables)


def _report(
    learner: Learner, run: RunFolder, observers: Sequence[Observer], stop: Stop, bar: Bar, step: int
) -> None:
    """Evaluate the network at this step with its averaged weights, and write the report."""
    done = 0

    def before_each() -> None:
        nonlocal done
        stop.check()
        done += 1
        bar.set_description(f"report, {done} of {learner.parts}")

    with AveragedWeights(learner.trainer, learner.plan):
        figures = run.report(step, learner.save, lambda: learner.measure(before_each))
    for observer in observers:
        observer.report(step, figures)
    bar.set_description("train")
