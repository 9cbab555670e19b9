"""SqueezeNet 1.1 without its last convolution (Iandola et al. 2016, arXiv:1602.07360).

The layers have the names of the published Keras weights, with "_" for "/": `conv1`, `fire2_squeeze1x1`, ….
"""

from __future__ import annotations

from keras import KerasTensor, layers

FIRES = {
    2: (16, 64),
    3: (16, 64),
    4: (32, 128),
    5: (32, 128),
    6: (48, 192),
    7: (48, 192),
    8: (64, 256),
    9: (64, 256),
}
"""Number of a fire module → the channels of its squeeze layer, and of each of its two expand layers."""
POOLED_AFTER = (3, 5)
MEAN = (123.68, 116.779, 103.939)
"""RGB, subtracted from pictures; the network takes BGR then, as Caffe's did."""


def squeezenet_features(picture: KerasTensor) -> KerasTensor:
    """float32 (B, S, S, 3), RGB, 0 to 255 → features (B, S/16, S/16, 512); each side is rounded down."""
    centred = layers.Rescaling(1.0, offset=[-mean for mean in MEAN], dtype="float32", name="centred")(picture)
    features = layers.Conv2D(64, 3, strides=2, activation="relu", name="conv1")(centred[..., ::-1])
    features = layers.MaxPooling2D(3, strides=2, name="pool1")(features)
    for number, (squeezed, expanded) in FIRES.items():
        features = _fire(features, number, squeezed, expanded)
        if number in POOLED_AFTER:
            features = layers.MaxPooling2D(3, strides=2, name=f"pool{number}")(features)
    return features


def _fire(features: KerasTensor, number: int, squeezed: int, expanded: int) -> KerasTensor:
    name = f"fire{number}"
    narrow = layers.Conv2D(squeezed, 1, activation="relu", name=f"{name}_squeeze1x1")(features)
    wide = [
        layers.Conv2D(expanded, side, padding="same", activation="relu", name=f"{name}_expand{side}x{side}")(
            narrow
        )
        for side in (1, 3)
    ]
    return layers.Concatenate(name=f"{name}_joined")(wide)
