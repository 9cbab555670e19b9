"""`python -m model import --task semantic`: a file becomes a bundle that says what is known of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import openvino as ov
import pytest
from foreign_models import KerasFiles, MakeOnnx

from model.__main__ import main
from model.commands.import_weights import family_of
from model.formats.encode import encode_png
from model.segmenter import load

Answer = Callable[[ov.Model, npt.NDArray], npt.NDArray]


@pytest.fixture
def names(tmp_path: Path) -> Path:
    path = tmp_path / "classes.txt"
    path.write_text("person\n")
    return path


def manifest_of(folder: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((folder / "model.json").read_text())
    return values


def test_a_file_becomes_a_bundle_that_says_only_what_differs_from_the_defaults(
    model_dir: Path,
    make_onnx: MakeOnnx,
    names: Path,
    answer: Answer,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["import", str(make_onnx()), "--name", "people", "--classes", str(names), "--licence", "MIT"]

    assert main([*words, "--mean", "0.5,0.5,0.5", "--version", "3"]) == 0

    said = capsys.readouterr().out
    assert "a sigmoid is applied" in said
    assert "people: binary, 1 class, threshold 0.5, in" in said
    values = manifest_of(model_dir / "people")
    files = values.pop("files")
    assert sorted(files) == ["openvino/f32/trunk.bin", "openvino/f32/trunk.xml", "selftest.npz"]
    assert values == {
        "name": "people",
        "version": "3",
        "family": "semantic",
        "task": "semantic",
        "classes": ["background", "person"],
        "licence": "MIT",
        "source": "imported from net.onnx",
        "threshold": 0.5,
        "exports": {"f32": {"passed": True}, "bf16": {"passed": False}},
        "config": {"activation": "sigmoid", "mean": [0.5, 0.5, 0.5]},
        "weights": "openvino/f32/trunk.bin",
    }
    model = ov.Core().read_model(model_dir / "people" / "openvino" / "f32" / "trunk.xml")
    assert answer(model, np.zeros((1, 32, 64, 3), np.float32)).shape == (1, 32, 64, 1)


@pytest.mark.parametrize("kind", ["keras", "h5", "saved_model", "tflite"])
def test_every_kind_of_file_is_compared_with_its_own_runtime(
    model_dir: Path,
    keras_files: KerasFiles,
    answer: Answer,
    kind: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["import", str(getattr(keras_files, kind)), "--name", "mine", "--background", "0"]) == 0

    assert "Its answers in OpenVINO and TensorFlow agree." in capsys.readouterr().out
    model = ov.Core().read_model(model_dir / "mine" / "openvino" / "f32" / "trunk.xml")
    np.testing.assert_allclose(answer(model, keras_files.picture), keras_files.answer, atol=2e-3)
    assert manifest_of(model_dir / "mine")["config"]["gives"] == "classes"
    assert "threshold 0.0" in capsys.readouterr().out or manifest_of(model_dir / "mine")["threshold"] == 0


def test_weights_that_16_bits_would_spoil_are_kept_in_32(
    model_dir: Path, make_onnx: MakeOnnx, answer: Answer, capsys: pytest.CaptureFixture[str]
) -> None:
    kernel = np.array([1000.4, -1000.1, 0.2], np.float32).reshape(1, 3, 1, 1)  # small sums of large numbers
    grey = np.full((1, 32, 32, 3), 0.5, np.float32)
    grey[0, 0, 0] = (0.5, 0.5001, 0.5)
    path = make_onnx(shape=(1, 3, 32, 32), kernel=np.repeat(kernel, 1, axis=0) * 1e3)

    assert main(["import", str(path), "--name", "mine"]) == 0

    model = ov.Core().read_model(model_dir / "mine" / "openvino" / "f32" / "trunk.xml")
    expected = grey @ (kernel.ravel() * 1e3)
    np.testing.assert_allclose(answer(model, grey)[..., 0], expected, rtol=1e-3, atol=1)
    assert "kept in 32 bits" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ["--min-dim", "800"],
            "--task semantic, which has no --min-dim: leave it out, or add --task",
        ),
        (["--task", "instance", "--fit", "pad"], "--task instance, which has no --fit"),
        (["--name", "My Model"], "cannot name a model"),
        (["--threshold", "1.5"], "threshold: Input should be less"),
        (["--activation", "softmax"], "give --activation sigmoid"),
        (["--mean", "0.5,0.5"], "mean"),
        (["--mean", "inf,0,0"], "mean (inf, 0.0, 0.0): give finite numbers"),
        (["--max-side", "100000"], "max_side 100000: give at most 4096"),
        (["--size", "100000x100000"], "sides of more than 4096 pixels"),
        (["--threshold", "nan"], "threshold"),
        (["--output", "edges"], "has no output 'edges'"),
        (["--classes", "."], ". is a folder: give a text file with one class name per line"),
        (["--divisor", "0"], "--divisor 0: give a multiple of 1"),
    ],
)
def test_wishes_that_do_not_fit_are_refused_in_a_line_and_nothing_is_left(
    model_dir: Path, make_onnx: MakeOnnx, words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main(["import", str(make_onnx()), "--name", "mine", *words])

    assert status == 1
    assert says in capsys.readouterr().err.splitlines()[-1]
    assert list(model_dir.iterdir()) == []


def test_a_graph_whose_answers_are_no_numbers_is_refused(
    model_dir: Path, make_onnx: MakeOnnx, capsys: pytest.CaptureFixture[str]
) -> None:
    path = make_onnx(kernel=np.full((1, 3, 1, 1), -1, np.float32), then=[("Log", {})])

    assert main(["import", str(path), "--name", "mine"]) == 1

    assert "gives values that are not finite numbers (100.0%" in capsys.readouterr().err
    assert list(model_dir.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [
        ["--size", "64"],
        ["--size", "0x64"],
        ["--value-range", "0-2"],
        ["--background", "-1"],
        ["--layout", "chwn"],
        ["--std", "a,b"],
        ["--fit", "crop"],
    ],
)
def test_options_that_are_misspelt_are_refused_by_the_command_line(
    make_onnx: MakeOnnx, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["import", str(make_onnx()), "--name", "mine", *words])

    assert f"argument {words[0]}" in capsys.readouterr().err


def test_a_model_of_that_name_is_replaced_only_if_asked(
    model_dir: Path, make_onnx: MakeOnnx, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["import", str(make_onnx()), "--name", "mine"]
    assert main(words) == 0
    assert main(words) == 1
    assert "choose another --name, or add --replace" in capsys.readouterr().err
    assert main([*words, "--replace"]) == 0


def test_the_task_is_told_by_the_file(tiny_weights: Path, keras_files: KerasFiles, tmp_path: Path) -> None:
    (tmp_path / "net.onnx").touch()

    assert family_of(tiny_weights).task == "instance"
    assert family_of(keras_files.h5).task == "semantic"
    assert family_of(keras_files.weights_only).task == "semantic"
    assert family_of(tmp_path / "net.onnx").task == "semantic"
    assert family_of(keras_files.saved_model).task == "semantic"


def test_a_background_among_the_names_must_be_the_channel_that_is_named(
    model_dir: Path, make_onnx: MakeOnnx, names: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names.write_text("person\nbackground\n")
    words = ["import", str(make_onnx(outputs=2)), "--name", "mine", "--classes", str(names)]

    for said in ([], ["--background", "0"]):
        assert main([*words, *said]) == 1
        told = "classes.txt lists the background after 1 other names, which must be in the order of the"
        assert f"{told} network's channels: give --background 1" in capsys.readouterr().err

    assert main([*words, "--background", "1"]) == 0
    assert manifest_of(model_dir / "mine")["classes"] == ["background", "person"]


def cut_short(content: bytes) -> bytes:
    return content[: len(content) // 2]


@pytest.mark.parametrize(
    ("change", "words", "says"),
    [
        (cut_short, [], "net.h5 is cut off: "),
        (cut_short, ["--min-dim", "512"], "net.h5 is cut off: "),
        (lambda content: b"\x80\x02}q\x00.", [], "net.h5 is a pickle file, as written by torch.save"),
        (lambda content: b"\x80\x02}q\x00.", ["--task", "instance"], "net.h5 is not a weight file"),
        (lambda content: b"", [], "net.h5 is empty"),
    ],
)
def test_an_h5_file_that_cannot_be_read_is_said_to_be_before_anything_is_asked(
    model_dir: Path,
    tiny_weights: Path,
    tmp_path: Path,
    change: Callable[[bytes], bytes],
    words: list[str],
    says: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "net.h5"
    path.write_bytes(change(tiny_weights.read_bytes()))

    assert main(["import", str(path), "--name", "mine", *words]) == 1

    assert says in capsys.readouterr().err


def test_a_file_that_is_not_there_is_said_to_be_missing(
    model_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in ([], ["--task", "instance"]):
        assert main(["import", str(tmp_path / "net.h5"), "--name", "mine", *words]) == 1
        assert "there is no such file" in capsys.readouterr().err


def test_values_that_begin_with_a_dash_are_no_options(model_dir: Path, make_onnx: MakeOnnx) -> None:
    words = ["import", str(make_onnx()), "--name", "mine", "--value-range", "-1-1", "--mean", "-0.5,0,0"]

    assert main(words) == 0

    config = manifest_of(model_dir / "mine")["config"]
    assert (config["value_range"], config["mean"]) == ("-1-1", [-0.5, 0, 0])


def test_an_imported_model_carries_its_self_test_and_segments_as_its_graph_does(
    model_dir: Path, make_onnx: MakeOnnx, tmp_path: Path
) -> None:
    kernel = np.array([20, 0, 0], np.float32).reshape(1, 3, 1, 1)
    picture = np.zeros((40, 64, 3), np.uint8)
    picture[8:24, 16:48, 0] = 255
    (tmp_path / "red.png").write_bytes(encode_png(picture))
    path = make_onnx(kernel=kernel, then=[("Sigmoid", {})])
    words = ["import", str(path), "--name", "mine", "--threshold", "0.9"]

    assert main([*words, "--self-test", str(tmp_path / "red.png")]) == 0

    segmenter = load("mine", precision="f32")
    segmenter.self_test()
    assert (segmenter.bundle.folder / "selftest.npz").exists()
    found = segmenter.predict(picture).class_map
    assert found is not None
    assert np.array_equal(found.labels == 1, picture[..., 0] == 255)


def test_selfie_segmentation_becomes_a_small_bundle(model_dir: Path, shared: Path, names: Path) -> None:
    path = shared / "weights" / "mediapipe_selfie_segmentation.tflite"
    words = ["import", str(path), "--name", "people", "--classes", str(names), "--fit", "scale"]

    assert main([*words, "--mirror", "--look-again"]) == 0

    folder = model_dir / "people"
    assert manifest_of(folder)["config"] == {
        "size": [256, 256],
        "fit": "scale",
        "mirror": True,
        "look_again": True,
    }
    assert sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) < 2e6
