"""Training lowers the losses of the layers that it may touch, whatever is in the pictures."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import keras
import numpy as np
import pytest
from drawn_data import BOOT, TINY, Drawn, labels_with, sample_of

from model.mrcnn import MaskRCNN
from model.mrcnn.run_folder import RunError, RunFolder
from model.mrcnn.training import train
from model.mrcnn.training_plan import LAYER_STAGES, Plan

# Keras turns TensorFlow's variables into arrays in a way that NumPy 2 will give up one day.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

HEADS = ("mrcnn_", "rpn_", "fpn_")
PLAN = Plan(steps=4, batch_size=2, picture_size=64, layers="heads", warmup_steps=1, average=0.5)


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
    run = RunFolder(tmp_path / "run", {}, data)
    plan = Plan(steps=40, batch_size=2, picture_size=64, warmup_steps=5, average=0.0)
    train(network, Drawn([data[0]]), plan, run)
    losses = [row["loss"] for row in run.history]
    assert np.mean(losses[-5:]) < 0.6 * np.mean(losses[:5])


def values_of(network: MaskRCNN) -> dict[str, list[np.ndarray]]:
    return {layer.name: layer.get_weights() for layer in network.layers}


def test_only_the_chosen_layers_learn_and_every_loss_is_finite(tmp_path: Path, data: Drawn) -> None:
    keras.utils.set_random_seed(0)
    network = MaskRCNN(dataclasses.replace(TINY, train_bn=True))
    before = values_of(network)
    run = RunFolder(tmp_path / "run", {}, data)
    train(network, data, PLAN, run)

    for name, weights in values_of(network).items():
        moved = any(not np.array_equal(a, b) for a, b in zip(weights, before[name], strict=True))
        assert moved == name.startswith(HEADS), name
    assert [row["step"] for row in run.history] == [1, 2, 3, 4]
    for row in run.history:
        assert set(row) == {"step", "loss", *TINY.loss_weights}
        assert np.isfinite(list(row.values())).all()
        assert row["loss"] == pytest.approx(sum(row[name] for name in TINY.loss_weights), rel=1e-4)

    stored = MaskRCNN(network.config)
    stored.load_weights(run.weights_path)
    for name, weights in values_of(stored).items():  # the averaged ones, which training ends with
        for ours, expected in zip(weights, values_of(network)[name], strict=True):
            np.testing.assert_allclose(ours, expected, atol=1e-7)


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
        ({"layers": "top"}, "heads, 3\\+, 4\\+, 5\\+, all"),
        ({"optimizer": "adam"}, "sgd, adamw"),
        ({"picture_size": 100}, "multiple of 64"),
        ({"warmup_steps": 10}, "fewer than steps 10"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(values: dict, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Plan(**{"steps": 10, "warmup_steps": 0, **values})


def test_a_folder_with_another_run_is_refused_and_left_alone(tmp_path: Path, data: Drawn) -> None:
    RunFolder(tmp_path, {"seed": 1, "plan": {"steps": 5}, "classes": ("a", "b")}, data)
    RunFolder(tmp_path, {"seed": 1, "plan": {"steps": 5}, "classes": ["a", "b"]}, data)  # the same, to JSON
    with pytest.raises(RunError, match=r"other values of plan, weights: repeat its command .* --out"):
        RunFolder(tmp_path, {"seed": 1, "plan": {"steps": 6}, "classes": ["a", "b"], "weights": "x.h5"}, data)
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


def test_a_kill_while_the_folder_is_claimed_spoils_nothing(tmp_path: Path, data: Drawn) -> None:
    (tmp_path / "run.json.part").write_text('{"se')
    RunFolder(tmp_path, {"seed": 1}, data)
    RunFolder(tmp_path, {"seed": 1}, data)


def test_a_checkpoint_is_due_in_time_and_at_the_end(tmp_path: Path, data: Drawn) -> None:
    patient, eager = (RunFolder(tmp_path, {}, data, seconds) for seconds in (1000, 0))
    assert not patient.is_due(3, 5)
    assert patient.is_due(5, 5)
    assert eager.is_due(3, 5)


def test_a_restored_state_is_the_stored_one_without_later_history(tmp_path: Path, data: Drawn) -> None:
    run = RunFolder(tmp_path, {}, data)
    stored = [keras.Variable([1.0, 2.0]), keras.Variable(7, dtype="int32", trainable=False)]
    assert run.restore(stored) == 0
    for step in (1, 2):
        run.record(step, {"loss": step / 2})
    run.checkpoint(2, stored)
    # Killed after the history of the next checkpoint, in the middle of its state.
    with (tmp_path / "history.csv").open("a") as history:
        history.write("3,1.5\n")
    (tmp_path / "checkpoint.part.npz").write_bytes(b"PK\x03\x04 cut off")

    again = RunFolder(tmp_path, {}, data)
    state = [keras.Variable([0.0, 0.0]), keras.Variable(0, dtype="int32", trainable=False)]
    assert again.restore(state) == 2
    np.testing.assert_array_equal(state[0], [1, 2])
    assert int(state[1]) == 7
    assert again.history == [{"step": 1, "loss": 0.5}, {"step": 2, "loss": 1.0}]
    again.checkpoint(2, state)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint.npz", "history.csv", "run.json"]
    assert (tmp_path / "history.csv").read_text().splitlines() == ["step,loss", "1,0.5", "2,1.0"]
