"""Training: the training loop, which can be stopped or killed and continued, and its schedule."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

import keras
import numpy as np
from keras import ops
from tqdm import tqdm

from model.data.sample import DataSet
from model.families.mask_rcnn.batches import BatchSource
from model.families.mask_rcnn.diverging import suspects, why_not_finite
from model.families.mask_rcnn.network import MaskRCNN
from model.families.mask_rcnn.run_folder import RunFolder, not_finite
from model.families.mask_rcnn.run_json import RunError
from model.families.mask_rcnn.stopping import Stop, stoppable
from model.families.mask_rcnn.training_network import TrainingNetwork
from model.families.mask_rcnn.training_plan import LAYER_STAGES, Plan
from model.families.mask_rcnn.validation import Validation
from model.families.mask_rcnn.weights import save_weights


def train(network: MaskRCNN, data: DataSet, plan: Plan, run: RunFolder, validation: Validation) -> None:
    """Train `network` in place, continuing from the run folder's last checkpoint, if there is one.

    A run that is killed at any moment and started again with the same arguments ends with the same weights
    as if it had never stopped (on one machine and backend): each step's batch depends only on the seed and
    the step, and a checkpoint holds everything else.

    Raises:
        Stopped: by SIGINT or SIGTERM; a checkpoint of the last step has been written.
        RunError: the run cannot continue; the message says why.
    """
    choose_layers(network.layers, plan.layers)
    trainer = TrainingNetwork(network)
    trainer.compile(optimizer=_optimizer(network, plan), jit_compile=keras.backend.backend() == "jax")
    trainer.optimizer.build(trainer.trainable_variables)
    state = [*trainer.variables, *trainer.optimizer.variables]
    first = run.restore(state)
    if broken := not_finite(state):
        what_to_do = "delete checkpoint.npz to start again" if first else "start from other --weights"
        raise RunError(f"the initial weights are not finite in {broken}: {what_to_do}")
    suspected = suspects(trainer.variables)
    source = BatchSource(
        data, network.config, plan.augmentation, plan.batch_size, plan.picture_size, plan.seed
    )
    objects = 0
    with stoppable() as stop, _bar(first, plan.steps) as bar:
        report = partial(_report, trainer, network, plan, run, validation, stop, bar)
        if first == plan.steps:  # the run may have been killed between its last checkpoint and the report
            report(first)
        for step, batch in source.batches(first, plan.steps):
            trainer.reset_metrics()
            answer = trainer.train_on_batch(batch, return_dict=True)
            values = {name: float(value) for name, value in answer.items()}
            objects += int(np.count_nonzero(batch["class_ids"]))
            run.record(step + 1, values)
            if not np.isfinite(values["loss"]):
                run.history.write()  # includes this step; a restart reads it up to the checkpoint's step
                cause = why_not_finite(
                    step + 1,
                    values,
                    objects=objects,
                    learning_rate=float(trainer.optimizer.learning_rate),
                    kept=run.steps_done(),
                    suspected=suspected,
                )
                raise RunError(cause)
            bar.set_postfix({name.removesuffix("_loss"): f"{value:.3f}" for name, value in values.items()})
            bar.update()
            if step == first:
                bar.forget_the_start()
            report_due = run.is_report_due(step + 1, plan.steps)
            if report_due or stop.asked or run.is_due(step + 1, plan.steps):
                run.checkpoint(step + 1, state)
            stop.check()
            if report_due:
                report(step + 1)
    if plan.average:
        trainer.optimizer.finalize_variable_values(trainer.trainable_variables)


def choose_layers(layers: Sequence[keras.Layer], stage: str) -> None:
    """Let only the layers of a stage learn."""
    for layer in layers:
        layer.trainable = re.fullmatch(LAYER_STAGES[stage], layer.name) is not None


class _Bar(tqdm):
    """Progress bar for the steps of a run; its estimate includes the time for reports."""

    def forget_the_start(self) -> None:
        """Exclude the first step from the estimate, as it compiles the network."""
        self.initial = self.n
        self.unpause()
        self.start_t = self.last_print_t


def _bar(first: int, steps: int) -> _Bar:
    """A progress bar whose estimate uses the mean over the whole run, so that it includes future reports."""
    return _Bar(total=steps, initial=first, unit="step", desc="train", smoothing=0)


def _report(
    trainer: TrainingNetwork,
    network: MaskRCNN,
    plan: Plan,
    run: RunFolder,
    validation: Validation,
    stop: Stop,
    bar: _Bar,
    step: int,
) -> None:
    """Evaluate the network at this step with its averaged weights, and write the report."""
    done = 0

    def before_each() -> None:
        nonlocal done
        stop.check()
        done += 1
        bar.set_description(f"report, {done} of {validation.parts}")

    with _AveragedWeights(trainer, plan):
        run.report(
            step,
            partial(save_weights, network.layers),
            lambda: validation.measure(trainer, network, before_each),
        )
    bar.set_description("train")


class _AveragedWeights:
    """While open, the network has the running average of its weights, which gives better predictions."""

    def __init__(self, trainer: TrainingNetwork, plan: Plan) -> None:
        self.variables = trainer.trainable_variables
        self.optimizer = trainer.optimizer
        self.enabled = plan.average > 0

    def __enter__(self) -> None:
        if self.enabled:
            self.own = [ops.convert_to_numpy(variable).copy() for variable in self.variables]
            self.optimizer.finalize_variable_values(self.variables)

    def __exit__(self, *_: object) -> None:
        if self.enabled:
            for variable, value in zip(self.variables, self.own, strict=True):
                variable.assign(value)


def _optimizer(network: MaskRCNN, plan: Plan) -> keras.optimizers.Optimizer:
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        decay_steps=plan.steps - plan.warmup_steps,
        alpha=0.01,
        warmup_target=network.config.learning_rate,
        warmup_steps=plan.warmup_steps,
    )
    config = network.config
    common = {
        "weight_decay": config.weight_decay,
        "global_clipnorm": config.gradient_clip_norm,
        "use_ema": plan.average > 0,
        "ema_momentum": plan.average or None,
    }
    if plan.optimizer == "sgd":
        optimizer = keras.optimizers.SGD(schedule, momentum=config.learning_momentum, **common)
    else:
        optimizer = keras.optimizers.AdamW(schedule, **common)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer
