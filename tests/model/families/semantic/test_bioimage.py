"""bioimage.io folders of both formats: preprocessing, halo, tests and tolerance are taken from them."""

from __future__ import annotations

import copy
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import openvino as ov
import pytest
import yaml
from foreign_models import KerasFiles, MakeOnnx

from model.families.graphs.graph import Graph
from model.families.graphs.source import GraphError
from model.families.semantic.config import SemanticConfig
from model.families.semantic.graphs.bioimage import Package, read_package
from model.families.semantic.graphs.normalizing import normalize
from model.families.semantic.specification import Options, Specification, specify
from model.storage.manifest import sha256_of

Answer = Callable[[ov.Model, npt.NDArray], npt.NDArray]

KERNEL = np.array([2.0, -1.0], np.float32).reshape(2, 1, 1, 1)
"""Two channels of a grey picture: twice its value, and its negative."""


@dataclass
class Folder:
    """A bioimage.io folder in the making: grey pictures of any size, two channels, ONNX."""

    path: Path
    steps: list[dict[str, Any]] = field(default_factory=list)
    after: list[dict[str, Any]] = field(default_factory=list)

    def arrays(self, expected: Callable[[npt.NDArray], npt.NDArray]) -> None:
        """Write the test's arrays, `expected` of the raw picture (1, 1, 32, 48)."""
        raw = np.random.default_rng(0).integers(0, 255, (1, 1, 32, 48)).astype(np.float32)
        np.save(self.path / "in.npy", raw)
        answer = expected(raw)
        np.save(self.path / "out.npy", np.concatenate([2 * answer, -answer], axis=1))

    def write_04(self, **changes: Any) -> Path:
        def steps(given: list[dict[str, Any]]) -> list[dict[str, Any]]:
            return [{"name": step["id"], "kwargs": _with_letters(step["kwargs"])} for step in given]

        values = {
            "format_version": "0.4.10",
            "type": "model",
            "name": "Membranes",
            "license": "CC-BY-4.0",
            "inputs": [
                {
                    "name": "raw",
                    "axes": "bcyx",
                    "data_type": "float32",
                    "data_range": [float("-inf"), float("inf")],
                    "shape": {"min": [1, 1, 16, 16], "step": [0, 0, 16, 16]},
                    "preprocessing": steps(self.steps),
                }
            ],
            "outputs": [
                {
                    "name": "scores",
                    "axes": "bcyx",
                    "data_type": "float32",
                    "shape": {"reference_tensor": "raw", "scale": [1, 2, 1, 1], "offset": [0, 0, 0, 0]},
                    "halo": [0, 0, 8, 4],
                    "postprocessing": steps(self.after),
                }
            ],
            "test_inputs": ["in.npy"],
            "test_outputs": ["out.npy"],
            "weights": {"onnx": {"source": "net.onnx", "sha256": sha256_of(self.path / "net.onnx")}},
        }
        return self._written({**values, **changes})

    def write_05(self, **changes: Any) -> Path:
        def sides(**more: Any) -> list[dict[str, Any]]:
            size = {"min": 16, "step": 16} if not more else {"tensor_id": "raw", "axis_id": "y"}
            return [{"type": "space", "id": name, "size": size, **more} for name in "yx"]

        values = {
            "format_version": "0.5.4",
            "type": "model",
            "name": "Membranes",
            "id": "affable-shark",
            "license": "CC-BY-4.0",
            "inputs": [
                {
                    "id": "raw",
                    "axes": [{"type": "batch"}, {"type": "channel", "channel_names": ["raw"]}, *sides()],
                    "data": {"type": "float32"},
                    "preprocessing": self.steps,
                    "test_tensor": {"source": "in.npy"},
                }
            ],
            "outputs": [
                {
                    "id": "scores",
                    "axes": [
                        {"type": "batch"},
                        {"type": "channel", "channel_names": ["inside", "border"]},
                        *sides(halo=8),
                    ],
                    "postprocessing": self.after,
                    "test_tensor": {"source": "out.npy"},
                }
            ],
            "weights": {"onnx": {"source": "net.onnx", "sha256": sha256_of(self.path / "net.onnx")}},
        }
        return self._written({**values, **changes})

    def _written(self, values: dict[str, Any]) -> Path:
        (self.path / "rdf.yaml").write_text(yaml.safe_dump(values))
        return self.path


def _with_letters(kwargs: dict[str, Any]) -> dict[str, Any]:
    axes = kwargs.get("axes")
    letters = "".join(axis[0] for axis in axes) if axes else None
    return {**kwargs, "axes": letters} if letters else dict(kwargs)


