"""The loop, for any network: it stops early, adds up gradients, and goes on where it was killed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from tiny_learner import TinyLearner

from model.training import optimizer
from model.training.loop import train
from model.training.plan import Plan
from model.training.run_folder import RunFolder

# Keras turns TensorFlow's variables into arrays in a way that NumPy 2 will give up one day.
pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.usefixtures("untraced", "undrawn"),
]

HERE = Path(__file__).parent
PLAN = {"steps": 16, "batch_size": 4, "warmup_steps": 2, "average": 0.9, "report_every": 4}


class Killed(Exception):
    """The process is gone: nothing that the loop would still do is done."""


class Killer:
    """An observer that ends the run after some steps or reports."""

    def __init__(self, steps: int = 0, reports: int = 0) -> None:
        self.steps, self.reports = steps, reports

    def step(self, step: int, values: object) -> None:
        self.steps -= 1
        if self.steps == 0:
            raise Killed

    def report(self, step: int, figures: object) -> None:
        self.reports -= 1
        if self.reports == 0:
            raise Killed


def run(
    folder: Path, figures: list[float] | None = None, killer: Killer | None = None, **plan: float
) -> TinyLearner:
    keras.utils.set_random_seed(3)
    learner = TinyLearner(Plan(**{**PLAN, **plan}), figures)
    train(learner, RunFolder(folder, {}, learner.plan, learner.ranking), [killer] if killer else [])
    return learner


def steps_in(folder: Path) -> list[int]:
    lines = (folder / "history.csv").read_text().splitlines()[1:]
    return [int(line.partition(",")[0]) for line in lines]


@pytest.mark.parametrize("plan", [{}, {"accumulate": 8, "optimizer": "sgd"}, {"patience": 1}])
def test_a_run_killed_at_any_step_or_report_ends_with_the_weights_of_one_left_alone(
    tmp_path: Path, plan: dict
) -> None:
    alone = run(tmp_path / "alone", **plan)
    for killer in (Killer(steps=6), Killer(reports=1), Killer(steps=1)):
        with pytest.raises(Killed):
            run(tmp_path / "killed", killer=killer, **plan)
    np.testing.assert_array_equal(run(tmp_path / "killed", **plan).weights, alone.weights)
    for name in ("history.csv", "model.weights.h5", "best.weights.h5"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()


def test_it_ends_when_reports_stay_worse_and_keeps_the_best(tmp_path: Path) -> None:
    learner = run(tmp_path, [0.1, 0.5, 0.4, 0.5], patience=2, steps=40)
    assert learner.measured == 4  # an equal one is no better
    assert steps_in(tmp_path)[-1] == 16
    assert (tmp_path / "best.weights.h5").read_bytes() != (tmp_path / "model.weights.h5").read_bytes()
    again = run(tmp_path, [], patience=2, steps=40)  # the command is repeated: nothing is left to do
    assert again.measured == 0
    assert steps_in(tmp_path)[-1] == 16


def test_a_better_report_in_time_lets_it_go_on(tmp_path: Path) -> None:
    assert run(tmp_path, [0.1, 0.0, 0.2, 0.1], patience=2).measured == 4


def test_accumulated_gradients_are_those_of_a_larger_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        optimizer, "LAST_SHARE", 1.0
    )  # a constant learning rate, as the schedule counts steps

    class Larger(TinyLearner):
        def batches(self, first: int, last: int):
            small = dict(TinyLearner(self.plan.model_copy(update={"batch_size": 2})).batches(0, 4 * last))
            for step in range(first, last):
                parts = [small[4 * step + part] for part in range(4)]
                yield step, {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    common = {"warmup_steps": 0, "average": 0.0, "report_every": 0, "optimizer": "sgd"}
    ends = []
    for kind, steps, more in ((TinyLearner, 8, {"accumulate": 4, "batch_size": 2}), (Larger, 2, {})):
        keras.utils.set_random_seed(3)
        learner = kind(Plan(steps=steps, **common, **more))
        learner.optimization = learner.optimization.__class__(0.05, momentum=0.0)
        folder = tmp_path / kind.__name__
        train(learner, RunFolder(folder, {}, learner.plan, learner.ranking))
        ends.append(learner.weights)
    np.testing.assert_allclose(ends[0], ends[1], rtol=1e-4)


def test_two_devices_share_each_batch_and_end_with_the_same_weights(tmp_path: Path) -> None:
    script = """
import sys
from pathlib import Path
import keras
from tiny_learner import TinyLearner
from model.training.devices import share_batches
from model.training.loop import train
from model.training.plan import Plan
from model.training.run_folder import RunFolder
for devices in (1, 2):
    keras.utils.set_random_seed(3)
    with share_batches(devices):
        learner = TinyLearner(Plan(steps=5, batch_size=4, warmup_steps=0, devices=devices))
        train(learner, RunFolder(Path(sys.argv[1]) / str(devices), {}, learner.plan, learner.ranking))
        if devices == 2:
            batch = next(learner.batches(0, 1))[1]["inputs"]
            import jax
            layout = keras.distribution.distribution().get_data_layout(batch.shape)
            shards = jax.device_put(batch, layout.backend_layout).addressable_shards
            assert [shard.data.shape for shard in shards] == [(2, 10), (2, 10)], shards
"""
    environment = {
        **os.environ,
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": "--xla_force_host_platform_device_count=2 --xla_backend_optimization_level=0",
        "PYTHONPATH": f"{HERE}{os.pathsep}{HERE.parents[2]}",
    }
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    one, two = ((tmp_path / devices / "model.weights.h5").open("rb") for devices in "12")
    with one, two:
        np.testing.assert_allclose(np.load(one), np.load(two), rtol=1e-5)


def test_more_devices_than_the_backend_can_use_are_refused_in_words(tmp_path: Path) -> None:
    from model.training.devices import share_batches

    with (
        pytest.raises(
            ValueError, match="--devices 2 needs Keras on JAX, and it runs on tensorflow: pip install"
        ),
        share_batches(2),
    ):
        pass
