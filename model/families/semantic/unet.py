"""U-Net (Ronneberger et al. 2015, arXiv:1505.04597) as a functional Keras model of built-in layers only.

It differs from the paper in two ways: convolutions are padded ("same"), so that the output is as large as
the picture, and batch or group norm may be used.

Layers are named after their stride, so that weights can be loaded by name: `encoder_stride2_conv1`,
`bottleneck_norm2`, `decoder_stride1_up`, `logits`. The layers of the MobileNet encoder keep the names of
keras.applications: `conv1`, `conv_dw_1`, ….
"""

from __future__ import annotations

from pathlib import Path

import keras
from keras import KerasTensor, layers

from model.families.semantic.unet_config import UNetConfig

MOBILENET_ALPHA = 0.75
MOBILENET_FEATURES = (
    "conv_pw_1_relu",
    "conv_pw_3_relu",
    "conv_pw_5_relu",
    "conv_pw_11_relu",
    "conv_pw_13_relu",
)
"""The last layer at stride 2, 4, 8, 16 and 32."""


def build_unet(config: UNetConfig, encoder_weights: str | Path | None = None) -> keras.Model:
    """The network that `config` describes, with random weights, or with MobileNet's weights from a file.

    It takes pictures float32 (B, H, W, in_channels), whose sides are multiples of `config.divisor` and whose
    values lie in `config.value_range` (-1…1 for MobileNet), and gives float32 (B, H, W, out_channels), even
    if the rest is computed in 16 bits (`mixed_bfloat16`).

    Args:
        config: describes the network.
        encoder_weights: of the MobileNet encoder, alpha 0.75 without its top: a file written by Keras,
            `.weights.h5` or the older `.h5`. None: random.

    Raises:
        ValueError: `encoder_weights` is missing, is not a weight file or is of another network; or the
            encoder is not MobileNet.
    """
    if encoder_weights is not None and config.encoder != "mobilenet":
        raise ValueError(
            "encoder_weights are MobileNet's, but the encoder is "
            f"{config.encoder!r}: set encoder='mobilenet' or omit encoder_weights"
        )
    width, height = config.size or (None, None)
    picture = keras.Input((height, width, config.in_channels), dtype="float32", name="picture")
    if config.encoder == "mobilenet":
        features = _mobilenet_encoder(picture, encoder_weights)
    else:
        features = _plain_encoder(picture, config)
    return keras.Model(picture, _output(_decoder(features, config), config), name="unet")


def _plain_encoder(picture: KerasTensor, config: UNetConfig) -> dict[int, KerasTensor]:
    """Features by stride: 1, 2, … and finally the bottleneck."""
    features = {1: _double_conv(picture, config.width, "encoder_stride1", config)}
    for level in range(1, config.levels + 1):
        stride = 2**level
        name = "bottleneck" if level == config.levels else f"encoder_stride{stride}"
        halved = layers.MaxPooling2D(2, name=f"{name}_pool")(features[stride // 2])
        features[stride] = _double_conv(halved, config.width * stride, name, config)
    return features


def _mobilenet_encoder(picture: KerasTensor, weights: str | Path | None) -> dict[int, KerasTensor]:
    """Features by stride: 2, 4, 8, 16 and 32 (Howard et al. 2017, arXiv:1704.04861)."""
    encoder = keras.applications.MobileNet(
        input_tensor=picture, alpha=MOBILENET_ALPHA, include_top=False, weights=None
    )
    if weights is not None:
        _load_mobilenet(encoder, Path(weights))
    return {
        2**level: encoder.get_layer(name).output for level, name in enumerate(MOBILENET_FEATURES, start=1)
    }


def _load_mobilenet(encoder: keras.Model, path: Path) -> None:
    if not path.is_file():
        raise ValueError(f"{path.name}: there is no such weight file")
    try:
        encoder.load_weights(path)
    except (ValueError, OSError, KeyError) as error:
        raise ValueError(
            f"{path.name} does not hold the weights of MobileNet v1 with alpha {MOBILENET_ALPHA} and without "
            "its top, as Keras writes them (.weights.h5 or .h5): give such a file, or none for random weights"
        ) from error


def _decoder(features: dict[int, KerasTensor], config: UNetConfig) -> KerasTensor:
    """From the coarsest features to full resolution, joined at each stride with the encoder's, if any."""
    coarsest = max(features)
    merged = features[coarsest]
    for level in range(coarsest.bit_length() - 2, -1, -1):
        stride = 2**level
        name, width = f"decoder_stride{stride}", config.width * stride
        merged = _upsample(merged, width, name, config)
        if stride in features:
            merged = layers.Concatenate(name=f"{name}_join")([features[stride], merged])
        merged = _double_conv(merged, width, name, config)
    return merged


def _upsample(cells: KerasTensor, width: int, name: str, config: UNetConfig) -> KerasTensor:
    """(B, H, W, C) → (B, 2H, 2W, width)."""
    if config.upsampling == "transposed":
        return layers.Conv2DTranspose(width, 2, strides=2, kernel_initializer="he_normal", name=f"{name}_up")(
            cells
        )
    # Not bilinear: on TensorFlow, Keras 3.15 cannot trace that for pictures of any size.
    cells = layers.UpSampling2D(2, interpolation="nearest", name=f"{name}_resize")(cells)
    return layers.Conv2D(width, 3, padding="same", kernel_initializer="he_normal", name=f"{name}_up")(cells)


def _double_conv(features: KerasTensor, width: int, name: str, config: UNetConfig) -> KerasTensor:
    """Two 3 × 3 convolutions, each followed by the norm and ReLU."""
    for index in (1, 2):
        features = layers.Conv2D(
            width,
            3,
            padding="same",
            use_bias=config.norm == "none",  # a norm has its own
            kernel_initializer="he_normal",
            name=f"{name}_conv{index}",
        )(features)
        if config.norm == "batch":
            features = layers.BatchNormalization(name=f"{name}_norm{index}")(features)
        elif config.norm == "group":
            features = layers.GroupNormalization(config.norm_groups, name=f"{name}_norm{index}")(features)
        features = layers.ReLU(name=f"{name}_relu{index}")(features)
    return features


def _output(features: KerasTensor, config: UNetConfig) -> KerasTensor:
    """Scores per pixel; always float32, since losses and thresholds suffer from 16 bits."""
    scores = layers.Conv2D(config.out_channels, 1, dtype="float32", name="logits")(features)
    if config.output == "logits":
        return scores
    return layers.Activation(config.output, dtype="float32", name="probabilities")(scores)
