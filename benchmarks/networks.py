"""ResNet-50 and ResNet-101 at Matterport's size: this project's engines against Matterport's library."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.resident import megabytes_of_fresh_process
from benchmarks.roof import gigaflops, roof_gflops
from model.commands.bench import figures
from model.engines.conversion import Models, convert, save
from model.engines.openvino import OpenVINORunner, precisions_of_processor
from model.engines.quantization import Calibration, quantize
from model.engines.stages import Runner
from model.engines.tensorflow import TensorFlowRunner
from model.engines.timing import TimedRunner, median_ms
from model.families.mask_rcnn.calibration import StageInputs
from model.families.mask_rcnn.fit import largest_picture
from model.families.mask_rcnn.inference import find_segments
from model.families.mask_rcnn.molding import mold
from model.families.mask_rcnn.network import detect, runner_of
from model.families.mask_rcnn.stages import STAGES, EngineStages
from model.mrcnn import Config, MaskRCNN

PHOTO = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
OBJECTS = (10, 100)
CALIBRATION_PHOTOS = 3
"""Enough to measure time, which does not depend on the quantization ranges of int8."""
REPEATS = 5


def against_matterport(backbone: str) -> list[dict[str, Any]]:
    """A row per engine, precision and number of objects: times, ratio, and the trunk's share of the peak.

    Weights are random, since they do not affect the time. Matterport's way is TensorFlow in fp32, a
    1024 × 1024 square, 100 masks and a stack of full-size masks.
    """
    config = Config(backbone=backbone, num_classes=81, detection_min_confidence=0.0)
    network = MaskRCNN(config)
    _never_answer_background(network)
    reference = runner_of(network)
    timed = TimedRunner(reference)
    stages = EngineStages(timed, config)
    base = median_ms(lambda: detect(stages, PHOTO, config), REPEATS)
    rows = [{"way": f"{backbone}, Matterport's", "objects": 100, **figures(timed, base, base)}]
    fitted = dataclasses.replace(config, image_resize_mode="fit64")
    models = convert(reference)
    work = gigaflops(models["trunk"], mold(PHOTO, fitted).shape)
    for way, megabytes in _ways(reference, models, fitted):
        for count in OBJECTS:
            timed = TimedRunner(way)
            stages = EngineStages(timed, fitted)
            lean = dataclasses.replace(fitted, detection_max_instances=count)
            roofs = [roof_gflops(way.precision)]
            time_ms = median_ms(lambda stages=stages, lean=lean: find_segments(stages, PHOTO, lean), REPEATS)
            roofs.append(roof_gflops(way.precision))
            row = {"way": backbone, "objects": count, **figures(timed, time_ms, base)}
            roof = sum(roofs) / len(roofs)
            share = work / (row["trunk_ms"] / 1000) / roof
            rows.append({**row, "roof_gflops": round(roof), "share_of_roof": f"{share:.0%}", **megabytes})
    return rows


def _ways(
    reference: TensorFlowRunner, models: Models, config: Config
) -> Iterator[tuple[Runner, dict[str, int]]]:
    """The network with each engine and precision of this processor, and the memory of its process."""
    yield reference, {}
    able = precisions_of_processor()
    calibration = Calibration(StageInputs(reference, config), [PHOTO] * CALIBRATION_PHOTOS)
    with tempfile.TemporaryDirectory() as name:
        folders = {"f32": Path(name) / "f32", "bf16": Path(name) / "f32", "int8": Path(name) / "int8"}
        save(models, folders["f32"])
        save(quantize(STAGES, models, calibration), folders["int8"])
        for precision in ("f32", "bf16", "int8"):
            if precision in able:
                megabytes = megabytes_of_fresh_process(folders[precision], precision, config)
                largest = (1, *largest_picture(config), 3)
                runner = OpenVINORunner.open(folders[precision], STAGES, precision, largest)
                yield runner, {"megabytes": megabytes}


def _never_answer_background(network: MaskRCNN) -> None:
    """Make random weights predict objects; if they predicted only background, there would be no masks."""
    logits = network.box_model.get_layer("mrcnn_class_logits")
    bias = np.zeros(network.config.num_classes, np.float32)
    bias[0] = -100
    logits.bias.assign(bias)
