"""ResNet as the library builds it, for scripts whose own BACKBONE is made of its blocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import KerasTensor, layers

from model.families.mask_rcnn.backbones import RESNET_STAGE4_BLOCKS


class BatchNorm(keras.layers.BatchNormalization):
    """Keras' own: called with `training=False` it is frozen, with None it learns in training."""


def resnet_graph(
    input_image: KerasTensor, architecture: str, stage5: bool = False, train_bn: bool | None = True
) -> list[KerasTensor | None]:
    """C1…C5 of a picture (B, H, W, channels): features at strides 4, 4, 8, 16 and 32.

    Args:
        input_image: less the mean pixel.
        architecture: "resnet50" or "resnet101".
        stage5: False leaves C5 out, which is then None.
        train_bn: False freezes batch normalization.
    """
    if architecture not in RESNET_STAGE4_BLOCKS:
        raise ValueError(f"architecture {architecture!r}: use one of {', '.join(RESNET_STAGE4_BLOCKS)}")
    features = layers.ZeroPadding2D(3)(input_image)
    features = layers.Conv2D(64, 7, strides=2, name="conv1")(features)
    features = layers.ReLU()(BatchNorm(name="bn_conv1")(features, training=train_bn))
    stages: list[KerasTensor | None] = [layers.MaxPooling2D(3, strides=2, padding="same")(features)]
    blocks_of = {2: 3, 3: 4, 4: RESNET_STAGE4_BLOCKS[architecture], 5: 3 if stage5 else 0}
    for stage, blocks in blocks_of.items():
        width = 32 << (stage - 1)
        features = stages[-1]
        for index in range(blocks):
            build: Any = identity_block if index else conv_block
            strides = {} if index or stage > 2 else {"strides": (1, 1)}
            name = chr(ord("a") + index)
            filters = (width, width, 4 * width)
            features = build(features, 3, filters, stage, name, train_bn=train_bn, **strides)
        stages.append(features if blocks else None)
    return stages


def identity_block(
    input_tensor: KerasTensor,
    kernel_size: int,
    filters: Sequence[int],
    stage: int,
    block: str,
    use_bias: bool = True,
    train_bn: bool | None = True,
) -> KerasTensor:
    """Three convolutions of `filters` channels, added to their input; layers are named by stage and block."""
    inner = _branch(input_tensor, kernel_size, filters, f"{stage}{block}", 1, use_bias, train_bn)
    return layers.ReLU(name=f"res{stage}{block}_out")(layers.Add()([inner, input_tensor]))


def conv_block(
    input_tensor: KerasTensor,
    kernel_size: int,
    filters: Sequence[int],
    stage: int,
    block: str,
    strides: tuple[int, int] = (2, 2),
    use_bias: bool = True,
    train_bn: bool | None = True,
) -> KerasTensor:
    """As `identity_block`, with a convolution on the shortcut, since size and channels change."""
    place = f"{stage}{block}"
    inner = _branch(input_tensor, kernel_size, filters, place, strides, use_bias, train_bn)
    shortcut = layers.Conv2D(filters[2], 1, strides=strides, use_bias=use_bias, name=f"res{place}_branch1")(
        input_tensor
    )
    shortcut = BatchNorm(name=f"bn{place}_branch1")(shortcut, training=train_bn)
    return layers.ReLU(name=f"res{place}_out")(layers.Add()([inner, shortcut]))


def _branch(
    features: KerasTensor,
    kernel_size: int,
    filters: Sequence[int],
    place: str,
    strides: int | tuple[int, int],
    use_bias: bool,
    train_bn: bool | None,
) -> KerasTensor:
    """The stride is on the first convolution, as in the original Caffe release."""
    for letter, width, size in zip("abc", filters, (1, kernel_size, 1), strict=True):
        features = layers.Conv2D(
            width,
            size,
            strides=strides if letter == "a" else 1,
            padding="same" if letter == "b" else "valid",
            use_bias=use_bias,
            name=f"res{place}_branch2{letter}",
        )(features)
        features = BatchNorm(name=f"bn{place}_branch2{letter}")(features, training=train_bn)
        if letter != "c":
            features = layers.ReLU()(features)
    return features
