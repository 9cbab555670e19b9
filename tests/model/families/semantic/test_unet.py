"""The U-Net builder: shapes, options, weights of the encoder, training, saving and the way to OpenVINO."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import h5py
import keras
import numpy as np
import numpy.typing as npt
import openvino as ov
import pytest
import tensorflow as tf

from model.families.semantic.unet import build_unet
from model.families.semantic.unet_config import UNetConfig

TINY: dict[str, Any] = {"depth": 2, "base_width": 8}
TINY_MOBILENET: dict[str, Any] = {"encoder": "mobilenet", "base_width": 2}
EVERY_ROAD = pytest.mark.parametrize(
    "options",
    [
        {**TINY, "norm": "batch", "upsampling": "transposed"},
        {**TINY, "norm": "group", "upsampling": "resize", "out_channels": 3, "output": "softmax"},
        {**TINY_MOBILENET, "output": "sigmoid"},
    ],
    ids=["plain", "plain-group-resize", "mobilenet"],
)


@pytest.fixture
def mixed_bfloat16() -> Iterator[None]:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    yield
    keras.config.set_dtype_policy(before)


@pytest.fixture(scope="session")
def mobilenet_file(shared: Path) -> Path:
    path = shared / "weights" / "mobilenet_v1_0.75_224_notop.weights.h5"
    if not path.is_file():
        pytest.skip(f"{path} is missing: it is too large for the repository")
    return path


def picture_of(width: int, height: int, channels: int = 3, seed: int = 0) -> npt.NDArray[np.float32]:
    return np.random.default_rng(seed).uniform(-1, 1, (1, height, width, channels)).astype(np.float32)


def drawn_disc(side: int = 64) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """A picture (1, H, W, 3) with a bright disc in noise, and its mask (1, H, W, 1)."""
    y, x = np.mgrid[:side, :side] - side / 2
    mask = (x**2 + y**2 < (side / 3) ** 2).astype(np.float32)[None, ..., None]
    return picture_of(side, side) * 0.2 + mask, mask


def answer(network: keras.Model, picture: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return keras.ops.convert_to_numpy(network(picture, training=False))


def with_lived_in_norms(network: keras.Model) -> keras.Model:
    """Statistics as after training: fresh ones (mean 0, variance 1) would hide that a norm is lost."""
    random = np.random.default_rng(1)
    for variable in network.weights:
        if variable.name == "moving_mean":
            variable.assign(random.normal(0, 0.3, variable.shape))
        elif variable.name == "moving_variance":
            variable.assign(random.uniform(0.5, 2, variable.shape))
    return network


@EVERY_ROAD
def test_any_size_that_the_divisor_divides_gives_scores_of_that_size(options: dict[str, Any]) -> None:
    config = UNetConfig(**options)
    network = build_unet(config)

    assert network.input_shape == (None, None, None, 3)
    for across, down in ((1, 1), (3, 2)):
        width, height = across * config.divisor, down * config.divisor
        assert answer(network, picture_of(width, height)).shape == (1, height, width, config.out_channels)


@pytest.mark.parametrize("options", [{**TINY, "in_channels": 1}, TINY_MOBILENET], ids=["plain", "mobilenet"])
def test_a_fixed_size_is_width_by_height(options: dict[str, Any]) -> None:
    network = build_unet(UNetConfig(**options, size=(96, 64), out_channels=4))

    assert network.input_shape == (None, 64, 96, options.get("in_channels", 3))
    assert network.output_shape == (None, 64, 96, 4)


@pytest.mark.parametrize(
    ("output", "channels", "total"),
    [("softmax", 3, 1.0), ("sigmoid", 3, None), ("sigmoid", 1, None)],
)
def test_probabilities_are_probabilities(output: Any, channels: int, total: float | None) -> None:
    config = UNetConfig(**TINY, output=output, out_channels=channels)
    scores = answer(build_unet(config), picture_of(8, 8))

    assert ((scores > 0) & (scores < 1)).all()
    if total is not None:
        np.testing.assert_allclose(scores.sum(axis=-1), total, rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encoder": "resnet"}, "encoder 'resnet' is unknown: use one of plain, mobilenet"),
        ({"norm": "layer"}, "norm 'layer' is unknown: use one of batch, group, none"),
        ({"upsampling": "bilinear"}, "upsampling 'bilinear' is unknown: use one of transposed, resize"),
        ({"output": "relu"}, "output 'relu' is unknown: use one of logits, sigmoid, softmax"),
        ({"depth": 0}, "depth is 0: use at least 1"),
        ({"base_width": 0}, "base_width is 0: use at least 1"),
        ({"in_channels": 0}, "in_channels is 0: use at least 1"),
        ({"out_channels": -1}, "out_channels is -1: use at least 1"),
        ({"norm": "group", "norm_groups": 0}, "norm_groups is 0: use at least 1"),
        ({"norm": "group", "base_width": 12}, "norm_groups 8 does not divide base_width 12"),
        ({"output": "softmax"}, "softmax over one channel is always 1: use output='sigmoid'"),
        ({"size": (100, 96)}, r"size \(100, 96\): both sides must be multiples of 16.* use \(112, 96\)"),
        ({"size": (96, 48), "encoder": "mobilenet"}, r"multiples of 32.* use \(96, 64\)"),
        ({"size": (0, 16)}, r"size \(0, 16\): use \(width, height\) in pixels"),
        ({"size": (16,)}, r"size \(16,\): use \(width, height\) in pixels"),
        (
            {"encoder": "mobilenet", "depth": 4},
            "depth is 4: the MobileNet encoder halves the picture 5 times",
        ),
        ({"encoder": "mobilenet", "in_channels": 1}, "the MobileNet encoder takes RGB, 3 channels"),
    ],
)
def test_options_that_do_not_fit_are_refused_with_what_would(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        UNetConfig(**options)


def test_a_picture_should_be_in_the_range_that_the_encoder_knows() -> None:
    assert UNetConfig().value_range == "0-1"
    assert UNetConfig(encoder="mobilenet").value_range == "-1-1"


def test_the_paper_s_configuration_has_its_31_million_parameters() -> None:
    paper = build_unet(UNetConfig(in_channels=1, out_channels=2, norm="none"))

    assert paper.count_params() == 31_030_658
    assert paper.get_layer("bottleneck_conv2").output.shape[-1] == 1024


def test_layers_are_named_after_their_stride() -> None:
    names = [layer.name for layer in build_unet(UNetConfig(**TINY)).layers]

    assert [name for name in names if name.endswith(("conv1", "up", "logits"))] == [
        "encoder_stride1_conv1",
        "encoder_stride2_conv1",
        "bottleneck_conv1",
        "decoder_stride2_up",
        "decoder_stride2_conv1",
        "decoder_stride1_up",
        "decoder_stride1_conv1",
        "logits",
    ]
    assert names == [layer.name for layer in build_unet(UNetConfig(**TINY)).layers]  # also the second time


def test_the_mobilenet_encoder_joins_the_decoder_at_every_stride() -> None:
    network = build_unet(UNetConfig(**TINY_MOBILENET, size=(64, 64)))

    joined = [layer for layer in network.layers if layer.name.endswith("_join")]
    assert {layer.name: layer.input[0].shape[1:] for layer in joined} == {
        "decoder_stride16_join": (4, 4, 384),
        "decoder_stride8_join": (8, 8, 192),
        "decoder_stride4_join": (16, 16, 96),
        "decoder_stride2_join": (32, 32, 48),
    }
    assert network.get_layer("decoder_stride16_up").input.shape[1:] == (2, 2, 768)


def test_mobilenet_weights_come_from_the_file(mobilenet_file: Path) -> None:
    network = build_unet(UNetConfig(**TINY_MOBILENET), encoder_weights=mobilenet_file)

    with h5py.File(mobilenet_file) as file:
        stored = {
            "conv1": file["layers/conv2d/vars/0"][()],
            "conv_pw_13": file["layers/conv2d_13/vars/0"][()],
            "conv_dw_1": file["layers/depthwise_conv2d/vars/0"][()],
            "conv1_bn": file["layers/batch_normalization/vars/0"][()],
        }
    for name, array in stored.items():
        np.testing.assert_array_equal(network.get_layer(name).weights[0], array, err_msg=name)


@pytest.mark.filterwarnings("ignore:Skipping nested container")
def test_a_file_of_another_network_is_refused(tmp_path: Path) -> None:
    wider = keras.applications.MobileNet((32, 32, 3), alpha=0.25, include_top=False, weights=None)
    wider.save_weights(tmp_path / "other.weights.h5")
    (tmp_path / "broken.weights.h5").write_bytes(b"\x89HDF\r\n\x1a\nand then nothing")
    (tmp_path / "notes.txt").write_text("no weights")
    config = UNetConfig(**TINY_MOBILENET)

    for name in ("other.weights.h5", "broken.weights.h5", "notes.txt"):
        with pytest.raises(
            ValueError, match=rf"^{name} does not hold the weights of MobileNet v1 with alpha"
        ):
            build_unet(config, tmp_path / name)
    with pytest.raises(ValueError, match=r"^none\.weights\.h5: there is no such weight file"):
        build_unet(config, tmp_path / "none.weights.h5")


def test_encoder_weights_for_a_plain_encoder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the encoder is 'plain': set encoder='mobilenet'"):
        build_unet(UNetConfig(**TINY), tmp_path / "any.weights.h5")


@EVERY_ROAD
def test_a_few_steps_learn_one_picture(options: dict[str, Any]) -> None:
    keras.utils.set_random_seed(3)
    network = _to_train(options)
    before = [np.array(variable) for variable in network.trainable_variables]

    history = network.fit(*drawn_disc(), epochs=6, verbose=0).history["loss"]

    assert history[-1] < 0.7 * history[0]
    for variable, old in zip(network.trainable_variables, before, strict=True):
        assert not np.array_equal(variable, old), f"no gradient reaches {variable.path}"


@EVERY_ROAD
@pytest.mark.usefixtures("mixed_bfloat16")
def test_mixed_precision_trains_and_still_answers_in_float32(options: dict[str, Any]) -> None:
    network = _to_train(options)
    picture, mask = drawn_disc()

    assert np.isfinite(network.train_on_batch(picture, mask))
    assert network.get_layer("decoder_stride1_conv1").compute_dtype == "bfloat16"
    assert {variable.dtype for variable in network.weights} == {"float32"}
    assert answer(network, picture).dtype == np.float32


def _to_train(options: dict[str, Any]) -> keras.Model:
    """With one channel of logits; run eagerly, since tracing takes longer than a few steps."""
    network = build_unet(UNetConfig(**{**options, "output": "logits", "out_channels": 1}))
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    network.compile(keras.optimizers.Adam(1e-2), loss, run_eagerly=True)
    return network


@EVERY_ROAD
def test_a_saved_network_loads_without_this_code_and_converts_to_openvino(
    options: dict[str, Any], tmp_path: Path
) -> None:
    keras.utils.set_random_seed(4)
    network = with_lived_in_norms(build_unet(UNetConfig(**options)))
    picture = picture_of(96, 64)
    expected = answer(network, picture)
    network.save(tmp_path / "unet.keras")

    loaded = keras.saving.load_model(tmp_path / "unet.keras", compile=False)  # safe mode, no custom objects
    assert {type(layer).__module__.partition(".")[0] for layer in loaded.layers} == {"keras"}
    np.testing.assert_array_equal(answer(loaded, picture), expected)

    graph = tf.function(
        lambda picture: loaded(picture, training=False),
        input_signature=[tf.TensorSpec((1, None, None, 3), tf.float32)],
    )
    compiled = ov.compile_model(
        ov.convert_model(graph.get_concrete_function()), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    np.testing.assert_allclose(compiled(picture)[0], expected, atol=1e-3)
    smaller = picture_of(32, 64, seed=2)  # the graph is open to other sizes
    np.testing.assert_allclose(compiled(smaller)[0], answer(network, smaller), atol=1e-3)
