"""A run folder belongs to one run and to one process, and tells of damage instead of failing in it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from model.training import run_json
from model.training.learner import Measured, Ranking
from model.training.plan import Plan
from model.training.run_folder import RunFolder, locked
from model.training.run_json import RunError

# Keras turns TensorFlow's variables into arrays in a way that NumPy 2 will give up one day.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

ROOT = Path(__file__).resolve().parents[3]


RANKING = Ranking(("val_mAP", "-val_loss"), "AP", ("val_mAP", "val_AP50"))


def folder_of(
    folder: Path, asked: dict | None = None, *, every_seconds: float = 300, **plan: int
) -> RunFolder:
    """A run folder for five steps, if the plan does not say otherwise."""
    values = {"steps": 5, "warmup_steps": 0, **plan}
    return RunFolder(folder, asked or {}, Plan(**values), RANKING, every_seconds)


HASHES = {
    "data_sha256": "a" * 64,
    "validation_sha256": "b" * 64,
    "made_by": {"command": "x", "git_commit": ""},
}


def test_a_run_is_continued_only_with_the_files_that_it_began_with(tmp_path: Path) -> None:
    folder_of(tmp_path, {"data": "cells", **HASHES})
    folder_of(tmp_path, {"data": "cells", **HASHES, "made_by": {"command": "y", "git_commit": "z"}})
    assert run_json.read(tmp_path)["made_by"] == {"command": "y", "git_commit": "z"}  # type: ignore[index]
    with pytest.raises(RunError, match=r"the files of --data have changed since .* restore them"):
        folder_of(tmp_path, {"data": "cells", **HASHES, "data_sha256": "c" * 64})
    with pytest.raises(RunError, match="--data cells, not plants"):  # which is the better reason
        folder_of(tmp_path, {"data": "plants", **HASHES, "data_sha256": "c" * 64})


def test_a_run_from_when_there_were_no_hashes_is_continued(tmp_path: Path) -> None:
    folder_of(tmp_path, {"data": "cells"})
    folder_of(tmp_path, {"data": "cells", **HASHES})
    with pytest.raises(RunError, match="the files of --validation have changed"):
        folder_of(tmp_path, {"data": "cells", **HASHES, "validation_sha256": "c" * 64})


@pytest.fixture
def state() -> list[keras.Variable]:
    return [keras.Variable(np.arange(1000, dtype=np.float32)), keras.Variable(7, dtype="int32")]


@pytest.fixture
def run(tmp_path: Path, state: list[keras.Variable]) -> RunFolder:
    """A run with a checkpoint of its second step."""
    run = folder_of(tmp_path)
    for step in (1, 2):
        run.record(step, {"loss": step / 2})
    run.checkpoint(2, state)
    return run


def test_a_folder_with_another_run_is_refused_and_left_alone(tmp_path: Path) -> None:
    folder_of(tmp_path, {"seed": 1, "plan": {"steps": 5}, "classes": ("a", "b")})
    folder_of(tmp_path, {"seed": 1, "plan": {"steps": 5}, "classes": ["a", "b"]})  # the same, to JSON
    with pytest.raises(RunError, match=r"holds a run with --seed 1, not 2; .* repeat its command .* --out"):
        folder_of(tmp_path, {"seed": 2, "plan": {"steps": 5}, "classes": ["a"]})
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


def test_a_kill_while_the_folder_is_claimed_spoils_nothing(tmp_path: Path) -> None:
    (tmp_path / "run.json.part").write_text('{"se')
    folder_of(tmp_path, {"seed": 1})
    folder_of(tmp_path, {"seed": 1})


def test_a_checkpoint_is_due_in_time_and_at_the_end(tmp_path: Path) -> None:
    patient, eager = (folder_of(tmp_path, every_seconds=seconds) for seconds in (1000, 0))
    assert not patient.is_due(3)
    assert patient.is_due(5)
    assert eager.is_due(3)


def test_a_restored_state_is_the_stored_one_without_later_history(tmp_path: Path) -> None:
    run = folder_of(tmp_path)
    stored = [keras.Variable([1.0, 2.0]), keras.Variable(7, dtype="int32", trainable=False)]
    assert run.restore(stored) == 0
    for step in (1, 2):
        run.record(step, {"loss": step / 2})
    run.checkpoint(2, stored)
    # Killed after the history of the next checkpoint, in the middle of its state.
    with (tmp_path / "history.csv").open("a") as history:
        history.write("3,1.5\n")
    (tmp_path / "checkpoint.npz.part").write_bytes(b"PK\x03\x04 cut off")

    again = folder_of(tmp_path)
    state = [keras.Variable([0.0, 0.0]), keras.Variable(0, dtype="int32", trainable=False)]
    assert again.restore(state) == 2
    np.testing.assert_array_equal(state[0], [1, 2])
    assert int(state[1]) == 7
    assert again.history.rows == [{"step": 1, "loss": 0.5}, {"step": 2, "loss": 1.0}]
    again.checkpoint(2, state)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint.npz", "history.csv", "run.json"]
    assert (tmp_path / "history.csv").read_text().splitlines() == ["step,loss", "1,0.5", "2,1.0"]


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def overwritten(path: Path) -> None:
    path.write_text("<html>no checkpoint</html>")


def with_a_bit_flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def of_another_network(path: Path) -> None:
    np.savez(path, step=2)


@pytest.mark.parametrize("damage", [cut_off, emptied, overwritten, with_a_bit_flipped, of_another_network])
def test_a_damaged_checkpoint_is_named_with_what_to_do(
    run: RunFolder, state: list[keras.Variable], damage
) -> None:
    damage(run.folder / "checkpoint.npz")
    with pytest.raises(RunError, match=r"checkpoint\.npz is damaged .* or delete it to train again"):
        run.restore(state)


def measured(**figures: float) -> Measured:
    """What was measured, with a picture of nothing."""
    return Measured(figures, lambda path: path.write_bytes(b"") and None)


def write(text: str) -> Callable[[Path], None]:
    """How weights that are nothing but a text are saved."""
    return lambda path: path.write_text(text) and None


def test_a_run_goes_on_without_its_history(run: RunFolder, state: list[keras.Variable]) -> None:
    (run.folder / "history.csv").unlink()
    assert run.restore(state) == 2
    assert run.history.rows == []
    run.report(2, write("weights"), lambda: measured())  # nothing to draw curves of
    run.record(3, {"loss": 1.5})
    run.checkpoint(3, state)
    assert (run.folder / "history.csv").read_text().splitlines() == ["step,loss", "3,1.5"]


def test_the_best_weights_on_validation_data_are_kept_across_a_restart(
    tmp_path: Path, state: list[keras.Variable]
) -> None:
    figures = [
        {"val_loss": 3.0},  # no AP: there may be no objects
        {"val_loss": 2.0, "val_mAP": 0.5, "val_AP50": 0.75},
        {"val_loss": 1.0, "val_mAP": 0.25, "val_AP50": 0.5},  # less loss, but a worse AP
        {"val_loss": 1.5, "val_mAP": 0.5, "val_AP50": 0.75},  # as good an AP, and less loss
        {"val_loss": float("nan"), "val_mAP": 0.5, "val_AP50": 0.75},
    ]
    kept = []
    for step, of_step in enumerate(figures, start=1):
        run = folder_of(tmp_path)
        run.restore(state)
        run.record(step, {"loss": 4.0})
        run.checkpoint(step, state)
        run.report(step, write(f"as of {step}"), lambda of_step=of_step: measured(**of_step))
        kept.append(run.best_path.read_text())
    assert kept == ["as of 1", "as of 2", "as of 2", "as of 4", "as of 4"]
    assert run.weights_path.read_text() == "as of 5"
    assert (tmp_path / "history.csv").read_text().splitlines()[:3] == [
        "step,loss,val_loss,val_mAP,val_AP50",
        "1,4.0,3.0,,",
        "2,4.0,2.0,0.5,0.75",
    ]
    assert (tmp_path / "losses.png").read_bytes().startswith(b"\x89PNG")


def test_without_validation_data_nothing_is_called_the_best(run: RunFolder) -> None:
    run.report(2, write("weights"), lambda: measured())
    assert run.weights_path.exists()
    assert not run.best_path.exists()


def test_the_time_of_a_report_is_none_of_the_time_between_checkpoints(
    tmp_path: Path, state: list[keras.Variable]
) -> None:
    run = folder_of(tmp_path, every_seconds=0.5)

    def measure() -> Measured:
        time.sleep(0.6)
        return measured()

    run.record(1, {"loss": 1.0})
    run.checkpoint(1, state)
    run.report(1, write("weights"), measure)
    assert not run.is_due(2)
    time.sleep(0.6)
    assert run.is_due(2)
    assert not run.is_report_due(2)  # of all time, reports get a fifth at most
    assert run.is_report_due(5)


def test_weights_that_are_not_finite_do_not_take_the_last_checkpoints_place(
    run: RunFolder, state: list[keras.Variable]
) -> None:
    broken = keras.Variable([1.0, np.nan], name="broken")
    with pytest.raises(RunError, match=r"after step 3 .* not finite in broken; .* --learning-rate"):
        run.checkpoint(3, [*state, broken])
    assert run.restore(state) == 2


def test_a_run_can_be_made_longer_but_not_shorter_than_it_is(tmp_path: Path, run: RunFolder) -> None:
    for steps in (2, 40, 20):
        folder_of(tmp_path, {"plan": {"steps": steps}})
        assert run_json.read(tmp_path) == {"plan": {"steps": steps}}
    with pytest.raises(RunError, match=r"has done 2 steps: .* --steps 2 or more, or .* --out"):
        folder_of(tmp_path, {"plan": {"steps": 1}})
    assert run_json.read(tmp_path) == {"plan": {"steps": 20}}


@pytest.mark.parametrize(
    ("before", "asked", "told"),
    [
        ({"plan": {"steps": 5, "seed": 1}}, {"plan": {"steps": 9, "seed": 1}}, []),
        ({"plan": {"batch_size": 4}}, {"plan": {"batch_size": 2}}, ["--batch-size 4, not 2"]),
        ({"config": {"image_min_dim": 64}}, {"config": {"image_min_dim": 80}}, ["image_min_dim 64, not 80"]),
        ({"config": {"loss_weights": {"a": 1}}}, {"config": {"loss_weights": {"a": 2}}}, ["a 1, not 2"]),
        ({"classes": ["a", "b"]}, {"classes": ("a", "c")}, ["classes a, b, not a, c"]),
        # a value that an older version did not keep
        ({"seed": 1}, {"seed": 1, "validation": "/data"}, []),
        # the same place by another path, and as an older version kept it
        ({"weights": "start.h5"}, {"weights": "{here}/start.h5"}, []),
        ({"data": "{here}/linked"}, {"data": "{here}/real"}, []),
        ({"data": "{here}/linked"}, {"data": "{here}/other"}, ["--data {here}/linked, not {here}/other"]),
        ({"weights": "coco"}, {"weights": "imagenet"}, ["--weights coco, not imagenet"]),
        ({"weights": ""}, {"weights": "coco"}, ["--weights (none), not coco"]),
        ({"exif": ""}, {"exif": "apply"}, ["--exif (none), not apply"]),
        ({"class_attribute": "kind"}, {"class_attribute": ""}, ["--class-attribute kind, not (none)"]),
    ],
)
def test_what_is_asked_otherwise_is_told_in_words_of_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: dict, asked: dict, told: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "real").mkdir()
    (tmp_path / "linked").symlink_to("real")

    def here(one: dict) -> dict:
        return {n: v.format(here=tmp_path) if isinstance(v, str) else v for n, v in one.items()}

    assert run_json.differences(here(before), here(asked)) == [one.format(here=tmp_path) for one in told]


@pytest.mark.parametrize("text", ["step,loss\n1,0.5\n2\n", "step,loss\none,0.5\n", "loss\n0.5\n"])
def test_a_damaged_history_is_named_with_what_to_do(
    run: RunFolder, state: list[keras.Variable], text: str
) -> None:
    (run.folder / "history.csv").write_text(text)
    with pytest.raises(RunError, match=r"history\.csv is damaged .*: delete it"):
        run.restore(state)


@pytest.mark.parametrize("text", ['{"se', "[1]", ""])
def test_a_damaged_run_json_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(RunError, match=r"run\.json is damaged"):
        folder_of(tmp_path, {"seed": 1})


def test_a_folder_is_one_process_at_a_time_and_free_again_when_that_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from model.training.run_folder import locked\n"
        "with locked(Path(sys.argv[1])): print('held', flush=True); time.sleep(600)"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "run")],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": "numpy"},  # the one that starts soonest
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(RunError, match=r"run is in use by another training process"),
            locked(tmp_path / "run"),
        ):
            pass
    finally:
        holder.kill()
        holder.communicate()
    with locked(tmp_path / "run"):
        pass


def test_a_lock_is_given_back_whatever_happens_under_it(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(RuntimeError), locked(tmp_path / "new" / "run"):
            raise RuntimeError
