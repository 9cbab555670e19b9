"""Code inside a foreign model's file is refused with its name, and never runs."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import pytest
from foreign_models import KerasFiles

from model.families.graphs.keras_config import for_keras_3, refuse_code, without_training
from model.families.graphs.reading import read_source
from model.families.graphs.source import GraphError


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_a_lambda_layer_is_refused_and_does_not_run(tmp_path: Path, suffix: str) -> None:
    import keras

    mark = str(tmp_path / "ran")
    picture = keras.Input((8, 8, 3))
    doubled = keras.layers.Lambda(lambda values: (Path(mark).touch(), values * 2)[1], name="twice")(picture)
    path = tmp_path / f"net.{suffix}"
    keras.Model(picture, doubled).save(path)
    Path(mark).unlink()  # making the model has run it

    with pytest.raises(GraphError, match=r"net\..* holds Python code \(the Lambda layer 'twice'\)"):
        read_source(path)

    assert not Path(mark).exists()


def test_a_layer_of_somebodys_own_is_refused(tmp_path: Path) -> None:
    import keras

    @keras.saving.register_keras_serializable("acme")
    class Twice(keras.layers.Layer):
        def call(self, values: Any) -> Any:
            return values * 2

    picture = keras.Input((8, 8, 3))
    keras.Model(picture, Twice()(picture)).save(tmp_path / "net.keras")

    with pytest.raises(GraphError, match=r"needs code that is not in the file \(Twice"):
        read_source(tmp_path / "net.keras")


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_a_loss_of_somebodys_own_does_not_matter_also_inside_a_nested_model(
    tmp_path: Path, suffix: str
) -> None:
    import keras

    called = []

    @keras.saving.register_keras_serializable("acme")
    def own_loss(truth: Any, answer: Any) -> Any:
        called.append(truth)
        return keras.ops.mean(answer)

    inside = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(1, 1)])
    inside.compile(optimizer="adam", loss=own_loss)
    picture = keras.Input((8, 8, 3))
    whole = keras.Model(picture, keras.layers.Activation("sigmoid")(inside(picture)))
    whole.compile(optimizer="adam", loss=own_loss)
    whole.save(tmp_path / f"net.{suffix}")
    keras.saving.get_custom_objects().pop("acme>own_loss")

    source = read_source(tmp_path / f"net.{suffix}")

    assert source.run is not None
    assert not called


def test_what_a_nested_model_was_compiled_with_cannot_hide_code() -> None:
    planted = {"class_name": "__lambda__", "config": {"value": "eA=="}}
    layers = [
        {"class_name": "Sequential", "module": "keras", "config": {}, "compile_config": {"loss": planted}}
    ]
    config = {"class_name": "Functional", "config": {"layers": layers}, "build_config": {"shape": [1]}}

    with pytest.raises(GraphError, match="holds Python code"):
        refuse_code(config, "net.keras")
    assert "compile_config" not in without_training(config)["config"]["layers"][0]
    assert without_training(config)["build_config"] == {"shape": [1]}


def test_python_in_a_saved_model_is_refused(tmp_path: Path) -> None:
    import tensorflow as tf

    class Network(tf.Module):  # type: ignore[misc]
        @tf.function(input_signature=[tf.TensorSpec((None, 8, 8, 3))])
        def __call__(self, picture: Any) -> Any:
            return tf.py_function(lambda values: values * 2, [picture], tf.float32)

    tf.saved_model.save(Network(), str(tmp_path / "net"))

    with pytest.raises(GraphError, match=r"net calls Python code \(EagerPyFunc; tf\.py_function"):
        read_source(tmp_path / "net")


def test_a_saved_model_that_reads_files_is_refused(tmp_path: Path) -> None:
    import tensorflow as tf

    class Network(tf.Module):  # type: ignore[misc]
        @tf.function(input_signature=[tf.TensorSpec((None, 8, 8, 3))])
        def __call__(self, picture: Any) -> Any:
            return picture * tf.cast(tf.strings.length(tf.io.read_file("/etc/passwd")), tf.float32)

    tf.saved_model.save(Network(), str(tmp_path / "net"))

    with pytest.raises(GraphError, match=r"net has operations .* do not need \(ReadFile, StringLength\)"):
        read_source(tmp_path / "net")


@pytest.mark.parametrize("nested", [False, True])
def test_a_saved_model_that_writes_files_is_refused_and_does_not_run(tmp_path: Path, nested: bool) -> None:
    import tensorflow as tf

    mark = tmp_path / "printed"

    def noted(picture: Any) -> Any:
        tf.print("ran", output_stream=f"file://{mark}")
        return picture * 2

    class Network(tf.Module):  # type: ignore[misc]
        @tf.function(input_signature=[tf.TensorSpec((None, 8, 8, 3))])
        def __call__(self, picture: Any) -> Any:
            if not nested:
                return noted(picture)
            return tf.cond(tf.reduce_max(picture) > 0, lambda: noted(picture), lambda: picture)

    tf.saved_model.save(Network(), str(tmp_path / "net"))

    with pytest.raises(GraphError, match=r"net has operations .*PrintV2"):
        read_source(tmp_path / "net")

    assert not mark.exists()


def test_what_saves_variables_is_refused_where_a_signature_runs_it(tmp_path: Path) -> None:
    import tensorflow as tf

    class Network(tf.Module):  # type: ignore[misc]
        @tf.function(input_signature=[tf.TensorSpec((None, 8, 8, 3))])
        def __call__(self, picture: Any) -> Any:
            tf.raw_ops.SaveV2(
                prefix=str(tmp_path / "saved"), tensor_names=["a"], shape_and_slices=[""], tensors=[picture]
            )
            return picture * 2

    tf.saved_model.save(Network(), str(tmp_path / "net"))

    with pytest.raises(GraphError, match=r"net has operations .*\(SaveV2\)"):
        read_source(tmp_path / "net")

    assert not list(tmp_path.glob("saved*"))


def rewritten(path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """The `.keras` file with another config.json."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(parts["config.json"])
    change(config)
    parts["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize(
    "planted",
    [
        {"module": "os", "class_name": "system", "config": "touch {mark}", "registered_name": None},
        {"module": "keras.utils", "class_name": "get_file", "config": {"origin": "file:///etc/passwd"}},
        {"module": "keras.src.utils.file_utils", "class_name": "get_file", "config": {}},
        {"module": "builtins", "class_name": "function", "config": "eval", "registered_name": "function"},
        {"module": "builtins", "class_name": "exec", "config": "1", "registered_name": None},
        {"class_name": "__lambda__", "config": {"value": "eA==\n"}},
        {"module": None, "class_name": "Twice", "config": {}, "registered_name": "acme>Twice"},
    ],
)
def test_a_config_that_calls_functions_is_refused_before_keras_sees_it(
    keras_files: KerasFiles, tmp_path: Path, planted: dict[str, Any]
) -> None:
    mark = tmp_path / "ran"
    planted = json.loads(json.dumps(planted).replace("{mark}", str(mark)))
    path = Path(shutil.copy(keras_files.keras, tmp_path))
    rewritten(path, lambda config: config["config"]["layers"][1]["config"].update(activation=planted))

    with pytest.raises(
        GraphError, match=r"net\.keras (needs code that is not in the file|holds Python code)"
    ):
        read_source(path)

    assert not mark.exists()


