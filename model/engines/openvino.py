"""The OpenVINO engine: compiled stages, run without TensorFlow."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import openvino as ov

from model.mrcnn.boxes import Floats

STAGES = ("trunk", "box_head", "mask_head")
FEATURES = 4
"""P2…P5: the trunk's first outputs, and the heads' first inputs."""
ROIS_A_CALL = {"box_head": (256, 64), "mask_head": (32, 8)}
"""A head takes its RoIs in parts of these sizes, the last one padded: OpenVINO keeps memory for every number
of them that it has seen."""
PRECISION_OF_CAPABILITY = {"FP32": "f32", "BF16": "bf16", "INT8": "int8"}


def precisions_of_processor() -> frozenset[str]:
    """Of "f32", "bf16" and "int8" those that this processor computes in."""
    capabilities = ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return frozenset(
        PRECISION_OF_CAPABILITY[name] for name in capabilities if name in PRECISION_OF_CAPABILITY
    )


class OpenVINOStages:
    """`inference.Stages` over compiled models, by stage."""

    name = "openvino"

    def __init__(self, compiled: Mapping[str, ov.CompiledModel], precision: str) -> None:
        self.precision = precision
        self._compiled = compiled
        self._idle: list[_Requests] = []

    @classmethod
    def open(cls, folder: Path, precision: str, largest_picture: tuple[int, int]) -> OpenVINOStages:
        """The stages in `folder`, compiled and warm.

        Args:
            folder: `trunk.xml`, `box_head.xml` and `mask_head.xml`, as `model.exporting` wrote them.
            precision: "f32", "bf16" (the stages of f32, rounded where they run) or "int8" (quantised ones).
            largest_picture: (height, width) of the largest picture that will come. It goes through once
                now: buffers that grow little by little leave gaps between them, three times what they hold.
        """
        core = ov.Core()
        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
        }
        compiled = {
            stage: core.compile_model(str(folder / f"{stage}.xml"), "CPU", settings) for stage in STAGES
        }
        stages = cls(compiled, precision)
        stages._warm_up(*largest_picture)
        return stages

    def with_trunk(self, trunk: ov.CompiledModel) -> OpenVINOStages:
        """The same heads behind another trunk."""
        return OpenVINOStages({**self._compiled, "trunk": trunk}, self.precision)

    def trunk(self, picture: Floats) -> tuple[_Features, Floats, Floats]:
        """See `inference.Stages`."""
        requests = self._take()
        trunk = requests.of["trunk"]
        try:
            trunk.infer([np.ascontiguousarray(picture)], share_inputs=True)
        except BaseException:
            self._idle.append(requests)
            raise
        features = _Features(requests)
        # The requests are free for another picture only when nobody can look at these features any more.
        weakref.finalize(features, self._idle.append, requests)
        objectness, deltas = (trunk.get_output_tensor(FEATURES + index).data.copy() for index in (0, 1))
        return features, objectness, deltas

    def box_head(self, features: _Features, rois: Floats) -> tuple[Floats, Floats]:
        """See `inference.Stages`."""
        logits, deltas = features.through("box_head", rois)
        return logits, deltas

    def mask_head(self, features: _Features, rois: Floats, class_ids: npt.NDArray[np.int32]) -> Floats:
        """See `inference.Stages`."""
        (masks,) = features.through("mask_head", rois, class_ids)
        return masks

    def _take(self) -> _Requests:
        try:
            return self._idle.pop()
        except IndexError:
            return _Requests(self._compiled)

    def _warm_up(self, height: int, width: int) -> None:
        features, _, _ = self.trunk(np.zeros((1, height, width, 3), np.float32))
        for size in ROIS_A_CALL["box_head"]:
            self.box_head(features, np.zeros((1, size, 4), np.float32))
        for size in ROIS_A_CALL["mask_head"]:
            self.mask_head(features, np.zeros((1, size, 4), np.float32), np.ones((1, size), np.int32))


class _Requests:
    """What one picture needs at a time: a request a stage, each with memory for its own outputs."""

    def __init__(self, compiled: Mapping[str, ov.CompiledModel]) -> None:
        self.of = {stage: model.create_infer_request() for stage, model in compiled.items()}


class _Features:
    """P2…P5 of one picture, where the trunk's request wrote them; the heads read them there."""

    def __init__(self, requests: _Requests) -> None:
        trunk = requests.of["trunk"]
        self._requests = requests
        self._tensors = [trunk.get_output_tensor(index) for index in range(FEATURES)]

    def __iter__(self) -> Iterator[npt.NDArray]:
        """(1, H, W, C) of each, for who wants to look; valid as long as these features are."""
        return (tensor.data for tensor in self._tensors)

    def through(self, head: str, rois: Floats, *more: npt.NDArray) -> list[npt.NDArray]:
        """A head's answers for RoIs (1, R, 4) and what else it wants to know of each, taken part by part."""
        request = self._requests.of[head]
        for index, tensor in enumerate(self._tensors):
            request.set_input_tensor(index, tensor)
        parts = []
        for start, size in _parts(rois.shape[1], ROIS_A_CALL[head]):
            count = min(size, rois.shape[1] - start)
            for index, array in enumerate((rois, *more), start=FEATURES):
                padded = np.zeros((1, size, *array.shape[2:]), array.dtype)
                padded[:, :count] = array[:, start : start + count]
                request.set_input_tensor(index, ov.Tensor(padded))
            request.infer()
            outputs = (request.get_output_tensor(index) for index in range(len(request.model_outputs)))
            parts.append([tensor.data[:, :count].copy() for tensor in outputs])
        return [np.concatenate(answers, axis=1) for answers in zip(*parts, strict=True)]


def _parts(count: int, sizes: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """(start, size) of the parts of `count` RoIs, one at least: large ones while they are filled, then small.

    75 RoIs in parts of 32 and 8: (0, 32), (32, 32), (64, 8), (72, 8).
    """
    start = 0
    while start < max(count, 1):
        size = next((size for size in sizes if size <= count - start), sizes[-1])
        yield start, size
        start += size
