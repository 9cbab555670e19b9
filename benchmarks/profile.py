"""The profile: a trunk's time by kind of layer, and the time that the host adds for the included model."""

from __future__ import annotations

import re
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
import openvino as ov

from benchmarks.networks import CALIBRATION_PHOTOS, PHOTO
from benchmarks.pictures import SAMPLE
from benchmarks.roof import roof_gflops
from model import catalog, malloc
from model.engines.conversion import convert, save
from model.engines.openvino import OpenVINOPass, hint_for, precisions_of_processor, read_stage
from model.engines.quantization import Calibration, quantize
from model.engines.timing import WARM_UPS, median_ms
from model.families.mask_rcnn import inference, predictor, stages
from model.families.mask_rcnn.boxes import Floats
from model.families.mask_rcnn.calibration import StageInputs
from model.families.mask_rcnn.molding import mold
from model.families.mask_rcnn.network import runner_of
from model.families.mask_rcnn.stages import STAGES
from model.mrcnn import Config, MaskRCNN
from model.pictures import read
from model.segmenter import load
from model.stopwatch import Stopwatch

ROUNDS, RUNS_A_ROUND = 5, 3
COPY_MEGABYTES, COPIES = 24, 20
"""The size of a pyramid's finest level, so that the copy uses the same caches as the layers."""
PICTURES_TIMED = 15
COLOURS = 3
KINDS = {
    "Convolution": "other convolutions",
    "Deconvolution": "upsampling",
    "Reorder": "reorders and transposes",
    "Transpose": "reorders and transposes",
    "Pooling": "pooling",
    "Concatenation": "concatenation",
    "FakeQuantize": "eltwise",
    "Eltwise": "eltwise",
    "Subgraph": "eltwise",
}
"""OpenVINO's type of a layer → kind; convolutions are further divided by kernel size."""
ORDER = (
    "convolutions 3 × 3",
    "convolutions 1 × 1",
    "first convolution",
    "other convolutions",
    "upsampling",
    "reorders and transposes",
    "pooling",
    "eltwise",
    "concatenation",
    "other",
    "between layers",
)
HOST = {
    "molding": ((predictor, "grey_range_of"), (inference, "mold")),
    "proposals and their NMS": ((inference, "propose"),),
    "RoIAlign's sampling points": ((stages, "sample"),),
    "detections and their NMS": ((inference, "refine"),),
    "masks": ((inference, "paste"),),
}
"""The host's stages, and the functions of each, as (module that calls the function, its name)."""
NETWORK = ("trunk", "heads")


class Layer(NamedTuple):
    """One layer as OpenVINO runs it: its kind, 10⁹ operations, and its minimum traffic in 10⁶ bytes."""

    kind: str
    gigaflops: float
    megabytes: float


def profile() -> dict[str, Any]:
    """Tables for each network and precision, totals with and without profiling, and the host's stages."""
    able = [name for name in ("f32", "bf16", "int8") if name in precisions_of_processor()]
    answer: dict[str, Any] = {"copy_gigabytes_a_second": round(copy_gigabytes_a_second(), 1), "totals": []}
    for name, picture, trunks in _networks():
        for precision in able:
            rows, total = profile_of_trunk(trunks[precision], precision, picture, roof_gflops(precision))
            answer["totals"].append({"network": name, "precision": precision, **total})
            answer[f"{name}, {precision}"] = rows
    for precision in able:
        answer[f"nuclei, the whole picture, {precision}"] = host_stages(precision)
    return answer


