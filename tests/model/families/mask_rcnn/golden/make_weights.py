"""Weights for the golden that ships: a ResNet-50 with most channels zero, so that the file compresses well.

Kernels hold -1, 0 and 1 at random, times one number per layer. Batch norm's statistics and the scale of the
heads are measured on the drawn picture: without that, random weights give the same answer everywhere.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from model.families.mask_rcnn.anchors import pyramid_anchors
from model.families.mask_rcnn.boxes import Floats
from model.families.mask_rcnn.detections import refine
from model.families.mask_rcnn.molding import Molded
from model.families.mask_rcnn.proposals import propose
from model.families.mask_rcnn.sampling import sampling_points
from model.mrcnn import Config, MaskRCNN

SEED = 4
LEAST_ALIVE = 8
"""Channels that are not zero in the narrowest layers of the backbone; in the wider ones a sixteenth."""
VARIANCE = 0.05
"""Of what enters batch norm, roughly: so small that a wrong epsilon shows."""
SPREAD = {
    "rpn_class_raw": 2.0,
    "rpn_bbox_pred": 1.0,
    "mrcnn_class_logits": 3.0,
    "mrcnn_bbox_fc": 0.7,
    "mrcnn_mask": 4.0,
}
"""Standard deviation of the outputs, before any activation."""
BACKGROUND = 8.0
"""Added to the background's logit, so that most RoIs hold nothing."""


def make_network(config: Config, molded: Molded) -> MaskRCNN:
    """A network with such weights; it finds objects of every class in the picture."""
    network = MaskRCNN(config)
    rng = np.random.default_rng(SEED)
    picture = ops.convert_to_tensor(molded.picture)
    _fill(network.trunk_model, [picture], rng)
    features, objectness, deltas = network.trunk(molded.picture)
    anchors = pyramid_anchors(config, *molded.shape)
    rois = propose(objectness[0], deltas[0], anchors, config, config.post_nms_rois_inference)[None]
    cells = ops.convert_to_tensor(features.cells)

    def inputs_of(boxes: Floats, size: int) -> list[Any]:
        return [cells, *map(ops.convert_to_tensor, sampling_points(boxes, molded.shape, size))]

    _fill(network.box_model, inputs_of(rois, config.pool_size), rng)
    class_bias = network.box_model.get_layer("mrcnn_class_logits").bias
    class_bias.assign(np.asarray(class_bias) + np.eye(1, config.num_classes)[0] * BACKGROUND)
    logits, box_deltas = network.box_head(features, rois)
    found = refine(rois[0], logits[0], box_deltas[0], molded.normalized_window, config)
    class_ids = ops.convert_to_tensor(found.class_ids[None])
    _fill(network.mask_model, [*inputs_of(found.boxes[None], config.mask_pool_size), class_ids], rng)
    return network


def save_as_keras_2(network: MaskRCNN, path: Path) -> None:
    """Write the weights with the groups, names and shapes that Keras 2 gave Matterport's files."""
    by_group: dict[str, list[keras.Layer]] = {"input_image": [], "zero_padding2d": [], "activation": []}
    for layer in network.layers:
        group = "rpn_model" if layer.name.startswith("rpn_") else layer.name
        by_group.setdefault(group, []).append(layer)
    by_group |= {"roi_align_classifier": [], "mrcnn_class": [], "mrcnn_bbox": [], "mrcnn_detection": []}
    with h5py.File(path, "w") as file:
        file.attrs["backend"] = b"tensorflow"
        file.attrs["keras_version"] = b"2.1.0"
        file.attrs["layer_names"] = [name.encode() for name in by_group]
        for group, layers in by_group.items():
            arrays = {
                f"{layer.name}/{variable.name}:0": _as_matterport_has_it(layer, variable, network.config)
                for layer in layers
                for variable in layer.weights
            }
            made = file.create_group(group)
            made.attrs["weight_names"] = [name.encode() for name in arrays]
            for name, array in arrays.items():
                made[name] = array