@pytest.fixture
def folder(tmp_path: Path, make_onnx: MakeOnnx) -> Folder:
    path = tmp_path / "membranes"
    path.mkdir()
    shutil.move(make_onnx(shape=("n", 1, "h", "w"), outputs=2, kernel=KERNEL), path / "net.onnx")
    return Folder(path)


def opened(path: Path, **asked: Any) -> tuple[Package, Graph, Specification]:
    package = read_package(path, asked.pop("output", None))
    graph = normalize(package.source, output=package.output, layout=package.layout, size=package.size)
    graph = package.completed(graph)
    return package, graph, specify(graph, Options(**asked), package.told(graph))


NORMALIZED = {"id": "zero_mean_unit_variance", "kwargs": {"axes": ["channel", "y", "x"], "eps": 1e-6}}
RANGED = {"id": "scale_range", "kwargs": {"axes": ["y", "x"], "min_percentile": 1, "max_percentile": 99.8}}
SIGMOID = {"id": "sigmoid", "kwargs": {}}


def normalized(raw: npt.NDArray) -> npt.NDArray:
    return (raw - raw.mean()) / (raw.std() + 1e-6)


def ranged(raw: npt.NDArray) -> npt.NDArray:
    low, high = np.percentile(raw, [1, 99.8])
    return (raw - low) / (high - low + 1e-6)


@pytest.mark.parametrize("form", ["0.4", "0.5"])
@pytest.mark.parametrize(
    ("steps", "expected", "config"),
    [
        ([], lambda raw: raw, {"value_range": "0-1"}),
        ([NORMALIZED], normalized, {"normalization": "zero_mean_unit_variance", "value_range": "0-255"}),
        ([RANGED], ranged, {"normalization": "percentiles", "percentiles": (1.0, 99.8)}),
        (
            [{"id": "scale_linear", "kwargs": {"gain": 0.01, "offset": -1.0}}],
            lambda raw: raw * 0.01 - 1,
            {"normalization": "none", "value_range": "0-255"},
        ),
        (
            [{"id": "scale_linear", "kwargs": {"gain": 0.01}}, NORMALIZED],  # the first changes nothing
            normalized,
            {"normalization": "zero_mean_unit_variance"},
        ),
        (
            [RANGED, {"id": "clip", "kwargs": {"min": 0.0, "max": 1.0}}],
            lambda raw: np.clip(ranged(raw), 0, 1),
            {"normalization": "percentiles"},
        ),
    ],
)
def test_preprocessing_is_taken_from_the_description_and_its_test_passes(
    folder: Folder,
    form: str,
    steps: list[dict[str, Any]],
    expected: Callable[[npt.NDArray], npt.NDArray],
    config: dict[str, Any],
) -> None:
    folder.steps = copy.deepcopy(steps)
    folder.arrays(expected)
    path = folder.write_04() if form == "0.4" else folder.write_05()

    package, graph, made = opened(path)

    assert "passes the test" in package.check(graph)
    assert {name: getattr(made.config, name) for name in config} == config
    assert (made.config.halo, made.config.divisor, made.config.channels) == (8, 32, "grey")
    assert package.about["licence"] == "CC-BY-4.0"


def test_a_fixed_mean_and_deviation_become_part_of_the_graph(folder: Folder) -> None:
    folder.steps = [{"id": "fixed_zero_mean_unit_variance", "kwargs": {"mean": 100.0, "std": 50.0}}]
    folder.arrays(lambda raw: (raw - 100) / 50)

    package, graph, _ = opened(folder.write_05())

    assert "passes the test" in package.check(graph)


def test_postprocessing_becomes_part_of_the_graph_and_tells_what_it_gives(
    folder: Folder, answer: Answer
) -> None:
    folder.after = [SIGMOID, {"id": "binarize", "kwargs": {"threshold": 0.7}}]
    folder.steps = [NORMALIZED]
    folder.arrays(normalized)
    logits = np.load(folder.path / "out.npy")
    np.save(folder.path / "out.npy", 1 / (1 + np.exp(-logits)) > 0.7)

    package, graph, made = opened(folder.write_05())

    assert "passes the test" in package.check(graph)
    assert (graph.ending.kind, made.config.gives, made.config.activation) == ("sigmoid", "labels", "none")
    assert made.threshold == 0.7
    assert made.classes == ["background", "inside", "border"]
    assert (
        answer(graph.model, np.zeros((1, 16, 16, 1), np.float32)).tolist()
        == np.full((1, 16, 16, 2), 0.5).tolist()
    )


