"""Training: the network with its losses, a schedule, and a loop that survives being killed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops
from tqdm import tqdm

from model.data.sample import DataSet
from model.families.mask_rcnn import losses
from model.families.mask_rcnn.anchors import level_sizes, pyramid_anchors
from model.families.mask_rcnn.batches import Batch, BatchSource
from model.families.mask_rcnn.host import call_on_host
from model.families.mask_rcnn.network import MaskRCNN
from model.families.mask_rcnn.proposals import propose
from model.families.mask_rcnn.run_folder import RunError, RunFolder
from model.families.mask_rcnn.sampling import sample
from model.families.mask_rcnn.targets import Truth, roi_targets
from model.families.mask_rcnn.training_plan import LAYER_STAGES, Plan


class TrainingNetwork(keras.Model):
    """A MaskRCNN that answers its five losses on a `BatchSource` batch."""

    def __init__(self, network: MaskRCNN) -> None:
        super().__init__(name="training")
        self.config = network.config
        self.trunk_model = network.trunk_model
        self.box_model = network.box_model
        self.mask_model = network.mask_model
        self.averages = {name: keras.metrics.Mean(name) for name in ("loss", *self.config.loss_weights)}
        self.built = True  # its parts are

    @property
    def metrics(self) -> list[keras.Metric]:
        return list(self.averages.values())

    def call(self, batch: Batch, training: bool = False) -> dict[str, Any]:
        cells, objectness, rpn_deltas = self.trunk_model(batch["picture"], training=training)
        class_ids, deltas, masks, *samples = self._roi_targets(batch, objectness, rpn_deltas)
        logits, box_deltas = self.box_model([cells, *samples[:2]], training=training)
        positives = self.config.positive_rois_per_image
        positive_ids = class_ids[:, :positives]
        answered_masks = self.mask_model(
            [cells, *samples[2:], ops.maximum(positive_ids, 0)], training=training
        )
        return {
            "rpn_class_loss": losses.rpn_class_loss(batch["rpn_match"], objectness),
            "rpn_bbox_loss": losses.rpn_bbox_loss(batch["rpn_match"], batch["rpn_deltas"], rpn_deltas),
            "mrcnn_class_loss": losses.mrcnn_class_loss(class_ids, logits),
            "mrcnn_bbox_loss": losses.mrcnn_bbox_loss(class_ids, deltas, box_deltas),
            "mrcnn_mask_loss": losses.mrcnn_mask_loss(positive_ids, masks, answered_masks),
        }

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The weighted sum of the five (Keras calls it from its own train step)."""
        total = sum(weight * y_pred[name] for name, weight in self.config.loss_weights.items())
        self.averages["loss"].update_state(total)
        for name, value in y_pred.items():
            self.averages[name].update_state(value)
        return total

    def _roi_targets(self, batch: Batch, objectness: Any, rpn_deltas: Any) -> list[Any]:
        """What the heads train on, chosen on the host where no gradient flows.

        Class ids, deltas and masks, then the `Samples` of the box head and those of the mask head.
        """
        config = self.config
        count, size = batch["picture"].shape[:2]
        rois, positives = config.train_rois_per_image, config.positive_rois_per_image
        anchors = pyramid_anchors(config, size, size)

        def choose(
            objectness: npt.NDArray,
            deltas: npt.NDArray,
            boxes: npt.NDArray,
            class_ids: npt.NDArray,
            mini_masks: npt.NDArray,
            crowd_boxes: npt.NDArray,
            seeds: npt.NDArray,
        ) -> list[npt.NDArray]:
            of_pictures = []
            for index, seed in enumerate(seeds):
                proposals = propose(
                    objectness[index],
                    deltas[index],
                    anchors,
                    config,
                    config.post_nms_rois_training,
                    level_sizes(config, size, size),
                )
                there, crowded = class_ids[index] > 0, crowd_boxes[index].any(axis=1)  # the rest is padding
                truth = Truth(
                    boxes[index][there],
                    class_ids[index][there],
                    mini_masks[index][there],
                    crowd_boxes[index][crowded],
                )
                of_pictures.append(roi_targets(proposals, truth, config, np.random.default_rng(seed)))
            chosen, *targets = (
                np.stack([getattr(targets, name) for targets in of_pictures])
                for name in ("rois", "class_ids", "deltas", "masks")
            )
            of_boxes = sample(chosen, (size, size), config.pool_size)
            of_masks = sample(chosen[:, :positives], (size, size), config.mask_pool_size)
            return [*targets, *of_boxes, *of_masks]

        from_batch = ("boxes", "class_ids", "mini_masks", "crowd_boxes", "seed")
        return call_on_host(
            choose,
            [objectness, rpn_deltas, *(batch[name] for name in from_batch)],
            [
                ((count, rois), "int32"),
                ((count, rois, 4), "float32"),
                ((count, positives, *config.mask_shape), "float32"),
                *_samples(count, rois, config.pool_size),
                *_samples(count, positives, config.mask_pool_size),
            ],
        )


def _samples(count: int, rois: int, size: int) -> list[tuple[tuple[int, ...], str]]:
    shape = (count, rois, size, size, 4)
    return [(shape, "int32"), (shape, "float32")]


def train(network: MaskRCNN, data: DataSet, plan: Plan, run: RunFolder) -> None:
    """Train `network` in place, from the run folder's last checkpoint on, if it has one.

    Killed at any moment and started again with the same arguments, it ends with the same weights as if it
    had never stopped (on one machine and backend): each step's batch follows from the seed and the step,
    and a checkpoint holds everything else.
    """
    _choose_layers(network.layers, plan.layers)
    trainer = TrainingNetwork(network)
    trainer.compile(optimizer=_optimizer(network, plan), jit_compile=keras.backend.backend() == "jax")
    trainer.optimizer.build(trainer.trainable_variables)
    state = [*trainer.variables, *trainer.optimizer.variables]
    first = run.restore(state)
    if first == plan.steps:  # it may have been killed between its last checkpoint and the report
        with _AveragedWeights(trainer, plan):
            run.report(first, network)
    source = BatchSource(
        data, network.config, plan.augmentation, plan.batch_size, plan.picture_size, plan.seed
    )
    with tqdm(total=plan.steps, initial=first, unit="step", smoothing=0.05) as bar:
        for step, batch in source.batches(first, plan.steps):
            trainer.reset_metrics()
            answer = trainer.train_on_batch(batch, return_dict=True)
            values = {name: float(value) for name, value in answer.items()}
            if not np.isfinite(values["loss"]):
                raise RunError(
                    f"the loss is {values['loss']} at step {step + 1}: the last checkpoint is kept; "
                    "start anew with a lower --learning-rate"
                )
            run.record(step + 1, values)
            bar.set_postfix({name.removesuffix("_loss"): f"{value:.3f}" for name, value in values.items()})
            bar.update()
            if run.is_due(step + 1, plan.steps):
                run.checkpoint(step + 1, state)
                with _AveragedWeights(trainer, plan):
                    run.report(step + 1, network)
    if plan.average:
        trainer.optimizer.finalize_variable_values(trainer.trainable_variables)


class _AveragedWeights:
    """While open, the network holds the running average of its weights, which predicts better."""

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


def _choose_layers(layers: Sequence[keras.Layer], stage: str) -> None:
    for layer in layers:
        layer.trainable = re.fullmatch(LAYER_STAGES[stage], layer.name) is not None


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
