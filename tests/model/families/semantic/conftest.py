"""Foreign models, tiny: networks of a convolution or two, in every kind of file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import openvino as ov
import pytest
from foreign_models import Floats, KerasFiles, MakeOnnx
from onnx import TensorProto, helper, numpy_helper


@pytest.fixture(scope="session")
def keras_files(tmp_path_factory: pytest.TempPathFactory) -> KerasFiles:
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(3)
    folder = tmp_path_factory.mktemp("keras")

    def network(*sides: int | None) -> Any:
        picture = keras.Input((*sides, 3))
        small = keras.layers.Conv2D(4, 3, strides=2, padding="same", activation="relu")(picture)
        large = keras.layers.Conv2DTranspose(4, 2, strides=2)(small)
        joined = keras.layers.Concatenate()([large, picture])  # fits only where both sides are even
        return keras.Model(picture, keras.layers.Conv2D(2, 1, activation="softmax")(joined))

    model, fixed = network(None, None), network(32, 48)
    fixed.set_weights(model.get_weights())
    model.save(folder / "net.keras")
    model.save(folder / "net.h5")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        model.save_weights("net.weights.h5")
    model.export(folder / "net", format="tf_saved_model", verbose=False)
    (folder / "net.tflite").write_bytes(tf.lite.TFLiteConverter.from_keras_model(fixed).convert())
    picture = np.random.default_rng(0).random((1, 32, 48, 3), np.float32)
    return KerasFiles(
        keras=folder / "net.keras",
        h5=folder / "net.h5",
        weights_only=folder / "net.weights.h5",
        saved_model=folder / "net",
        tflite=folder / "net.tflite",
        picture=picture,
        answer=np.asarray(model(picture)),
    )


@pytest.fixture
def make_onnx(tmp_path: Path) -> MakeOnnx:
    """Makes an ONNX file of one 1 × 1 convolution, of whatever comes behind it, and of its input."""

    def make(
        name: str = "net.onnx",
        *,
        shape: Sequence[int | str] = ("n", 3, "h", "w"),
        outputs: int = 1,
        then: Sequence[tuple[str, dict[str, Any]]] = (),
        stride: int = 1,
        given: Sequence[int | str] | None = None,
        dtype: int = TensorProto.FLOAT,
        takes: int = TensorProto.FLOAT,
        kernel: npt.NDArray | None = None,
        extra: Sequence[tuple[onnx.NodeProto, onnx.ValueInfoProto]] = (),
        more_inputs: Sequence[onnx.ValueInfoProto] = (),
        last: bool = False,
    ) -> Path:
        channels = shape[3] if last else shape[1]
        width = channels if isinstance(channels, int) else 3
        if kernel is None:
            kernel = np.random.default_rng(1).normal(size=(outputs, width, 1, 1)).astype(np.float32)
        nodes, value = [], "image"
        if takes != TensorProto.FLOAT:
            nodes.append(helper.make_node("Cast", [value], ["floats"], to=TensorProto.FLOAT))
            value = "floats"
        if last:
            nodes.append(helper.make_node("Transpose", [value], ["first"], perm=[0, 3, 1, 2]))
            value = "first"
        nodes.append(helper.make_node("Conv", [value, "kernel"], ["scores"], strides=[stride, stride]))
        value = "scores"
        for index, (kind, attributes) in enumerate(then):
            nodes.append(helper.make_node(kind, [value], [f"step{index}"], **attributes))
            value = f"step{index}"
        nodes[-1].output[0] = "mask"
        given = given or ("n", outputs, "h2", "w2")
        graph = helper.make_graph(
            [*nodes, *(node for node, _ in extra)],
            "net",
            [helper.make_tensor_value_info("image", takes, list(shape)), *more_inputs],
            [helper.make_tensor_value_info("mask", dtype, list(given)), *(info for _, info in extra)],
            [numpy_helper.from_array(kernel, "kernel")],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        model.ir_version = 9
        path = tmp_path / name
        onnx.save_model(model, path)
        return path

    return make


@pytest.fixture(scope="session")
def answer() -> Callable[[ov.Model, Floats], npt.NDArray]:
    """What a graph gives for float32 (1, H, W, C), in full precision."""
    core = ov.Core()

    def run(model: ov.Model, picture: Floats) -> npt.NDArray:
        compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        return np.array(compiled(picture)[0])

    return run
