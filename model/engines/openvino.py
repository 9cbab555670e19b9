"""The OpenVINO engine: runs compiled stages without TensorFlow."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import openvino as ov
from openvino.preprocess import PrePostProcessor

from model import malloc
from model.engines.core import new_core
from model.engines.shapes import FIRST, AnyShape, FewShapes, Pool, Requests, compiled
from model.engines.stages import Floats, StageSpec

CODE_KEPT = 4
"""For how many picture shapes a stage of open sizes keeps machine code, 5 MB each; a new one takes 40 ms."""
CODE_A_SHAPE = ("Convolution", "ConvolutionBackpropData", "GroupConvolution", "MatMul")
PRECISION_OF_CAPABILITY = {"FP32": "f32", "BF16": "bf16", "INT8": "int8"}


Read = Callable[[Path], bytes]
"""Reads a whole file; may raise any exception if the content is not as expected."""


class StagesError(ValueError):
    """The compiled stages do not work with this version."""


def precisions_of_processor() -> frozenset[str]:
    """Return those of "f32", "bf16" and "int8" that this processor supports."""
    capabilities = new_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return frozenset(
        PRECISION_OF_CAPABILITY[name] for name in capabilities if name in PRECISION_OF_CAPABILITY
    )


def hint_for(precision: str) -> str:
    """Return the precision, "f32" or "bf16", of what is not int8 in stages of this precision."""
    return "bf16" if precision != "f32" and "bf16" in precisions_of_processor() else "f32"


def read_stage(
    core: ov.Core,
    folder: Path,
    stages: Sequence[StageSpec],
    stage: StageSpec,
    hint: str,
    read: Read = Path.read_bytes,
) -> ov.Model:
    """Read one of the stages of a network, ready to be compiled with the hint "f32" or "bf16".

    Raises:
        StagesError: the stage does not have the inputs that this version expects.
    """
    # From a path, OpenVINO would map the weights: a later change of the file would change the answers.
    graph, weights = (read(folder / f"{stage.name}{suffix}") for suffix in (".xml", ".bin"))
    read_model = core.read_model(graph.decode(), ov.Tensor(np.frombuffer(weights, np.uint8)))
    del weights  # OpenVINO has its own copy
    model = _without_round_trips(read_model)
    if len(model.inputs) != stage.inputs:
        raise StagesError(f"{folder.name}/{stage.name}.xml was compiled by another version of MaskServe")
    if len(stages) == 1:
        return model
    # Otherwise, in bf16, the heads would round what stays in the engine again for each part of the items.
    return _with_kept_in(hint, model, is_output=stage is stages[0])


class OpenVINORunner:
    """`stages.Runner` for compiled models."""

    name = "openvino"

    def __init__(
        self,
        stages: Sequence[StageSpec],
        first: AnyShape | FewShapes,
        heads: Mapping[str, ov.CompiledModel],
        precision: str,
    ) -> None:
        self.stages = stages
        self.precision = precision
        self.few_shapes = isinstance(first, FewShapes)
        self._first = first
        self._heads = heads
        self._last_shape: tuple[int, ...] = ()

    @classmethod
    def open(
        cls,
        folder: Path,
        stages: Sequence[StageSpec],
        precision: str,
        largest_picture: tuple[int, ...] | None,
        hint: str | None = None,
        threads: int | None = None,
        read: Read = Path.read_bytes,
        cache: Path | None = None,
    ) -> OpenVINORunner:
        """Compile the stages in `folder` and, if `largest_picture` is given, warm them up.

        Args:
            folder: contains NAME.xml and NAME.bin for each stage, written by `model.publishing.exporting`.
            stages: the stages of the network.
            precision: "f32", "bf16" (the stages of f32, rounded at run time) or "int8" (quantised stages).
            largest_picture: the shape (1, H, W, C) of the largest expected picture. The stages are made ready
                for it now. None: only few pictures are expected, so that this does not pay.
            hint: the precision, "f32" or "bf16", of what is not int8; None: "f32" for that precision,
                otherwise the faster one that the processor supports.
            threads: threads for one inference, 1 or more; None: OpenVINO decides, and uses every core even if
                a container may use fewer (github.com/openvinotoolkit/openvino/issues/37838).
            read: reads the files in `folder`, each once.
            cache: see `shapes.compiled`.

        Raises:
            StagesError: the stages do not have the inputs that this version expects.
            whatever `read` raises.
        """
        hint = hint or hint_for(precision)
        core = new_core()
        core.set_property("CPU", {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": hint})
        if threads is not None:
            # Threads are pinned by default. Those of every process would then use the same first cores.
            core.set_property("CPU", {"INFERENCE_NUM_THREADS": threads, "ENABLE_CPU_PINNING": False})
        malloc.tune()
        first, *models = (read_stage(core, folder, stages, stage, hint, read) for stage in stages)
        heads = {
            stage.name: _compile_open(core, model, cache)
            for stage, model in zip(stages[1:], models, strict=True)
        }
        # With open sizes, OpenVINO runs an int8 trunk slowly, and some wrongly: their RPN returns zeros.
        few = precision == "int8"
        runner = cls(
            stages,
            FewShapes(core, first, heads, cache)
            if few
            else AnyShape(_compile_open(core, first, cache), heads),
            heads,
            precision,
        )
        if largest_picture is not None:
            runner._warm_up(largest_picture)
        return runner

    def with_first(self, model: ov.Model, hint: str) -> OpenVINORunner:
        """Return a runner with the same heads after another first stage, which runs like an int8 one.

        `model` is not changed. `hint` must be the one that the heads were opened with.
        """
        core = new_core()
        core.set_property("CPU", {"INFERENCE_PRECISION_HINT": hint})
        first = _without_round_trips(model.clone())
        if self._heads:
            first = _with_kept_in(hint, first, is_output=True)
        return OpenVINORunner(self.stages, FewShapes(core, first, self._heads), self._heads, self.precision)

    def start(self, picture: Floats) -> OpenVINOPass:
        """See `stages.Runner`."""
        pool = self._first.pool_for(picture.shape)
        requests = pool.take()
        first = requests.of[FIRST]
        try:
            first.set_input_tensor(0, ov.Tensor(np.ascontiguousarray(picture), shared_memory=True))
            _run(first)
        except BaseException:
            self._first.give_back(pool, requests)
            raise
        started = OpenVINOPass(self.stages, requests)
        # The requests can serve another picture only once no caller holds the pass of this one.
        weakref.finalize(started, self._give_back, pool, requests, picture.shape)
        return started

    def _give_back(self, pool: Pool, requests: Requests, picture_shape: tuple[int, ...]) -> None:
        self._first.give_back(pool, requests)
        if picture_shape != self._last_shape:  # buffers of other sizes were allocated and freed
            malloc.trim()
            self._last_shape = picture_shape
        else:
            malloc.trim_if_grown()

    def _warm_up(self, largest_picture: tuple[int, ...]) -> None:
        if self.few_shapes:  # the next picture of another shape will free all buffers
            self._first.pool_for(largest_picture)
            return
        # Buffers that grow gradually leave gaps of three times their size between them.
        started = self.start(np.zeros(largest_picture, np.float32))
        for stage in self.stages[1:]:
            inputs = self._heads[stage.name].inputs[1:]
            for items in stage.items_a_call:
                started.head(stage.name, *(_zeros(tensor, items) for tensor in inputs))


class OpenVINOPass:
    """`stages.Pass`: holds the outputs of the first stage's request, which the heads read in place."""

    def __init__(self, stages: Sequence[StageSpec], requests: Requests) -> None:
        self._stages = {stage.name: stage for stage in stages}
        self._requests = requests
        first = requests.of[FIRST]
        copied = range(1 if len(stages) > 1 else 0, len(first.model_outputs))
        self.outputs = [first.get_output_tensor(index).data.copy() for index in copied]

    def head(self, name: str, *inputs: npt.NDArray) -> list[Floats]:
        """See `stages.Pass`. Items are processed in parts of a few fixed sizes; the last part is padded.

        The sizes are fixed because OpenVINO keeps memory for every number of items that it has seen.
        """
        request = self._requests.of[name]
        request.set_input_tensor(0, self._kept())
        count = inputs[0].shape[1]
        parts = []
        for start, size in _parts(count, self._stages[name].items_a_call):
            filled = min(size, count - start)
            for index, array in enumerate(inputs, start=1):
                padded = np.zeros((1, size, *array.shape[2:]), array.dtype)
                padded[:, :filled] = array[:, start : start + filled]
                request.set_input_tensor(index, ov.Tensor(padded))
            _run(request)
            outputs = (request.get_output_tensor(index) for index in range(len(request.model_outputs)))
            parts.append([tensor.data[:, :filled].copy() for tensor in outputs])
        return [np.concatenate(answers, axis=1) for answers in zip(*parts, strict=True)]

    def kept(self) -> npt.NDArray:
        """See `stages.Pass`."""
        return np.array(self._kept().data)

    def _kept(self) -> ov.Tensor:
        return self._requests.of[FIRST].get_output_tensor(0)


