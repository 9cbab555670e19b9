"""The OpenVINO engine: compiled stages, run without TensorFlow."""

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
from model.engines.shapes import FIRST, AnyShape, FewShapes, Pool, Requests
from model.engines.stages import Floats, StageSpec

CODE_KEPT = 4
"""Shapes of pictures whose machine code stays with a stage of open sizes, 5 MB each; another costs 40 ms."""
CODE_A_SHAPE = ("Convolution", "ConvolutionBackpropData", "GroupConvolution", "MatMul")
PRECISION_OF_CAPABILITY = {"FP32": "f32", "BF16": "bf16", "INT8": "int8"}


Read = Callable[[Path], bytes]
"""What reads a file whole; raises whatever it likes for one that is not what it should be."""


class StagesError(ValueError):
    """The compiled stages are of no use to this version."""


def precisions_of_processor() -> frozenset[str]:
    """Of "f32", "bf16" and "int8" those that this processor computes in."""
    capabilities = new_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return frozenset(
        PRECISION_OF_CAPABILITY[name] for name in capabilities if name in PRECISION_OF_CAPABILITY
    )


def hint_for(precision: str) -> str:
    """In what stages of this precision compute all that is not int8: "f32" or "bf16"."""
    return "bf16" if precision != "f32" and "bf16" in precisions_of_processor() else "f32"


def read_stage(
    core: ov.Core,
    folder: Path,
    stages: Sequence[StageSpec],
    stage: StageSpec,
    hint: str,
    read: Read = Path.read_bytes,
) -> ov.Model:
    """One of the stages of a network, as it is compiled to run in "f32" or "bf16".

    Raises:
        StagesError: it does not have the inputs that this version gives it.
    """
    # Given a path, OpenVINO would map the weights: who changes the file later would change the answers.
    graph, weights = (read(folder / f"{stage.name}{suffix}") for suffix in (".xml", ".bin"))
    read_model = core.read_model(graph.decode(), ov.Tensor(np.frombuffer(weights, np.uint8)))
    del weights  # it has a copy
    model = _without_round_trips(read_model)
    if len(model.inputs) != stage.inputs:
        raise StagesError(f"{folder.name}/{stage.name}.xml was compiled by another version of MaskServe")
    if len(stages) == 1:
        return model
    # In bf16 the heads would otherwise round what stays in the engine anew for each part of the items.
    return _with_kept_in(hint, model, is_output=stage is stages[0])


