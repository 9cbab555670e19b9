"""Backbones: picture → C2…C5, the features at strides 4, 8, 16 and 32."""

from __future__ import annotations

from keras import KerasTensor, layers

RESNET_STAGE4_BLOCKS = {"resnet50": 6, "resnet101": 23}
SMALL_STAGE_WIDTHS = (48, 80, 128, 192)


def build_backbone(name: str, picture: KerasTensor, train_bn: bool) -> list[KerasTensor]:
    """C2…C5 of `picture` (B, H, W, 3), whose mean is already subtracted."""
    if name == "resnet_small":
        return _resnet_small(picture, train_bn)
    return _resnet(picture, RESNET_STAGE4_BLOCKS[name], train_bn)


def batch_norm(features: KerasTensor, name: str, train_bn: bool) -> KerasTensor:
    """Batch normalisation that learns only if the config says so (Matterport `BatchNorm`).

    Matterport trains with one or two pictures a step, too few for batch statistics.
    """
    layer = layers.BatchNormalization(name=name)
    return layer(features) if train_bn else layer(features, training=False)


def _resnet(picture: KerasTensor, stage4_blocks: int, train_bn: bool) -> list[KerasTensor]:
    """ResNet-50 or -101 (He et al. 2015), laid out as Matterport's `resnet_graph`.

    Its weight files require two things: convolutions have a bias although batch norm follows, and the
    stride is on the first 1 × 1 convolution of a stage, as in the original Caffe release.
    """
    features = layers.ZeroPadding2D(3, name="conv1_pad")(picture)
    features = layers.Conv2D(64, 7, strides=2, name="conv1")(features)
    features = layers.ReLU()(batch_norm(features, "bn_conv1", train_bn))
    features = layers.MaxPooling2D(3, strides=2, padding="same")(features)
    stages = []
    for stage, width, blocks in ((2, 64, 3), (3, 128, 4), (4, 256, stage4_blocks), (5, 512, 3)):
        for index in range(blocks):
            block = f"{stage}{chr(ord('a') + index)}"
            stride = 2 if index == 0 and stage > 2 else 1
            features = _bottleneck(features, width, block, stride, index == 0, train_bn)
        stages.append(features)
    return stages


def _bottleneck(
    features: KerasTensor, width: int, block: str, stride: int, project: bool, train_bn: bool
) -> KerasTensor:
    """1 × 1, 3 × 3 and 1 × 1 convolutions with a shortcut, which the first block of a stage projects."""
    inner = layers.Conv2D(width, 1, strides=stride, name=f"res{block}_branch2a")(features)
    inner = layers.ReLU()(batch_norm(inner, f"bn{block}_branch2a", train_bn))
    inner = layers.Conv2D(width, 3, padding="same", name=f"res{block}_branch2b")(inner)
    inner = layers.ReLU()(batch_norm(inner, f"bn{block}_branch2b", train_bn))
    inner = layers.Conv2D(4 * width, 1, name=f"res{block}_branch2c")(inner)
    inner = batch_norm(inner, f"bn{block}_branch2c", train_bn)
    shortcut = features
    if project:
        shortcut = layers.Conv2D(4 * width, 1, strides=stride, name=f"res{block}_branch1")(features)
        shortcut = batch_norm(shortcut, f"bn{block}_branch1", train_bn)
    return layers.ReLU(name=f"res{block}_out")(layers.Add()([inner, shortcut]))


def _resnet_small(picture: KerasTensor, train_bn: bool) -> list[KerasTensor]:
    """Two plain 3 × 3 residual blocks a stage (as in ResNet-18), with few channels at high resolution.

    The stem reaches stride 4 in one convolution: at full and half resolution even a few channels would cost
    as much as a whole stage.
    """
    features = _conv_norm(picture, SMALL_STAGE_WIDTHS[0], 7, 4, "conv1", "bn_conv1", train_bn)
    features = layers.ReLU()(features)
    stages = []
    for stage, width in enumerate(SMALL_STAGE_WIDTHS, start=2):
        for index, letter in enumerate("ab"):
            stride = 2 if index == 0 and stage > 2 else 1
            features = _basic_block(features, width, f"{stage}{letter}", stride, train_bn)
        stages.append(features)
    return stages


def _basic_block(features: KerasTensor, width: int, block: str, stride: int, train_bn: bool) -> KerasTensor:
    inner = _conv_norm(features, width, 3, stride, f"res{block}_branch2a", f"bn{block}_branch2a", train_bn)
    inner = layers.ReLU()(inner)
    inner = _conv_norm(inner, width, 3, 1, f"res{block}_branch2b", f"bn{block}_branch2b", train_bn)
    shortcut = features
    if stride > 1 or features.shape[-1] != width:
        shortcut = _conv_norm(
            features, width, 1, stride, f"res{block}_branch1", f"bn{block}_branch1", train_bn
        )
    return layers.ReLU(name=f"res{block}_out")(layers.Add()([inner, shortcut]))


def _conv_norm(
    features: KerasTensor,
    width: int,
    size: int,
    stride: int,
    conv_name: str,
    norm_name: str,
    train_bn: bool,
) -> KerasTensor:
    features = layers.Conv2D(
        width,
        size,
        strides=stride,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=conv_name,
    )(features)
    return batch_norm(features, norm_name, train_bn)