def test_pictures_of_a_fixed_size_become_tiles_at_their_own_scale(folder: Folder) -> None:
    folder.arrays(lambda raw: raw)
    path = folder.write_04()
    values = yaml.safe_load((path / "rdf.yaml").read_text())
    values["inputs"][0]["shape"] = [1, 1, 32, 48]
    (path / "rdf.yaml").write_text(yaml.safe_dump(values))

    _, _, made = opened(path)

    assert made.config.size == (48, 32)
    assert (made.config.fit, made.config.halo, made.config.tile_overlap) == ("tile", 8, 16)


def test_a_test_that_fails_is_told_with_how_far_it_is_off(folder: Folder) -> None:
    folder.arrays(lambda raw: raw + 0.5)

    package, graph, _ = opened(folder.write_05())

    with pytest.raises(GraphError, match=r"fails its own test: .* the worst by 1\b"):
        package.check(graph)


@pytest.mark.parametrize(("absolute", "passes"), [(0.5, False), (1.1, True)])
def test_the_descriptions_own_tolerance_counts(folder: Folder, absolute: float, passes: bool) -> None:
    folder.arrays(lambda raw: raw + 0.5)
    entry = {"relative_tolerance": 0, "absolute_tolerance": absolute, "mismatched_elements_per_million": 0}
    config = {"bioimageio": {"reproducibility_tolerance": [entry]}}

    package, graph, _ = opened(folder.write_05(config=config))

    if passes:
        assert package.check(graph)
    else:
        with pytest.raises(GraphError, match="fails its own test"):
            package.check(graph)


def packed_saved_model(keras_files: KerasFiles, folder: Path) -> str:
    with zipfile.ZipFile(folder / "net.zip", "w") as archive:
        for path in keras_files.saved_model.rglob("*"):
            archive.write(path, path.relative_to(keras_files.saved_model))
    return "net.zip"


def copied(name: str) -> Callable[[KerasFiles, Path], str]:
    return lambda keras_files, folder: Path(shutil.copy(getattr(keras_files, name), folder)).name


@pytest.mark.parametrize(
    ("form", "place"),
    [
        ("keras_v3", copied("keras")),
        ("keras_hdf5", copied("h5")),
        ("tensorflow_saved_model_bundle", packed_saved_model),
    ],
)
def test_weights_of_keras_and_tensorflow_are_read(
    folder: Folder, keras_files: KerasFiles, form: str, place: Callable[[KerasFiles, Path], str]
) -> None:
    np.save(folder.path / "in.npy", keras_files.picture)
    np.save(folder.path / "out.npy", keras_files.answer)
    path = folder.write_04(weights={form: {"source": place(keras_files, folder.path)}})
    values = yaml.safe_load((path / "rdf.yaml").read_text())
    for tensor in (*values["inputs"], *values["outputs"]):
        tensor["axes"] = "byxc"
    values["inputs"][0]["shape"] = {"min": [1, 16, 16, 3], "step": [0, 16, 16, 0]}
    values["outputs"][0]["halo"] = [0, 0, 0, 0]
    (path / "rdf.yaml").write_text(yaml.safe_dump(values))

    package, graph, made = opened(path)

    assert "passes the test" in package.check(graph)
    assert (graph.channels, made.config.gives, made.config.background) == (3, "classes", 0)


def test_of_several_outputs_one_is_chosen_by_the_name_in_the_description(
    folder: Folder, make_onnx: MakeOnnx
) -> None:
    second = onnx.helper.make_node("Relu", ["mask"], ["side"])
    info = onnx.helper.make_tensor_value_info("side", 1, ["n", 2, "h", "w"])
    made = make_onnx(shape=("n", 1, "h", "w"), outputs=2, kernel=KERNEL, extra=[(second, info)])
    shutil.move(made, folder.path / "net.onnx")
    folder.arrays(lambda raw: raw)
    path = folder.write_04()
    values = yaml.safe_load((path / "rdf.yaml").read_text())
    values["outputs"].append({**values["outputs"][0], "name": "positive"})
    values["test_outputs"].append("out2.npy")
    np.save(path / "out2.npy", np.maximum(np.load(path / "out.npy"), 0))
    (path / "rdf.yaml").write_text(yaml.safe_dump(values))

    with pytest.raises(GraphError, match="2 outputs: choose one with --output from scores, positive"):
        opened(path)
    package, graph, _ = opened(path, output="positive")
    assert "passes the test" in package.check(graph)


def lacking(name: str) -> Callable[[Path, dict[str, Any]], None]:
    return lambda path, values: (path / name).unlink()


def saying(**changes: Any) -> Callable[[Path, dict[str, Any]], None]:
    return lambda path, values: values.update(changes)


def having_inputs(path: Path, values: dict[str, Any]) -> None:
    values["inputs"].append({**values["inputs"][0], "name": "prompt"})


