"""`python -m model import --task classify`: classifiers of other tools, in every kind of file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import openvino as ov
import pytest
from onnx import TensorProto, helper, numpy_helper

from model import catalog
from model.__main__ import main
from model.answers.gate import LearnedGate, gate_of
from model.families.classifier.foreign.importer import import_foreign
from model.families.classifier.foreign.preprocessing import to_probabilities
from model.families.classifier.foreign.specification import Options
from model.families.graphs.source import GraphError
from model.segmenter import Segmenter, load
from model.storage.manifest import GateReference

SHIPPED = catalog.SHIPPED  # fixtures hide it
NAMES = ["red", "green", "blue"]
FLAT = [("GlobalAveragePool", {}), ("Flatten", {})]
MakeOnnx = Callable[..., Path]


def plain(colour: tuple[int, int, int], size: tuple[int, int] = (50, 30)) -> npt.NDArray[np.uint8]:
    """uint8 (H, W, 3) of one colour."""
    return np.full((size[1], size[0], 3), colour, np.uint8)


RED, GREEN, BLUE = plain((255, 10, 10)), plain((10, 255, 10)), plain((10, 10, 255))


@pytest.fixture
def make_onnx(tmp_path: Path) -> MakeOnnx:
    """Makes an ONNX file whose scores are 10 times the means of the first channels, and what follows."""

    def make(
        *then: tuple[str, dict[str, Any]],
        shape: tuple[int | str, ...] = ("n", 3, 16, 24),
        outputs: int = 3,
        given: tuple[int | str, ...] = ("n", 3),
        dtype: int = TensorProto.FLOAT,
        extra: str = "",
    ) -> Path:
        kernel = 10 * np.eye(outputs, int(shape[1]), dtype=np.float32)[..., np.newaxis, np.newaxis]
        nodes = [helper.make_node("Conv", ["image", "kernel"], ["v0"])]
        for kind, attributes in then:
            nodes.append(helper.make_node(kind, [f"v{len(nodes) - 1}"], [f"v{len(nodes)}"], **attributes))
        last = nodes[-1].output[0]
        infos = [helper.make_tensor_value_info(last, dtype, list(given))]
        if extra:
            nodes.append(helper.make_node("Neg", [last], [extra]))
            infos.append(helper.make_tensor_value_info(extra, dtype, list(given)))
        picture = helper.make_tensor_value_info("image", TensorProto.FLOAT, list(shape))
        graph = helper.make_graph(nodes, "net", [picture], infos, [numpy_helper.from_array(kernel, "kernel")])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        model.ir_version = 9
        path = tmp_path / "net.onnx"
        onnx.save_model(model, path)
        return path

    return make


@pytest.fixture(scope="module")
def keras_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one network in every kind of file of Keras and TensorFlow."""
    import keras
    import tensorflow as tf

    folder = tmp_path_factory.mktemp("keras")
    picture = keras.Input((16, 24, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(picture)
    dense = keras.layers.Dense(3, activation="softmax")
    model = keras.Model(picture, dense(pooled))
    dense.set_weights([10 * np.eye(3), np.zeros(3)])
    model.save(folder / "net.keras")
    model.save(folder / "net.h5")
    model.export(folder / "saved", format="tf_saved_model", verbose=False)
    (folder / "net.tflite").write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())
    ov.save_model(ov.convert_model(folder / "saved"), folder / "net.xml")
    return folder


def imported(path: Path, folder: Path, **options: Any) -> tuple[Segmenter, str]:
    """The classifier and the sentences about it."""
    options = {"classes": NAMES, **options}
    made = import_foreign(path, folder, folder.name, Options(**options), {})
    return Segmenter(made.bundle, made.reference), " ".join(made.sentences)


@pytest.mark.parametrize("name", ["net.keras", "net.h5", "saved", "net.tflite", "net.xml"])
def test_every_kind_of_file_classifies_as_in_its_own_runtime(
    keras_files: Path, tmp_path: Path, name: str
) -> None:
    model, said = imported(keras_files / name, tmp_path)

    for class_id, picture in enumerate((RED, GREEN, BLUE)):
        assert model.classify(picture).class_id == class_id
        assert model.classify(picture).probability > 0.99
    assert ("agree" in said) == (name != "net.xml")
    assert "is applied" not in said
    assert model.input_policy == {"fit": "scale", "channels": "rgb", "size": [24, 16]}
    assert model.bundle.manifest.config == {"network": "foreign", "size": (24, 16)}


@pytest.mark.parametrize(
    ("graph", "options", "picture", "expected", "told"),
    [
        (FLAT, {}, GREEN, "green", "a softmax is applied"),
        ([*FLAT, ("Softmax", {"axis": 1})], {}, BLUE, "blue", "stretched to its 24 x 16"),
        (FLAT, {"channels": "bgr"}, RED, "blue", "assumed to be from 0 to 1"),
        (FLAT, {"mean": (0.9, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}, plain((200, 200, 90)), "green", ""),
        (FLAT, {"value_range": "-1-1"}, RED, "red", ""),
        (FLAT, {"activation": "sigmoid"}, RED, "red", "divided by their sum"),
        ([*FLAT, ("Sigmoid", {})], {}, RED, "red", "divided by their sum"),
        ([("GlobalAveragePool", {})], {}, BLUE, "blue", "a softmax"),  # (N, K, 1, 1)
    ],
)
def test_options_say_what_the_file_does_not(
    make_onnx: MakeOnnx,
    tmp_path: Path,
    graph: list[tuple[str, dict[str, Any]]],
    options: dict[str, Any],
    picture: npt.NDArray[np.uint8],
    expected: str,
    told: str,
) -> None:
    given = ("n", 3, 1, 1) if len(graph) == 1 else ("n", 3)

    model, said = imported(make_onnx(*graph, given=given), tmp_path, **options)

    found = model.classify(picture)
    assert model.bundle.manifest.classes[found.class_id] == expected
    assert found.probabilities.sum() == pytest.approx(1)
    assert told in said


def test_one_score_is_the_probability_of_the_second_class(make_onnx: MakeOnnx, tmp_path: Path) -> None:
    path = make_onnx(*FLAT, shape=("n", 1, "h", "w"), outputs=1, given=("n", 1))

    model, said = imported(path, tmp_path, classes=["dark", "bright"], size=(20, 20), mean=(0.5,))

    assert "Its one score is the probability of bright" in said
    assert model.input_policy["channels"] == "grey"
    for level, name in ((40, "dark"), (220, "bright")):
        found = model.classify(plain((level, level, level)))
        assert (model.bundle.manifest.classes[found.class_id], len(found.probabilities)) == (name, 2)


@pytest.mark.parametrize(
    ("scores", "activation", "expected"),
    [
        ([2.0, 2.0], "softmax", [0.5, 0.5]),
        ([1000.0, 0.0], "softmax", [1.0, 0.0]),  # without overflow
        ([-1000.0], "sigmoid", [1.0, 0.0]),
        ([0.25], "none", [0.75, 0.25]),
        ([1.01], "none", [0.0, 1.0]),  # bf16 may go slightly above
        ([0.2, 0.6, 0.0], "none", [0.25, 0.75, 0.0]),
        ([0.0, 0.0], "none", [0.5, 0.5]),
        ([-0.01, 1.0], "none", [0.0, 1.0]),
    ],
)
def test_scores_become_probabilities(scores: list[float], activation: Any, expected: list[float]) -> None:
    np.testing.assert_allclose(to_probabilities(np.array([scores]), activation), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("graph", "made", "options", "message"),
    [
        ([], {"given": ("n", 3, 16, 24)}, {}, "import it with --task semantic"),
        (
            [],
            {"shape": ("n", 3, "h", "w"), "given": ("n", 3, "h", "w")},
            {},
            "import it with --task semantic",
        ),
        (FLAT, {"shape": ("n", 3, "h", "w")}, {}, "of any size: give the one that it was trained with, such"),
        (FLAT, {}, {"size": (32, 32)}, "takes pictures of 24 x 16: omit --size"),
        (FLAT, {}, {"channels": "grey"}, "takes 3 channels, not 1: give --channels rgb or bgr"),
        (FLAT, {}, {"classes": ["a", "b"]}, "gives 3 scores, so 3 names would fit; 2 were given"),
        (
            FLAT,
            {"shape": ("n", 1, 9, 9), "outputs": 1, "given": ("n", 1)},
            {},
            "one score, for two classes, so 2 names would fit; 3 were",
        ),
        ([*FLAT, ("Softmax", {})], {}, {"activation": "softmax"}, "already ends in a softmax: omit"),
        (
            [*FLAT, ("ArgMax", {"axis": 1})],
            {"given": ("n", 1), "dtype": TensorProto.INT64},
            {},
            "gives the number of the class, but a classifier needs the score of each",
        ),
        (FLAT, {"extra": "other"}, {}, "has 2 outputs that may be scores: choose one with --output NAME"),
        (FLAT, {}, {"output": "none"}, "has no output 'none'; it has: v2"),
        (FLAT, {}, {"mean": (0.5,)}, "mean has 1 values"),
    ],
)
def test_a_contradiction_is_refused_with_what_the_file_has(
    make_onnx: MakeOnnx,
    tmp_path: Path,
    graph: list[tuple[str, dict[str, Any]]],
    made: dict[str, Any],
    options: dict[str, Any],
    message: str,
) -> None:
    with pytest.raises((GraphError, ValueError)) as refused:
        imported(make_onnx(*graph, **made), tmp_path / "bundle", **options)
    assert message in str(refused.value)


@pytest.fixture
def run_import(
    make_onnx: MakeOnnx, model_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Runs the command with a file that gives scores; returns its status and what it said."""
    (tmp_path / "names.txt").write_text("red\nbackground\nblue\n")

    def run(*words: str, task: str = "classify") -> tuple[int, str]:
        path = make_onnx(*FLAT)
        status = main(["import", str(path), "--name", "colours", "--task", task, *words])
        said = capsys.readouterr()
        return status, said.out + said.err

    return run


def test_an_imported_classifier_is_a_gate_and_one_that_replaces_it_keeps_what_was_said(
    run_import: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    names = ("--classes", str(tmp_path / "names.txt"))
    status, said = run_import(*names, "--channels", "bgr", "--threshold", "0.7", "--fit", "scale")

    assert (status, "a graph for 24 x 16 pixels, 3 classes" in said) == (0, True), said
    assert 'Use it as a gate: in the model.json of another model, "gate": {"model": "colours", "acc' in said
    manifest = load("colours", tested=True).bundle.manifest
    assert manifest.classes == ["red", "background", "blue"]  # like any other
    nuclei = catalog.read_bundle(SHIPPED / "nuclei").manifest
    gate = gate_of(nuclei.model_copy(update={"gate": GateReference(model="colours", accepts=["blue"])}))
    assert isinstance(gate, LearnedGate)

    status, said = run_import("--replace", "--version", "2")
    assert status == 0
    replaced = catalog.find("colours").manifest
    assert (replaced.config["channels"], replaced.threshold, replaced.version) == ("bgr", 0.7, "2")
    assert replaced.classes == manifest.classes
    assert main(["export", "colours"]) == 0  # its compiled stages are the reference


@pytest.mark.parametrize(
    ("words", "task", "message"),
    [
        (["--fit", "tile"], "classify", "--fit tile: a classifier sees the whole picture"),
        (["--tile-overlap", "16"], "classify", "--tile-overlap: a classifier sees the whole picture"),
        (["--mirror"], "classify", "imported with --task classify, which has no --mirror"),
        ([], "semantic", "and not of its pixels: import it with --task classify"),
    ],
)
def test_options_and_tasks_that_do_not_suit_are_refused(
    run_import: Callable[..., tuple[int, str]], words: list[str], task: str, message: str
) -> None:
    status, said = run_import(*words, task=task)

    assert (status, message in said) == (1, True), said


def test_the_weights_of_a_run_are_for_package(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run.json").write_text("{}")
    (tmp_path / "best.weights.h5").write_bytes(b"\x89HDF\r\n\x1a\n")

    words = ["import", str(tmp_path / "best.weights.h5"), "--task", "classify", "--name", "x"]
    assert main(words) == 1
    assert f"python -m model package {tmp_path} x" in capsys.readouterr().err
