"""Normalizing: converts a graph from a file to the common input and output."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import openvino as ov
import openvino.opset13 as ops

from model.families.graphs.endings import Ending, ending_of, is_quantized, scales_down
from model.families.graphs.graph import Graph, OutputLayout
from model.families.graphs.inputs import (
    NCHW_TO_NHWC,
    PictureInput,
    described,
    fixed_trial,
    lengths_of,
    name_of,
    names_of,
    picture_input,
    shown_size,
)
from model.families.graphs.source import GraphError, Layout, Source, as_floats
from model.families.graphs.trials import Trial, runs
from model.families.graphs.vectors import vector_length
from model.families.semantic.graphs.sizes import DIVISORS, map_layout, tried_divisor

SCORES_A_PICTURE = (
    "gives a score for each class of the whole picture, and not of its pixels: import it with --task classify"
)


def normalize(
    source: Source,
    *,
    output: str | None = None,
    layout: Layout | None = None,
    channels: int | None = None,
    size: tuple[int, int] | None = None,
) -> Graph:
    """The graph of a file, with the common input and output.

    Args:
        source: the graph that was read.
        output: the name of the output to use, if the file has several maps.
        layout: of the input, if the file does not specify it.
        channels: of the picture, if the file does not specify them.
        size: (width, height) of the input, if the file accepts any size.

    Raises:
        GraphError: the input is not a picture, no output is a map of it, or an argument contradicts the
            file; the message says what would fit.
    """
    taken = picture_input(source, layout=layout, channels=channels, size=size)
    divisor, trials = _trials(taken)
    index, given = _chosen(source, trials, output, taken.layout)
    used = source.model.outputs[index]
    ending = _checked_ending(source, used, given, trials[0].shapes[index])
    sentences = list(source.sentences)
    if len(source.model.outputs) > 1:
        sentences.append(f"Of its {len(source.model.outputs)} outputs, {name_of(used)} is used.")
    starts_small = source.scales_down or scales_down(taken.parameter)
    run = taken.runner(used)
    return Graph(
        name=source.name,
        model=_wrapped(taken, used, given, ending),
        size=taken.size,
        divisor=divisor,
        channels=taken.channels,
        outputs=None if ending.kind == "class_ids" else _channels(trials[0].shapes[index], given),
        ending=ending,
        takes_bytes=taken.takes_bytes,
        scales_down=starts_small,
        run=None if run is None else lambda picture: _as_all_have_it(run(picture), given, ending),
        sentences=tuple(sentences),
    )


def _trials(taken: PictureInput) -> tuple[int | None, Sequence[Trial]]:
    """The least divisor if the size is open, and trials of pictures that the graph took."""
    source, model, layout, channels = taken.source, taken.source.model, taken.layout, taken.channels
    if taken.height is not None and taken.width is not None:
        return None, [fixed_trial(taken, taken.height, taken.width)]
    for divisor in DIVISORS:
        trials = tried_divisor(model, layout, channels, divisor)
        if trials is None or not any(
            map_layout(trials, index, layout) for index in range(len(model.outputs))
        ):
            continue
        if runs(model, layout, channels, trials[0].height, trials[0].width):
            return divisor, trials
    if any(vector_length([1, *lengths_of(output)[1:]]) for output in model.outputs):
        raise GraphError(f"{source.name} {SCORES_A_PICTURE}")
    raise GraphError(
        f"{source.name} accepts pictures of any size, but gives no map that fits them for sides that are "
        f"multiples of {', '.join(map(str, DIVISORS))}: give the size it was made for with --size "
        "WIDTHxHEIGHT; convolutions without padding, which give smaller maps, are not supported"
    )


def _chosen(
    source: Source, trials: Sequence[Trial], wanted: str | None, usual: Layout
) -> tuple[int, OutputLayout]:
    """The index of the output to use, and its layout."""
    outputs = source.model.outputs
    maps = {index: map_layout(trials, index, usual) for index in range(len(outputs))}
    listed = "; ".join(described(output) for output in outputs)
    if wanted is not None:
        named = [index for index, output in enumerate(outputs) if wanted in names_of(output)]
        if not named:
            raise GraphError(f"{source.name} has no output {wanted!r}; it has: {listed}")
        layout = maps[named[0]]
        if layout is None:
            raise GraphError(
                f"the output {wanted!r} of {source.name} is not a map of the picture (outputs: {listed})"
            )
        return named[0], layout
    possible = [(index, layout) for index, layout in maps.items() if layout is not None]
    if not possible and any(map(vector_length, trials[0].shapes)):
        raise GraphError(f"{source.name} {SCORES_A_PICTURE}")
    if not possible:
        raise GraphError(
            f"{source.name} gives {listed}, which is not a map of its "
            f"{shown_size(trials[0].height, trials[0].width)} pictures: it must have one value per pixel, or "
            "one per block of pixels"
        )
    if len(possible) > 1:
        raise GraphError(
            f"{source.name} has {len(possible)} maps: choose one with --output NAME from {listed}"
        )
    return possible[0]


def _checked_ending(source: Source, output: ov.Output, layout: OutputLayout, shape: Sequence[int]) -> Ending:
    ending = ending_of(output)
    dtype = output.get_element_type()
    whole = dtype.is_integral() or dtype == ov.Type.boolean
    count = _channels(shape, layout)
    if whole and (is_quantized(output) or ending.kind in ("sigmoid", "softmax")):
        raise GraphError(
            f"{source.name} gives scores as whole numbers ({dtype.get_type_name()}): convert it with "
            "float32 outputs, for TensorFlow Lite inference_output_type=tf.float32"
        )
    if whole and ending.kind == "logits":
        ending = Ending("class_ids")
    if ending.kind == "class_ids" and count != 1:
        raise GraphError(
            f"{source.name} gives {count} channels of whole numbers: it must give one channel with the "
            "number of the class, or a score for each class"
        )
    if ending.kind == "softmax" and ending.channels == 1:
        raise GraphError(
            f"{source.name} ends in a softmax over one channel, which is 1 everywhere: export it with a "
            "sigmoid instead, or without an activation"
        )
    return ending


def _wrapped(taken: PictureInput, output: ov.Output, given: OutputLayout, ending: Ending) -> ov.Model:
    """The graph from a float32 NHWC picture to the common output."""
    picture = taken.rewired()
    answer = output.get_node().input_value(0)
    if ending.kind == "class_ids":
        if given != "NHW":
            answer = ops.squeeze(answer, ops.constant([given.index("C")])).output(0)
        answer = ops.convert(answer, np.int32).output(0)
    else:
        answer = ops.convert(answer, np.float32).output(0)
        if given == "NCHW":
            answer = ops.transpose(answer, ops.constant(NCHW_TO_NHWC)).output(0)
        if given == "NHW":
            answer = ops.unsqueeze(answer, ops.constant([3])).output(0)
    answer.get_node().set_friendly_name("map")
    made = ov.Model([ops.result(answer)], [picture], "trunk")
    made.validate_nodes_and_infer_types()
    return made


def _as_all_have_it(answer: npt.NDArray, given: OutputLayout, ending: Ending) -> npt.NDArray:
    if ending.kind == "class_ids":
        ids = answer if given == "NHW" else np.squeeze(answer, given.index("C"))
        return ids.astype(np.int32)
    if given == "NHW":
        return as_floats(answer[..., np.newaxis])
    return as_floats(answer.transpose(NCHW_TO_NHWC) if given == "NCHW" else answer)


def _channels(shape: Sequence[int], layout: OutputLayout) -> int:
    return 1 if layout == "NHW" else shape[layout.index("C")]
