"""The roof: the peak speed of this machine for convolutions, in each precision."""

from __future__ import annotations

import statistics
import time

import numpy as np
import openvino as ov
import openvino.opset13 as ops

CHANNELS, SIDE, KERNEL = 256, 128, 3
LAYERS = 4
"""Layers in sequence, as in a network: a single layer would mostly measure the reordering of its input."""
REPEATS = 10


def roof_gflops(precision: str) -> float:
    """10⁹ multiplications and additions per second, for 3 × 3 convolutions of 256 channels.

    The roof of a shared machine varies: measure it next to the time that is compared with it.
    """
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
    }
    request = (
        ov.Core().compile_model(_convolutions(precision == "int8"), "CPU", settings).create_infer_request()
    )
    request.infer([np.ones((1, CHANNELS, SIDE, SIDE), np.float32)])
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        request.infer()
        times.append(time.perf_counter() - start)
    operations = 2 * LAYERS * SIDE**2 * CHANNELS**2 * KERNEL**2
    return operations / statistics.median(times) / 1e9


def _convolutions(quantized: bool) -> ov.Model:
    picture = ops.parameter([1, CHANNELS, SIDE, SIDE], np.float32)
    weights = (
        np.random.default_rng(0).normal(0, 0.02, (CHANNELS, CHANNELS, KERNEL, KERNEL)).astype(np.float32)
    )
    features = picture
    for _ in range(LAYERS):
        kernel = ops.constant(weights)
        if quantized:
            features = ops.fake_quantize(features, *_range(0.0, 4.0), 256)
            kernel = ops.fake_quantize(kernel, *_range(-0.1, 0.1), 255)
        features = ops.relu(ops.convolution(features, kernel, [1, 1], [1, 1], [1, 1], [1, 1]))
    return ov.Model([features], [picture], "convolutions")


def _range(low: float, high: float) -> list[np.ndarray]:
    return [np.full((1, 1, 1, 1), value, np.float32) for value in (low, high, low, high)]


def gigaflops(trunk: ov.Model, picture_shape: tuple[int, int]) -> float:
    """10⁹ multiplications and additions in a trunk's convolutions, for a picture of this (height, width)."""
    trunk = trunk.clone()
    trunk.reshape([1, *picture_shape, 3])
    total = 0
    for layer in trunk.get_ops():
        if layer.get_type_name() == "Convolution":
            outputs, inputs, *kernel = layer.input(1).get_shape()
            height, width = list(layer.output(0).get_shape())[2:]
            total += 2 * outputs * inputs * int(np.prod(kernel)) * height * width
    return total / 1e9
