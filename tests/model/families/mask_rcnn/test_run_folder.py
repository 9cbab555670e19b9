"""A run folder belongs to one run and to one process, and tells of damage instead of failing in it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from drawn_data import Drawn, sample_of

from model.families.mask_rcnn.run_folder import RunError, RunFolder, locked
from model.mrcnn import MaskRCNN

# Keras turns TensorFlow's variables into arrays in a way that NumPy 2 will give up one day.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
def data() -> Drawn:
    return Drawn([sample_of(np.zeros((80, 90), np.uint16))])


@pytest.fixture
def state() -> list[keras.Variable]:
    return [keras.Variable(np.arange(1000, dtype=np.float32)), keras.Variable(7, dtype="int32")]


@pytest.fixture
def run(tmp_path: Path, data: Drawn, state: list[keras.Variable]) -> RunFolder:
    """A run with a checkpoint of its second step."""
    run = RunFolder(tmp_path, {}, data)
    for step in (1, 2):
        run.record(step, {"loss": step / 2})
    run.checkpoint(2, state)
    return run


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
    with pytest.raises(RunError, match=r"checkpoint\.npz is damaged .* or delete it to train from the first"):
        run.restore(state)


def test_a_run_goes_on_without_its_history(
    run: RunFolder, state: list[keras.Variable], network: MaskRCNN
) -> None:
    (run.folder / "history.csv").unlink()
    assert run.restore(state) == 2
    assert run.history == []
    run.report(2, network)  # nothing to draw curves of
    run.record(3, {"loss": 1.5})
    run.checkpoint(3, state)
    assert (run.folder / "history.csv").read_text().splitlines() == ["step,loss", "3,1.5"]


@pytest.mark.parametrize("text", ["step,loss\n1,0.5\n2\n", "step,loss\none,0.5\n", "loss\n0.5\n"])
def test_a_damaged_history_is_named_with_what_to_do(
    run: RunFolder, state: list[keras.Variable], text: str
) -> None:
    (run.folder / "history.csv").write_text(text)
    with pytest.raises(RunError, match=r"history\.csv is damaged .*: delete it"):
        run.restore(state)


@pytest.mark.parametrize("text", ['{"se', "[1]", ""])
def test_a_damaged_run_json_is_named(tmp_path: Path, data: Drawn, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(RunError, match=r"run\.json is damaged"):
        RunFolder(tmp_path, {"seed": 1}, data)


def test_a_folder_is_one_process_at_a_time_and_free_again_when_that_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from model.families.mask_rcnn.run_folder import locked\n"
        "with locked(Path(sys.argv[1])): print('held', flush=True); time.sleep(600)"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "run")], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(RunError, match=r"run is in use: another process trains there"),
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
