"""A semantic model takes the place of another: what stays, what is said, and what a killed import leaves."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from foreign_models import MakeOnnx

from model import catalog
from model.__main__ import main
from model.segmenter import load

RED = np.array([20, 0, 0], np.float32).reshape(1, 3, 1, 1)
BLUE = np.array([0, 0, 20], np.float32).reshape(1, 3, 1, 1)
PICTURE = np.zeros((40, 64, 3), np.uint8)
PICTURE[8:24, 16:48, 0] = 255


def state_of(folder: Path) -> dict[str, str]:
    """The sha256 of every file."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def red(model_dir: Path, make_onnx: MakeOnnx, tmp_path: Path) -> Path:
    """The bundle "mine", which finds what is red, with all that its operator may have chosen."""
    (tmp_path / "classes.txt").write_text("ripe\n")
    words = ["import", str(make_onnx(kernel=RED, shape=("n", 3, 32, 32))), "--name", "mine"]
    words += ["--classes", str(tmp_path / "classes.txt"), "--threshold", "0.9", "--fit", "tile"]
    assert main([*words, "--tile-overlap", "12", "--mean", "0.1,0.1,0.1", "--max-segments", "7"]) == 0
    return catalog.find("mine").folder


def labels(name: str) -> npt.NDArray[np.uint16]:
    found = load(name, precision="f32", tested=True).predict(PICTURE).class_map
    assert found is not None
    return found.labels


def test_what_is_not_said_again_stays_and_what_differs_is_said(
    red: Path, make_onnx: MakeOnnx, capsys: pytest.CaptureFixture[str]
) -> None:
    before = catalog.find("mine").manifest
    words = ["import", str(make_onnx(kernel=BLUE, shape=("n", 3, 32, 32))), "--name", "mine"]

    assert main([*words, "--replace", "--max-segments", "9", "--licence", "MIT"]) == 0

    now = catalog.find("mine").manifest
    assert (now.config, now.classes, now.threshold) == (before.config, before.classes, before.threshold)
    said = capsys.readouterr().out
    assert "Same as in the replaced model: " in said
    for kept in ("task semantic", "classes background, ripe", "threshold 0.9", "its config"):
        assert kept in said
    assert "licence unknown → MIT" in said
    assert "most segments 7 → 9" in said


def test_a_graph_of_another_kind_starts_afresh_and_says_so(
    red: Path, make_onnx: MakeOnnx, capsys: pytest.CaptureFixture[str]
) -> None:
    path = make_onnx(outputs=4)

    assert main(["import", str(path), "--name", "mine", "--replace"]) == 0

    said = capsys.readouterr().out
    assert "Different from the replaced model: " in said
    assert "threshold 0.9 → 0.0" in said
    assert "fit tile → the default" in said
    assert catalog.find("mine").manifest.max_segments == 7


def test_a_loaded_model_answers_as_before_until_it_is_loaded_anew(red: Path, make_onnx: MakeOnnx) -> None:
    running = load("mine", precision="f32", tested=True)
    before = running.predict(PICTURE).class_map
    path = make_onnx(kernel=BLUE, shape=("n", 3, 32, 32))

    assert main(["import", str(path), "--name", "mine", "--replace"]) == 0

    after = running.predict(PICTURE).class_map
    assert before is not None and after is not None
    assert before.labels.any()
    np.testing.assert_array_equal(after.labels, before.labels)
    running.self_test()
    assert not labels("mine").any()


IMPORT_AND_DIE = """
import os, runpy, signal, sys
from model.checking import selftest
from model.files import whole_folders
from model.families.semantic import importer

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job would ignore it
ending, moment = signal.Signals[sys.argv.pop(1)], sys.argv.pop(1)
module = {"write_manifest": importer, "_write": selftest, "_exchange": whole_folders}[moment]
inner = getattr(module, moment)

def die(*words, **named):
    os.kill(os.getpid(), ending)
    return inner(*words, **named)

setattr(module, moment, die)
runpy.run_module("model", run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize(
    ("ending", "moment", "status"),
    [
        ("SIGINT", "_write", 130),  # while it is tried
        ("SIGTERM", "_exchange", 143),  # just before it takes its place
        ("SIGKILL", "write_manifest", -9),  # while it is made
    ],
)
def test_an_import_that_is_ended_leaves_the_old_model_as_it_was(
    red: Path, make_onnx: MakeOnnx, ending: str, moment: str, status: int
) -> None:
    before = state_of(red)
    path = make_onnx(kernel=BLUE, shape=("n", 3, 32, 32))
    words = [sys.executable, "-c", IMPORT_AND_DIE, ending, moment]
    words += ["import", str(path), "--name", "mine", "--replace"]

    ended = subprocess.run(words, cwd=Path(__file__).parents[4], capture_output=True, text=True, timeout=120)

    assert ended.returncode == status, ended.stderr
    assert state_of(red) == before
    assert labels("mine").any()
    left = [path.name for path in red.parent.iterdir() if path != red]
    assert bool(left) == (ending == "SIGKILL")
    with catalog.new_bundle("another") as folder:  # what a kill has left is deleted by whoever comes next
        (folder / "empty.txt").write_text(json.dumps({}))
    assert {path.name for path in red.parent.iterdir()} == {"mine", "another"}