def test_a_bare_operation_between_layers_of_keras_2_is_answered_with_the_way_round() -> None:
    layers = [{"class_name": "TFOpLambda", "name": "tf.math.add", "config": {"name": "tf.math.add"}}]

    with pytest.raises(GraphError, match=r"'tf\.math\.add'.*Keras 2 can read: .*model\.export\(FOLDER\)"):
        refuse_code({"class_name": "Functional", "config": {"layers": layers}}, "net.h5")


def test_what_keras_2_says_of_layers_and_keras_3_does_not_know_is_taken_out() -> None:
    layers = [
        {"class_name": "Conv2DTranspose", "config": {"filters": 2, "groups": 1, "name": "up"}},
        {
            "class_name": "BatchNormalization",
            "config": {"axis": [3], "adjustment": None, "name": "norm"},
        },
        {"class_name": "DepthwiseConv2D", "config": {"kernel_size": 3, "groups": 2}},  # asks for something
    ]

    cleaned = for_keras_3({"class_name": "Functional", "config": {"layers": layers}})["config"]["layers"]

    assert cleaned[0]["config"] == {"filters": 2, "name": "up"}
    assert cleaned[1]["config"] == {"axis": 3, "name": "norm"}
    assert cleaned[2]["config"]["groups"] == 2


def test_a_file_of_keras_2_with_such_values_is_read(keras_files: KerasFiles, tmp_path: Path) -> None:
    path = Path(shutil.copy(keras_files.h5, tmp_path))
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        for layer in config["config"]["layers"]:
            if layer["class_name"] == "Conv2DTranspose":
                layer["config"]["groups"] = 1
        file.attrs["model_config"] = json.dumps(config)

    assert len(read_source(path).model.outputs) == 1
