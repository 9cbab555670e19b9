"""Training lowers the losses of the layers that it may touch, whatever is in the pictures."""

from __future__ import annotations

import csv
import dataclasses
import json
import re
from pathlib import Path

import keras
import numpy as np
import pytest
from drawn_data import BOOT, TINY, Drawn, labels_with, sample_of

from model.families.mask_rcnn.augmentation import UPRIGHT, Augmentation
from model.families.mask_rcnn.learner import MaskRCNNLearner
from model.families.mask_rcnn.training_plan import LAYER_STAGES, InstancePlan
from model.families.mask_rcnn.validation import Validation
from model.mrcnn import MaskRCNN
from model.training.loop import train
from model.training.run_folder import RunFolder
from model.training.run_json import RunError

# Keras turns TensorFlow's variables into arrays in a way that NumPy 2 will give up one day.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

HEADS = ("mrcnn_", "rpn_", "fpn_")
PLAN = InstancePlan(steps=4, batch_size=2, picture_size=64, layers="heads", warmup_steps=1, average=0.5)


def train_in(
    folder: Path, network: MaskRCNN, data: Drawn, plan: InstancePlan, *, held_out: bool = False
) -> RunFolder:
    learner = MaskRCNNLearner(network, data, plan, Validation(data, plan, held_out=held_out))
    run = RunFolder(folder, {}, plan, learner.ranking)
    train(learner, run)
    return run


@pytest.fixture
def data() -> Drawn:
    """A picture with two objects, and one with none: its batches have no positive anchor or RoI."""
    boots = labels_with((80, 90), [(20, 30, BOOT), (50, 60, BOOT)])
    sample = sample_of(boots)
    sample.class_ids[:] = 1
    return Drawn([sample, sample_of(np.zeros((80, 90), np.uint16))])


def test_training_on_one_picture_lowers_its_loss(tmp_path: Path, data: Drawn) -> None:
    keras.utils.set_random_seed(0)
    network = MaskRCNN(dataclasses.replace(TINY, train_bn=True, learning_rate=0.003))
    plan = InstancePlan(steps=40, batch_size=2, picture_size=64, warmup_steps=5, average=0.0)
    run = train_in(tmp_path / "run", network, Drawn([data[0]]), plan)
    losses = [row["loss"] for row in run.history.rows]
    assert np.mean(losses[-5:]) < 0.6 * np.mean(losses[:5])


def values_of(network: MaskRCNN) -> dict[str, list[np.ndarray]]:
    return {layer.name: layer.get_weights() for layer in network.layers}


@pytest.mark.usefixtures("untraced")
def test_only_the_chosen_layers_learn_and_every_loss_is_finite(tmp_path: Path, data: Drawn) -> None:
    keras.utils.set_random_seed(0)
    network = MaskRCNN(dataclasses.replace(TINY, train_bn=True))
    before = values_of(network)
    run = train_in(tmp_path / "run", network, data, PLAN)

    for name, weights in values_of(network).items():
        moved = any(not np.array_equal(a, b) for a, b in zip(weights, before[name], strict=True))
        assert moved == name.startswith(HEADS), name
    assert [row["step"] for row in run.history.rows] == [1, 2, 3, 4]
    for row in run.history.rows:
        assert set(row) == {"step", "loss", *TINY.loss_weights}
        assert np.isfinite(list(row.values())).all()
        assert row["loss"] == pytest.approx(sum(row[name] for name in TINY.loss_weights), rel=1e-4)

    stored = MaskRCNN(network.config)
    stored.load_weights(run.weights_path)
    for name, weights in values_of(stored).items():  # the averaged ones, which training ends with
        for ours, expected in zip(weights, values_of(network)[name], strict=True):
            np.testing.assert_allclose(ours, expected, atol=1e-7)


def test_weights_that_are_not_finite_are_named_before_the_first_step(tmp_path: Path, data: Drawn) -> None:
    network = MaskRCNN(TINY)
    network.trunk_model.get_layer("conv1").kernel.assign(np.full((7, 7, 3, 48), np.nan))
    with pytest.raises(RunError, match=r"initial weights are not finite in conv1/kernel: start from other"):
        train_in(tmp_path / "run", network, data, PLAN, held_out=True)
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["run.json"]