def _as_matterport_has_it(layer: keras.Layer, variable: Any, config: Config) -> npt.NDArray:
    """Two layers that are dense here are convolutions in Matterport's network."""
    array = np.asarray(variable)
    if variable.name == "kernel" and layer.name == "mrcnn_class_conv1":
        return array.reshape(config.pool_size, config.pool_size, config.top_down_pyramid_size, -1)
    if variable.name == "kernel" and layer.name == "mrcnn_class_conv2":
        return array[None, None]
    return array


def _fill(model: keras.Model, inputs: list[Any], rng: np.random.Generator) -> None:
    """Set the weights of one stage, layer by layer: each is measured on what those before it give."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            _fill_batch_norm(layer, _values(model, layer.input, inputs), rng)
        elif layer.weights:
            _fill_kernel(layer, rng)
            if layer.name in SPREAD:
                _spread(layer, _answers(model, layer, inputs))


def _fill_kernel(layer: keras.Layer, rng: np.random.Generator) -> None:
    kernel = np.zeros(layer.kernel.shape, np.float32)
    of_backbone = layer.name.startswith(("conv1", "res"))
    entrances = _alive(kernel.shape[-2]) if layer.name.startswith(("res", "fpn_c")) else slice(None)
    exits = _alive(kernel.shape[-1]) if of_backbone else slice(None)
    alive = kernel[..., entrances, exits]
    alive[...] = rng.integers(-1, 2, alive.shape)
    kernel *= np.sqrt(VARIANCE / (alive[..., 0].size * 2 / 3))
    bias = np.zeros(layer.bias.shape, np.float32)
    bias[exits] = rng.integers(-2, 3, len(bias[exits])) / 64
    layer.set_weights([kernel, bias])


def _alive(width: int) -> slice:
    return slice(max(LEAST_ALIVE, width // 16))


def _fill_batch_norm(layer: keras.Layer, values: npt.NDArray, rng: np.random.Generator) -> None:
    values = values.reshape(-1, values.shape[-1])
    alive = values.std(axis=0) > 0
    steps = rng.integers(-8, 9, (2, len(alive))) / 32
    gamma = np.where(alive, 1 + steps[0], 1)
    beta = np.where(alive, steps[1], 0)
    layer.set_weights([gamma, beta, _coarse(values.mean(axis=0)), _coarse(values.var(axis=0))])


def _spread(layer: keras.Layer, answers: npt.NDArray) -> None:
    kernel, bias = layer.get_weights()
    factor = SPREAD[layer.name] / answers.std(axis=0).mean()
    layer.set_weights([kernel * factor, _coarse(-(answers.mean(axis=0) - bias) * factor)])


def _answers(model: keras.Model, layer: keras.Layer, inputs: list[Any]) -> npt.NDArray:
    """What a layer now gives, (N, channels), before its activation; an RPN layer, on all pyramid levels."""
    activation, layer.activation = layer.activation, keras.activations.linear
    nodes = range(len(layer._inbound_nodes))
    entered = [_values(model, layer._inbound_nodes[node].input_tensors[0], inputs) for node in nodes]
    answered = [np.asarray(layer(ops.convert_to_tensor(values))) for values in entered]
    layer.activation = activation
    return np.concatenate([values.reshape(-1, values.shape[-1]) for values in answered])


def _values(model: keras.Model, tensor: Any, inputs: list[Any]) -> npt.NDArray:
    part = keras.Model(model.inputs, tensor)
    return np.asarray(part(inputs if len(inputs) > 1 else inputs[0], training=False))


def _coarse(values: npt.NDArray) -> Floats:
    """Cut to 8 bits of precision, which compress well."""
    bits = np.asarray(values, np.float32).view(np.uint32) & np.uint32(0xFFFF0000)
    return bits.view(np.float32)
