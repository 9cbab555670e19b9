"""The OpenVINO engine: compiled stages, run without TensorFlow."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import openvino as ov
from openvino.preprocess import PrePostProcessor

from model import heap
from model.engines.shapes import AnyShape, FewShapes, Pool, Requests
from model.families.mask_rcnn.boxes import Floats
from model.families.mask_rcnn.inference import Features
from model.families.mask_rcnn.sampling import sample

STAGES = {"trunk": 1, "box_head": 3, "mask_head": 4}
"""Each stage and how many inputs it has."""
ROIS_A_CALL = {"box_head": (256, 192, 128, 64), "mask_head": (64, 32, 16, 8)}
"""A head takes its RoIs in parts of these sizes, the last one padded: OpenVINO keeps memory for every number
of them that it has seen."""
CODE_KEPT = 4
"""Shapes of pictures whose machine code stays with a stage of open sizes, 5 MB each; another costs 40 ms."""
CODE_A_SHAPE = ("Convolution", "ConvolutionBackpropData", "GroupConvolution", "MatMul")
PRECISION_OF_CAPABILITY = {"FP32": "f32", "BF16": "bf16", "INT8": "int8"}


class StagesError(ValueError):
    """The compiled stages are of no use to this version."""


def precisions_of_processor() -> frozenset[str]:
    """Of "f32", "bf16" and "int8" those that this processor computes in."""
    capabilities = ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return frozenset(
        PRECISION_OF_CAPABILITY[name] for name in capabilities if name in PRECISION_OF_CAPABILITY
    )


def hint_for(precision: str) -> str:
    """In what stages of this precision compute all that is not int8: "f32" or "bf16"."""
    return "bf16" if precision != "f32" and "bf16" in precisions_of_processor() else "f32"


def read_stage(core: ov.Core, path: Path, hint: str) -> ov.Model:
    """A stage as it is compiled to run in "f32" or "bf16"."""
    return _with_cells_in(hint, _without_round_trips(core.read_model(path)))


class OpenVINOStages:
    """`inference.Stages` over compiled models, by stage."""

    name = "openvino"

    def __init__(
        self, heads: Mapping[str, ov.CompiledModel], trunk: AnyShape | FewShapes, precision: str
    ) -> None:
        self.precision = precision
        self.few_shapes = isinstance(trunk, FewShapes)
        self._heads = heads
        self._trunk = trunk
        self._last_shape: tuple[int, ...] = ()

    @classmethod
    def open(
        cls,
        folder: Path,
        precision: str,
        largest_picture: tuple[int, int],
        hint: str | None = None,
        threads: int | None = None,
    ) -> OpenVINOStages:
        """The stages in `folder`, compiled and warm.

        Args:
            folder: `trunk.xml`, `box_head.xml` and `mask_head.xml`, as `model.exporting` wrote them.
            precision: "f32", "bf16" (the stages of f32, rounded where they run) or "int8" (quantised ones).
            largest_picture: (height, width) of the largest picture that will come. It goes through once
                now: buffers that grow little by little leave gaps between them, three times what they hold.
            hint: "f32" or "bf16", in which to compute what is not int8; None: in "f32" for that precision,
                otherwise in the faster one that the processor has.
            threads: how many compute one inference, 1 or more; None: OpenVINO decides, and takes every core
                even where a container may use less (github.com/openvinotoolkit/openvino/issues/37838).

        Raises:
            StagesError: the stages do not have the inputs that this version gives them.
        """
        hint = hint or hint_for(precision)
        core = ov.Core()
        core.set_property("CPU", {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": hint})
        if threads is not None:
            # Pinned, which they are otherwise, the threads of every process would take the same first cores.
            core.set_property("CPU", {"INFERENCE_NUM_THREADS": threads, "ENABLE_CPU_PINNING": False})
        heap.keep_little()
        models = {stage: read_stage(core, folder / f"{stage}.xml", hint) for stage in STAGES}
        for stage, inputs in STAGES.items():
            if len(models[stage].inputs) != inputs:
                raise StagesError(f"{folder.name}/{stage}.xml was compiled by another version of MaskServe")
        trunk = models.pop("trunk")
        heads = {stage: _compile_open(core, model) for stage, model in models.items()}
        # With open sizes OpenVINO runs an int8 trunk slowly, and some wrongly: their RPN answers zeros.
        few = precision == "int8"
        stages = cls(
            heads,
            FewShapes(core, trunk, heads) if few else AnyShape(_compile_open(core, trunk), heads),
            precision,
        )
        stages._warm_up(*largest_picture)
        return stages

    def with_trunk(self, trunk: ov.Model) -> OpenVINOStages:
        """The same heads, opened with the hint "f32", behind another trunk, run as one in int8 is."""
        core = ov.Core()
        core.set_property("CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        return OpenVINOStages(self._heads, FewShapes(core, trunk, self._heads), self.precision)

    def trunk(self, picture: Floats) -> tuple[Features, Floats, Floats]:
        """See `inference.Stages`."""
        pool = self._trunk.pool_for(picture.shape)
        requests = pool.take()
        trunk = requests.of["trunk"]
        try:
            trunk.set_input_tensor(0, ov.Tensor(np.ascontiguousarray(picture), shared_memory=True))
            _run(trunk)
        except BaseException:
            self._trunk.give_back(pool, requests)
            raise
        cells = _Cells(requests)
        # The requests are free for another picture only when nobody can look at these cells any more.
        weakref.finalize(cells, self._give_back, pool, requests, picture.shape)
        objectness, deltas = (trunk.get_output_tensor(index).data.copy() for index in (1, 2))
        return Features(cells, picture.shape[1:3]), objectness, deltas

    def box_head(self, features: Features, rois: Floats) -> tuple[Floats, Floats]:
        """See `inference.Stages`."""
        logits, deltas = self._in_parts("box_head", features, rois)
        return logits, deltas

    def mask_head(self, features: Features, rois: Floats, class_ids: npt.NDArray[np.int32]) -> Floats:
        """See `inference.Stages`."""
        (masks,) = self._in_parts("mask_head", features, rois, class_ids)
        return masks

    def _in_parts(self, head: str, features: Features, rois: Floats, *more: npt.NDArray) -> list[npt.NDArray]:
        """A head's answers for RoIs (1, R, 4) and what else it wants to know of each, taken part by part."""
        request = features.cells.requests.of[head]
        request.set_input_tensor(0, features.cells.tensor)
        bins = self._heads[head].input(1).partial_shape[2].get_length()
        inputs = (*sample(rois, features.picture_shape, bins), *more)
        parts = []
        for start, size in _parts(rois.shape[1], ROIS_A_CALL[head]):
            count = min(size, rois.shape[1] - start)
            for index, array in enumerate(inputs, start=1):
                padded = np.zeros((1, size, *array.shape[2:]), array.dtype)
                padded[:, :count] = array[:, start : start + count]
                request.set_input_tensor(index, ov.Tensor(padded))
            _run(request)
            outputs = (request.get_output_tensor(index) for index in range(len(request.model_outputs)))
            parts.append([tensor.data[:, :count].copy() for tensor in outputs])
        return [np.concatenate(answers, axis=1) for answers in zip(*parts, strict=True)]

    def _give_back(self, pool: Pool, requests: Requests, picture_shape: tuple[int, ...]) -> None:
        self._trunk.give_back(pool, requests)
        if picture_shape != self._last_shape:  # buffers of other sizes have come and gone
            heap.give_back()
            self._last_shape = picture_shape

    def _warm_up(self, height: int, width: int) -> None:
        features, _, _ = self.trunk(np.zeros((1, height, width, 3), np.float32))
        for size in ROIS_A_CALL["box_head"]:
            self.box_head(features, np.zeros((1, size, 4), np.float32))
        for size in ROIS_A_CALL["mask_head"]:
            self.mask_head(features, np.zeros((1, size, 4), np.float32), np.ones((1, size), np.int32))