def _compile_open(core: ov.Core, model: ov.Model, cache: Path | None) -> ov.CompiledModel:
    """Compile a stage with open sizes so that it does not keep machine code for every shape it has seen."""
    kept = CODE_KEPT * sum(op.get_type_name() in CODE_A_SHAPE for op in model.get_ops())
    return compiled(core, model, cache, {"CPU_RUNTIME_CACHE_CAPACITY": kept})


def _with_kept_in(precision: str, model: ov.Model, *, is_output: bool) -> ov.Model:
    """Return the stage with the tensor that stays inside the engine converted to "f32" or "bf16"."""
    steps = PrePostProcessor(model)
    kept = steps.output(0) if is_output else steps.input(0)
    kept.tensor().set_element_type(getattr(ov.Type, precision))
    return steps.build()


def _without_round_trips(model: ov.Model) -> ov.Model:
    """Remove from the stage, in place, each transposition that undoes the one right before it.

    The converter leaves such a pair between each level of the pyramid and the RPN. If sizes are open,
    OpenVINO executes both, which takes a sixth of the trunk's time in bf16. Answers stay the same to the bit.
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


def _zeros(tensor: ov.ConstOutput, items: int) -> npt.NDArray:
    """Return an input (1, items, …) of zeros for a head."""
    shape = [1, items, *(side.get_length() for side in list(tensor.partial_shape)[2:])]
    return np.zeros(shape, tensor.element_type.to_dtype())


def _run(request: ov.InferRequest) -> None:
    """Run the request in OpenVINO's own thread: `infer` keeps memory for each thread that calls it."""
    request.start_async()
    request.wait()


def _parts(count: int, sizes: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """Yield (start, size) of at least one part for `count` items: the largest size while it is filled.

    The rest gets the smallest size that fits. 75 items in parts of 32, 16 and 8: (0, 32), (32, 32), (64, 16).
    """
    start = 0
    while count - start >= sizes[0]:
        yield start, sizes[0]
        start += sizes[0]
    if start < max(count, 1):
        yield start, min(size for size in sizes if size >= count - start)