def profile_of_trunk(
    folder: Path, precision: str, picture: Floats, roof: float
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """A row per kind of layer, and the total times, for the trunk in `folder` as it is served.

    A layer's time is the median over rounds of its mean in each, without warm-ups. OpenVINO reports only the
    mean since the start, in whole microseconds: a round is the difference of two of these. The row "between
    layers" is the total time minus that of the layers.
    """
    plain, profiled = (_trunk(folder, precision, picture.shape, counted) for counted in (False, True))
    for _ in range(WARM_UPS):
        plain.infer([picture])
        profiled.infer([picture])
    layers = _layers(profiled.get_compiled_model().get_runtime_model())
    sums = _sums_ms(profiled, WARM_UPS)
    rounds: dict[str, list[float]] = defaultdict(list)
    times: dict[bool, list[float]] = {False: [], True: []}
    for number in range(1, ROUNDS + 1):
        for _ in range(RUNS_A_ROUND):  # alternating, so that other load slows both
            for counted, request in ((False, plain), (True, profiled)):
                start = time.perf_counter()
                request.infer([picture])
                times[counted].append((time.perf_counter() - start) * 1000)
        before, sums = sums, _sums_ms(profiled, WARM_UPS + number * RUNS_A_ROUND)
        kinds: dict[str, float] = defaultdict(float)
        for name, milliseconds in sums.items():
            kinds[layers[name].kind] += (milliseconds - before.get(name, 0.0)) / RUNS_A_ROUND
        whole = statistics.mean(times[True][-RUNS_A_ROUND:])
        kinds["between layers"] = whole - sum(kinds.values())
        for kind, milliseconds in kinds.items():
            rounds[kind].append(milliseconds)
    medians = {kind: statistics.median(rounds[kind]) for kind in ORDER if kind in rounds}
    total_ms = sum(medians.values())
    work = sum(layer.gigaflops for layer in layers.values() if layer.kind != "upsampling")
    unprofiled_ms = statistics.median(times[False])
    total = {
        "unprofiled_ms": round(unprofiled_ms, 1),
        "profiled_ms": round(statistics.median(times[True]), 1),
        "sum_of_rows_ms": round(total_ms, 1),
        "convolutions_gflop": round(work, 1),
        "roof_gflops": round(roof),
        "share_of_roof": f"{work / unprofiled_ms * 1000 / roof:.0%}",
    }
    return [_row(kind, ms, total_ms, layers.values(), roof) for kind, ms in medians.items()], total


def host_stages(precision: str) -> list[dict[str, Any]]:
    """A row per stage for a 512 × 512 picture with the included model: median milliseconds, and share."""
    served = load("nuclei", engine="openvino", precision=precision)
    image = read(SAMPLE)
    whole_ms = median_ms(lambda: served.segment(image), PICTURES_TIMED)
    pictures = []
    for _ in range(WARM_UPS + PICTURES_TIMED):
        stopwatch = Stopwatch()
        with ExitStack() as stack:
            for stage, functions in HOST.items():
                for module, function in functions:
                    _measure(stack, stopwatch, stage, module, function)
            _measure(stack, stopwatch, "trunk", served.runner, "start")
            _measure(stack, stopwatch, "heads", OpenVINOPass, "head")
            with stopwatch.measure("whole"):
                served.segment(image)
        pictures.append(stopwatch.milliseconds)
    medians = {
        stage: statistics.median(picture[stage] for picture in pictures[WARM_UPS:])
        for stage in ("whole", *NETWORK, *HOST)
    }
    whole = medians.pop("whole")
    rows = {
        **medians,
        "the rest": whole - sum(medians.values()),
        "whole": whole,
        "whole, unmeasured": whole_ms,
    }
    return [
        {"stage": stage, "milliseconds": round(ms, 2), "share": f"{ms / whole:.0%}"}
        for stage, ms in rows.items()
    ]


def copy_gigabytes_a_second() -> float:
    """10⁹ bytes read and written per second by one core that copies an array larger than its caches."""
    source = np.ones(COPY_MEGABYTES * 10**6, np.uint8)
    target = source.copy()
    times = []
    for _ in range(COPIES):
        start = time.perf_counter()
        np.copyto(target, source)
        times.append(time.perf_counter() - start)
    return 2 * source.nbytes / min(times) / 1e9


def _networks() -> Iterator[tuple[str, Floats, dict[str, Path]]]:
    """Name, the trunk's input, and the folder of the stages by precision."""
    config = Config(backbone="resnet101", num_classes=81, image_resize_mode="fit64")
    reference = runner_of(MaskRCNN(config))
    trunk = {"trunk": convert(reference)["trunk"]}
    calibration = Calibration(StageInputs(reference, config), [PHOTO] * CALIBRATION_PHOTOS)
    with tempfile.TemporaryDirectory() as name:
        exact, quantized = Path(name) / "f32", Path(name) / "int8"
        save(trunk, exact)
        save(quantize(STAGES[:1], trunk, calibration), quantized)
        folders = {"f32": exact, "bf16": exact, "int8": quantized}
        yield "ResNet-101 at 768 × 1024", mold(PHOTO, config).picture, folders
    bundle = catalog.find("nuclei")
    folders = {precision: bundle.stages_folder(precision) for precision in folders}
    nuclei = Config.from_json(bundle.manifest.config)
    yield "nuclei at 512 × 512", mold(read(SAMPLE), nuclei).picture, folders


def _trunk(folder: Path, precision: str, picture_shape: tuple[int, ...], counted: bool) -> ov.InferRequest:
    hint = hint_for(precision)
    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": hint, "PERF_COUNT": counted}
    malloc.tune()
    core = ov.Core()
    model = read_stage(core, folder, STAGES, STAGES[0], hint)
    if precision == "int8":
        model.reshape(list(picture_shape))
    return core.compile_model(model, "CPU", settings).create_infer_request()


def _sums_ms(request: ov.InferRequest, runs: int) -> dict[str, float]:
    """Milliseconds of each layer in all runs so far, without layers that were fused into others."""
    return {
        layer.node_name: layer.real_time.total_seconds() * 1000 * runs
        for layer in request.profiling_info
        if layer.status == ov.ProfilingInfo.Status.EXECUTED
    }


def _layers(executed: ov.Model) -> dict[str, Layer]:
    return {layer.get_friendly_name(): _layer(layer) for layer in executed.get_ops()}


def _layer(layer: ov.Node) -> Layer:
    kind = KINDS.get(_info(layer, "layerType"), "other")
    if kind not in ("other convolutions", "upsampling"):
        return Layer(kind, 0, 0)
    kernel_shape = layer.input_value(1).get_shape()
    *channels, height, width = kernel_shape
    if kind == "other convolutions" and layer.input_value(0).get_shape()[1] == COLOURS:
        kind = "first convolution"
    elif kind == "other convolutions" and (height, width) in ((1, 1), (3, 3)):
        kind = f"convolutions {height} × {width}"
    output_pixels = int(np.prod(layer.get_output_shape(0)[2:]))
    # A 2 × 2 kernel that upsamples by 2 computes each pixel once.
    taps = 1 if kind == "upsampling" else height * width
    operations = 2 * int(np.prod(channels)) * taps * output_pixels
    tensors = [*(value.get_source_output() for value in layer.inputs()), layer.output(0)]
    return Layer(kind, operations / 1e9, sum(map(_bytes, tensors)) / 1e6)


def _bytes(tensor: ov.Output) -> int:
    precision = _info(tensor.get_node(), "outputPrecisions")
    return int(np.prod(tensor.get_shape())) * int(re.sub(r"\D", "", precision)) // 8


def _info(layer: ov.Node, key: str) -> str:
    return layer.get_rt_info()[key].astype(str)


def _row(kind: str, ms: float, total_ms: float, layers: Iterable[Layer], roof: float) -> dict[str, Any]:
    row = {"kind": kind, "milliseconds": round(ms, 2), "share": f"{ms / total_ms:.0%}"}
    of_kind = [layer for layer in layers if layer.kind == kind]
    work, megabytes = (sum(layer[field] for layer in of_kind) for field in (1, 2))
    if not work:
        return row
    return {
        **row,
        "gflop": round(work, 1),
        "gflop_a_second": round(work / ms * 1000),
        "share_of_roof": f"{work / ms * 1000 / roof:.0%}",
        "megabytes": round(megabytes),
        "flop_a_byte": round(work / megabytes * 1000),
        "gigabytes_a_second": round(megabytes / ms, 1),
    }


def _measure(stack: ExitStack, stopwatch: Stopwatch, stage: str, owner: Any, name: str) -> None:
    """Measure the owner's function of that name with the stopwatch, until the stack closes."""
    function = getattr(owner, name)

    def measured(*arguments: Any, **named: Any) -> Any:
        with stopwatch.measure(stage):
            return function(*arguments, **named)

    stack.enter_context(patch.object(owner, name, measured))