def _compile_open(core: ov.Core, model: ov.Model) -> ov.CompiledModel:
    """A stage whose sizes are open, told not to keep machine code for every shape that it has seen."""
    kept = CODE_KEPT * sum(op.get_type_name() in CODE_A_SHAPE for op in model.get_ops())
    return core.compile_model(model, "CPU", {"CPU_RUNTIME_CACHE_CAPACITY": kept})


def _with_cells_in(precision: str, model: ov.Model) -> ov.Model:
    """The stage, with the cells that the trunk hands to the heads in "f32" or "bf16".

    In bf16 the heads would otherwise round the whole pyramid anew for each part of the RoIs.
    """
    steps = PrePostProcessor(model)
    cells = steps.output(0) if model.get_friendly_name() == "trunk" else steps.input(0)
    cells.tensor().set_element_type(getattr(ov.Type, precision))
    return steps.build()


def _without_round_trips(model: ov.Model) -> ov.Model:
    """The stage, changed in place: no transposition right behind another that it undoes.

    The converter leaves one between each level of the pyramid and the RPN. OpenVINO carries both out where
    sizes are open: a sixth of the trunk's time in bf16. Answers stay the same to the bit.
    """
    for back in model.get_ops():
        there = back.input_value(0).get_node() if back.get_type_name() == "Transpose" else back
        if back is there or there.get_type_name() != "Transpose":
            continue
        orders = [op.input_value(1).get_node() for op in (there, back)]
        if any(order.get_type_name() != "Constant" for order in orders):
            continue
        first, second = (order.data for order in orders)
        if np.array_equal(first[second], np.arange(len(first))):
            for reader in back.output(0).get_target_inputs():
                reader.replace_source_output(there.input_value(0))
    return model


class _Cells:
    """`Features.cells` where the trunk's request wrote them; the heads read them there."""

    def __init__(self, requests: Requests) -> None:
        self.requests = requests
        self.tensor = requests.of["trunk"].get_output_tensor(0)


def _run(request: ov.InferRequest) -> None:
    """In OpenVINO's own thread: it would keep memory for each thread that calls `infer`."""
    request.start_async()
    request.wait()


def _parts(count: int, sizes: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """(start, size) of the parts of `count` RoIs, one at least: the largest while filled, then one that fits.

    75 RoIs in parts of 32, 16 and 8: (0, 32), (32, 32), (64, 16).
    """
    start = 0
    while count - start >= sizes[0]:
        yield start, sizes[0]
        start += sizes[0]
    if start < max(count, 1):
        yield start, min(size for size in sizes if size >= count - start)