@pytest.mark.usefixtures("untraced")
def test_a_loss_that_is_not_finite_before_the_first_checkpoint_leaves_the_losses_so_far(
    tmp_path: Path, data: Drawn
) -> None:
    keras.utils.set_random_seed(0)
    network = MaskRCNN(dataclasses.replace(TINY, train_bn=True, learning_rate=1e30))
    longer = PLAN.model_copy(update={"steps": 6})
    with pytest.raises(RunError, match=r"is nan at step \d .*There is no checkpoint yet; .* learning rate"):
        train_in(tmp_path / "run", network, Drawn([data[0]]), longer, held_out=True)
    with (tmp_path / "run/history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == list(range(1, len(rows) + 1))
    assert np.isfinite(float(rows[0]["loss"]))
    assert not np.isfinite(float(rows[-1]["loss"]))


@pytest.mark.parametrize(
    ("stage", "learns", "rests"),
    [
        ("heads", ["mrcnn_mask", "rpn_conv_shared", "fpn_p2"], ["conv1", "res5c_branch2c", "bn_conv1"]),
        ("5+", ["res5a_branch1", "bn5b_branch2a", "mrcnn_mask"], ["res4a_branch1", "bn4a_branch1"]),
        ("4+", ["res4w_branch2a", "bn5a_branch1", "fpn_c5p5"], ["res3d_branch2a", "conv1"]),
        ("3+", ["res3a_branch1", "bn4a_branch1"], ["res2a_branch1", "bn2a_branch1", "bn_conv1"]),
        ("all", ["conv1", "bn_conv1", "res2a_branch1", "mrcnn_mask"], []),
    ],
)
def test_a_stage_names_the_layers_that_learn(stage: str, learns: list[str], rests: list[str]) -> None:
    assert all(re.fullmatch(LAYER_STAGES[stage], name) for name in learns)
    assert not any(re.fullmatch(LAYER_STAGES[stage], name) for name in rests)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"layers": "top"}, "'heads', '3\\+', '4\\+', '5\\+', 'all'"),
        ({"optimizer": "adagrad"}, "'sgd', 'adam', 'adamw'"),
        ({"picture_size": 100}, "multiple of 64"),
        ({"warmup_steps": 10}, "fewer than steps 10"),
        ({"steps": 0}, "steps 0 must be at least 1"),
        ({"batch_size": 0}, "batch_size 0 must be at least 1"),
        ({"picture_size": 0}, "multiple of 64"),
        ({"picture_size": -64}, "multiple of 64"),
        ({"average": 1.0}, "average 1.0 must be below 1"),
        ({"average": -0.1}, "average -0.1 must be at least 0"),
        ({"average": float("nan")}, "average nan must be"),
        ({"seed": -1}, "seed -1 must be at least 0"),
        ({"seed": 2**32}, "at most 4294967295"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(values: dict, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        InstancePlan.from_json({"steps": 10, "warmup_steps": 0, **values})


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"zoom": (1.6, 0.6)}, r"zoom \(1\.6, 0\.6\): give the lowest factor, above 0, then the highest"),
        ({"contrast": (0, 1)}, "contrast .* above 0"),
        ({"gamma": (-1, 1)}, "gamma .* above 0"),
        ({"gamma": (1, float("nan"))}, "gamma .* above 0"),
        ({"invert": 8}, "invert 8 is outside 0…1"),
        ({"noise": -0.1}, "noise -0.1 is outside 0…1"),
        ({"least_visible": 2}, "least_visible 2 is outside 0…1"),
        ({"brightness": -1}, "brightness -1: give 0 or more"),
        ({"channel_gain": float("nan")}, "channel_gain nan: give 0 or more"),
    ],
)
def test_an_augmentation_that_cannot_be_is_refused(values: dict, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Augmentation(**values)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"stepz": 5}, r"stepz is unknown: did you mean steps\?"),
        ({"steps": "many"}, "steps: .*valid integer"),
        ({"augmentation": {"zom": [1, 2]}}, r"augmentation\.zom is unknown: did you mean zoom\?"),
        ({"augmentation": {"zoom": 2}}, r"augmentation\.zoom .* must be a list"),
        ({"augmentation": {"blur": "often"}}, r"augmentation\.blur: .*valid number"),
        ({"augmentation": {"blur": 2}}, r"augmentation: blur 2\.0 is outside 0…1"),
        ({"augmentation": [1]}, "augmentation .* must be a section"),
    ],
)
def test_a_plan_in_json_is_refused_by_the_name_of_what_is_wrong(values: dict, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        InstancePlan.from_json({"steps": 10, "warmup_steps": 0, **values})


@pytest.mark.parametrize("augmentation", [Augmentation(), UPRIGHT])
def test_a_plan_survives_json(augmentation: Augmentation) -> None:
    plan = PLAN.model_copy(update={"augmentation": augmentation})
    assert InstancePlan.from_json(json.loads(plan.model_dump_json())) == plan