class OpenVINORunner:
    """`stages.Runner` over compiled models."""

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
    ) -> OpenVINORunner:
        """The stages in `folder`, compiled and, unless only few pictures will come, warm.

        Args:
            folder: with a NAME.xml a stage, as `model.publishing.exporting` wrote them.
            stages: of the network.
            precision: "f32", "bf16" (the stages of f32, rounded where they run) or "int8" (quantised ones).
            largest_picture: the shape (1, H, W, C) of the largest picture that will come. It goes through
                once now: buffers that grow little by little leave gaps between them, three times what they
                hold. None: few will come, and the first of them waits.
            hint: "f32" or "bf16", in which to compute what is not int8; None: in "f32" for that precision,
                otherwise in the faster one that the processor has.
            threads: how many compute one inference, 1 or more; None: OpenVINO decides, and takes every core
                even where a container may use less (github.com/openvinotoolkit/openvino/issues/37838).
            read: reads the files in `folder`, each once.

        Raises:
            StagesError: the stages do not have the inputs that this version gives them.
            whatever `read` raises.
        """
        hint = hint or hint_for(precision)
        core = new_core()
        core.set_property("CPU", {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": hint})
        if threads is not None:
            # Pinned, which they are otherwise, the threads of every process would take the same first cores.
            core.set_property("CPU", {"INFERENCE_NUM_THREADS": threads, "ENABLE_CPU_PINNING": False})
        malloc.tune()
        first, *models = (read_stage(core, folder, stages, stage, hint, read) for stage in stages)
        heads = {
            stage.name: _compile_open(core, model) for stage, model in zip(stages[1:], models, strict=True)
        }
        # With open sizes OpenVINO runs an int8 trunk slowly, and some wrongly: their RPN answers zeros.
        few = precision == "int8"
        runner = cls(
            stages,
            FewShapes(core, first, heads) if few else AnyShape(_compile_open(core, first), heads),
            heads,
            precision,
        )
        if largest_picture is not None:
            runner._warm_up(largest_picture)
        return runner

    def with_first(self, model: ov.Model, hint: str) -> OpenVINORunner:
        """The same heads behind another first stage, which is left as it is and runs as one in int8 does.

        Heads can be run only with the hint that they were opened with.
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
        # The requests are free for another picture only when nobody can ask for more of this one.
        weakref.finalize(started, self._give_back, pool, requests, picture.shape)
        return started

    def _give_back(self, pool: Pool, requests: Requests, picture_shape: tuple[int, ...]) -> None:
        self._first.give_back(pool, requests)
        if picture_shape != self._last_shape:  # buffers of other sizes have come and gone
            malloc.trim()
            self._last_shape = picture_shape

    def _warm_up(self, largest_picture: tuple[int, ...]) -> None:
        started = self.start(np.zeros(largest_picture, np.float32))
        for stage in self.stages[1:]:
            inputs = self._heads[stage.name].inputs[1:]
            for items in stage.items_a_call:
                started.head(stage.name, *(_zeros(tensor, items) for tensor in inputs))


class OpenVINOPass:
    """`stages.Pass`: what the first stage's request wrote, and the heads, which read it there."""

    def __init__(self, stages: Sequence[StageSpec], requests: Requests) -> None:
        self._stages = {stage.name: stage for stage in stages}
        self._requests = requests
        first = requests.of[FIRST]
        copied = range(1 if len(stages) > 1 else 0, len(first.model_outputs))
        self.outputs = [first.get_output_tensor(index).data.copy() for index in copied]

    def head(self, name: str, *inputs: npt.NDArray) -> list[Floats]:
        """See `stages.Pass`. Taken part by part; the last one is padded.

        OpenVINO keeps memory for every number of items that it has seen.
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


def _compile_open(core: ov.Core, model: ov.Model) -> ov.CompiledModel:
    """A stage whose sizes are open, told not to keep machine code for every shape that it has seen."""
    kept = CODE_KEPT * sum(op.get_type_name() in CODE_A_SHAPE for op in model.get_ops())
    return core.compile_model(model, "CPU", {"CPU_RUNTIME_CACHE_CAPACITY": kept})


def _with_kept_in(precision: str, model: ov.Model, *, is_output: bool) -> ov.Model:
    """The stage, with the tensor that stays inside the engine in "f32" or "bf16"."""
    steps = PrePostProcessor(model)
    kept = steps.output(0) if is_output else steps.input(0)
    kept.tensor().set_element_type(getattr(ov.Type, precision))
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


def _zeros(tensor: ov.ConstOutput, items: int) -> npt.NDArray:
    """An input (1, items, …) of a head."""
    shape = [1, items, *(side.get_length() for side in list(tensor.partial_shape)[2:])]
    return np.zeros(shape, tensor.element_type.to_dtype())


def _run(request: ov.InferRequest) -> None:
    """In OpenVINO's own thread: it would keep memory for each thread that calls `infer`."""
    request.start_async()
    request.wait()


def _parts(count: int, sizes: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """(start, size) of the parts of `count` items, one or more: the largest while filled, then one that fits.

    75 items in parts of 32, 16 and 8: (0, 32), (32, 32), (64, 16).
    """
    start = 0
    while count - start >= sizes[0]:
        yield start, sizes[0]
        start += sizes[0]
    if start < max(count, 1):
        yield start, min(size for size in sizes if size >= count - start)