def in_three_dimensions(path: Path, values: dict[str, Any]) -> None:
    values["inputs"][0]["axes"] = "bczyx"


def clipped_first(path: Path, values: dict[str, Any]) -> None:
    values["inputs"][0]["preprocessing"] = [
        {"name": "clip", "kwargs": {"min": 0, "max": 9}},
        {"name": "zero_mean_unit_variance", "kwargs": {"axes": "xy"}},
    ]


def with_a_step_of_its_own(path: Path, values: dict[str, Any]) -> None:
    values["inputs"][0]["preprocessing"] = [{"name": "magic", "kwargs": {}}]


def with_a_step(name: str, **kwargs: Any) -> Callable[[Path, dict[str, Any]], None]:
    steps = [{"name": name, "kwargs": kwargs}]
    return lambda path, values: values["inputs"][0].update(preprocessing=steps)


def with_a_pickled_test(path: Path, values: dict[str, Any]) -> None:
    np.save(path / "in.npy", np.array([{"a": 1}], object), allow_pickle=True)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lacking("net.onnx"), r"lacks net\.onnx: download the model with all of its files"),
        (lacking("in.npy"), r"lacks in\.npy"),
        (lambda path, values: (path / "net.onnx").write_bytes(b"\x08\x01"), "sha256 differs"),
        (saying(format_version="0.3.6"), "format_version 0.3.6, but only 0.4 and 0.5"),
        (saying(type="dataset"), "does not describe a model"),
        (saying(inputs=None), "does not follow the format"),
        (
            saying(weights={"pytorch_state_dict": {}}),
            "weights in the formats: pytorch_state_dict; only onnx,",
        ),
        (saying(weights={"onnx": {"source": "../../net.onnx"}}), "outside its folder"),
        (having_inputs, "takes 2 inputs"),
        (in_three_dimensions, "the axes bczyx; pictures have"),
        (clipped_first, "the step clip before zero_mean_unit_variance"),
        (with_a_step_of_its_own, "the unknown step magic"),
        (saying(outputs=[]), "has no outputs"),
        (saying(config=[1]), r"does not follow the format .*config is \[1\], not a mapping"),
        (saying(config={"bioimageio": "x"}), "bioimageio is 'x', not a mapping"),
        (
            saying(config={"bioimageio": {"reproducibility_tolerance": {"a": 1}}}),
            "reproducibility_tolerance is .*, not a list",
        ),
        (saying(config={"bioimageio": {"test_kwargs": {"onnx": 3}}}), "onnx is 3, not a mapping"),
        (with_a_step("scale_linear", gain={"a": 1}), "has the gain .*, which is not a number, or one per"),
        (with_a_step("scale_linear", offset=float("nan")), "has the offset nan"),
        (with_a_step("scale_linear", gain=[1, 2, 3]), "with 3 values of gain for 1 channels"),
        (with_a_step("clip", min=[1]), r"has the min \[1\], which is not a number"),
        (with_a_step("binarize"), "the step binarize lacks threshold"),
        (with_a_step("zero_mean_unit_variance", mode="fixed", mean=1), "lacks std"),
        (with_a_step("zero_mean_unit_variance", axes="zyx"), "has the axes 'zyx'"),
        (with_a_pickled_test, r"in\.npy is not a NumPy array"),
    ],
)
def test_a_folder_that_cannot_be_used_is_refused_with_the_reason(
    folder: Folder, spoil: Callable[[Path, dict[str, Any]], None], says: str
) -> None:
    folder.arrays(lambda raw: raw)
    path = folder.write_04()
    values = yaml.safe_load((path / "rdf.yaml").read_text())
    spoil(path, values)
    (path / "rdf.yaml").write_text(yaml.safe_dump(values))

    with pytest.raises(GraphError, match=f"(membranes|npy).*{says}" if "npy is" not in says else says):
        package, graph, _ = opened(path)
        package.check(graph)


def test_what_is_no_yaml_is_said_to_be_none(folder: Folder) -> None:
    (folder.path / "rdf.yaml").write_text("inputs: [")

    with pytest.raises(GraphError, match=r"membranes/rdf\.yaml is not valid YAML"):
        opened(folder.path)


def test_options_that_contradict_the_description_are_refused(folder: Folder) -> None:
    folder.steps = [NORMALIZED]
    folder.arrays(normalized)

    with pytest.raises(GraphError, match=r"says that mean is \(\), not \(0\.5,\): omit --mean"):
        opened(folder.write_05(), mean=(0.5,))
    assert isinstance(opened(folder.path)[2].config, SemanticConfig)
