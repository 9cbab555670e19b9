"""Scores: converts a graph from a file to the common input and to one score for each class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import openvino as ov
import openvino.opset13 as ops

from model.families.graphs.endings import Ending, ending_of, is_quantized, scales_down
from model.families.graphs.graph import Graph
from model.families.graphs.inputs import (
    PictureInput,
    described,
    fixed_trial,
    lengths_of,
    name_of,
    names_of,
    picture_input,
)
from model.families.graphs.source import GraphError, Layout, Source, as_floats
from model.families.graphs.vectors import vector_length

EXPECTED = "one number for each class, (N, K), (N, K, 1, 1) or (N, 1, 1, K)"


def normalize(
    source: Source,
    *,
    output: str | None = None,
    layout: Layout | None = None,
    channels: int | None = None,
    size: tuple[int, int] | None = None,
) -> Graph:
    """The graph of a file, with the common input and the output (1, K).

    Args:
        source: the graph that was read.
        output: the name of the output to use, if the file has several vectors.
        layout: of the input, if the file does not specify it.
        channels: of the picture, if the file does not specify them.
        size: (width, height) of the input, if the file accepts any size.

    Raises:
        GraphError: the input is not a picture, no output scores classes, or an argument contradicts the
            file; the message says what would fit.
    """
    taken = picture_input(source, layout=layout, channels=channels, size=size)
    if taken.height is None or taken.width is None:
        open_shapes = [lengths for output in source.model.outputs if (lengths := lengths_of(output))]
        if open_shapes and all(vector_length([1, *lengths[1:]]) is None for lengths in open_shapes):
            raise _map(source)
        raise GraphError(
            f"{source.name} takes pictures of any size: give the one that it was trained with, such as "
            "--size 224x224"
        )
    trial = fixed_trial(taken, taken.height, taken.width)
    index = _chosen(source, trial.shapes, output)
    used, count = source.model.outputs[index], vector_length(trial.shapes[index])
    assert count is not None
    ending = _checked_ending(source, used, count)
    sentences = list(source.sentences)
    if len(source.model.outputs) > 1:
        sentences.append(f"Of its {len(source.model.outputs)} outputs, {name_of(used)} is used.")
    starts_small = source.scales_down or scales_down(taken.parameter)
    run = taken.runner(used)
    return Graph(
        name=source.name,
        model=_wrapped(taken, used, count),
        size=taken.size,
        divisor=None,
        channels=taken.channels,
        outputs=count,
        ending=ending,
        takes_bytes=taken.takes_bytes,
        scales_down=starts_small,
        run=None if run is None else lambda picture: as_floats(run(picture)).reshape(1, count),
        sentences=tuple(sentences),
    )


def _chosen(source: Source, shapes: Sequence[Sequence[int]], wanted: str | None) -> int:
    """The index of the output to use."""
    outputs = source.model.outputs
    vectors = [index for index, shape in enumerate(shapes) if vector_length(shape)]
    listed = "; ".join(described(output) for output in outputs)
    if wanted is not None:
        named = [index for index, output in enumerate(outputs) if wanted in names_of(output)]
        if not named:
            raise GraphError(f"{source.name} has no output {wanted!r}; it has: {listed}")
        if named[0] not in vectors:
            raise GraphError(
                f"the output {wanted!r} of {source.name} is not {EXPECTED}: choose another one of {listed}"
            )
        return named[0]
    if not vectors and any(sum(length > 1 for length in shape[1:]) > 1 for shape in shapes):
        raise _map(source)
    if not vectors:
        raise GraphError(f"{source.name} gives {listed}, which is not {EXPECTED}")
    if len(vectors) > 1:
        raise GraphError(
            f"{source.name} has {len(vectors)} outputs that may be scores: choose one with --output NAME "
            f"from {listed}"
        )
    return vectors[0]


def _map(source: Source) -> GraphError:
    listed = "; ".join(described(output) for output in source.model.outputs)
    return GraphError(
        f"{source.name} gives {listed}, which is a map and not {EXPECTED}: if it has a value for each pixel, "
        "import it with --task semantic"
    )


def _checked_ending(source: Source, output: ov.Output, count: int) -> Ending:
    ending = ending_of(output)
    dtype = output.get_element_type()
    whole = dtype.is_integral() or dtype == ov.Type.boolean
    if whole and (is_quantized(output) or ending.kind in ("sigmoid", "softmax")):
        raise GraphError(
            f"{source.name} gives scores as whole numbers ({dtype.get_type_name()}): convert it with "
            "float32 outputs, for TensorFlow Lite inference_output_type=tf.float32"
        )
    if whole or ending.kind == "class_ids":
        raise GraphError(
            f"{source.name} gives the number of the class, but a classifier needs the score of each: export "
            "it without the last operation, which chooses the class"
        )
    if ending.kind == "softmax" and count == 1:
        raise GraphError(
            f"{source.name} ends in a softmax over one score, which is always 1: export it with a sigmoid "
            "instead, or without an activation"
        )
    return ending


def _wrapped(taken: PictureInput, output: ov.Output, count: int) -> ov.Model:
    """The graph from a float32 NHWC picture to float32 (1, K)."""
    picture = taken.rewired()
    answer = ops.convert(output.get_node().input_value(0), np.float32)
    answer = ops.reshape(answer, ops.constant(np.array([1, count], np.int64)), special_zero=False)
    answer.set_friendly_name("scores")
    made = ov.Model([ops.result(answer)], [picture], "trunk")
    made.validate_nodes_and_infer_types()
    return made
