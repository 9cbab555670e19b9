"""Normalizing: converts a graph from a file to the common input and output."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import openvino as ov
import openvino.opset13 as ops

from model.families.graphs.endings import Ending, ending_of, is_quantized, scales_down
from model.families.graphs.graph import Floats, Graph, OutputLayout
from model.families.graphs.source import GraphError, Layout, Source, as_floats, reason
from model.families.pixels import LARGEST_SIDE
from model.families.semantic.graphs.sizes import DIVISORS, Trial, map_layout, runs, tried, tried_divisor

CHANNELS = (1, 3)
"""The channels of a picture: grey, or red, green and blue."""
NCHW_TO_NHWC = [0, 2, 3, 1]
NHWC_TO_NCHW = [0, 3, 1, 2]


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
    name, model = source.name, source.model
    parameter = _only_input(source)
    layout, channels = _input_layout(source, layout, channels)
    height, width = (_static(dimension) for dimension in _sides(parameter.get_partial_shape(), layout))
    asked = (size[1], size[0]) if size else (height, width)
    for kept, wanted in zip((height, width), asked, strict=True):
        if kept is not None and kept != wanted:
            fixed = f"{width or 'any'} x {height or 'any'}"
            raise GraphError(f"{name} takes pictures of {fixed}: omit --size, or give that size")
    height, width = asked
    if (height is None) != (width is None):
        raise GraphError(
            f"{name} takes pictures of {width or 'any width'} x {height or 'any height'}: fix the size with "
            "--size WIDTHxHEIGHT"
        )
    _reshape(source, layout, channels, height, width)
    divisor, trials = _trials(source, layout, channels, height, width)
    index, given = _chosen(source, trials, output, layout)
    used = model.outputs[index]
    ending = _checked_ending(source, used, given, trials[0].shapes[index])
    names = set(used.get_names())
    integers = parameter.get_element_type().is_integral()
    sentences = list(source.sentences)
    if len(model.outputs) > 1:
        sentences.append(f"Of its {len(model.outputs)} outputs, {_name(used)} is used.")

    def run(picture: Floats) -> npt.NDArray:
        assert source.run is not None
        values = np.rint(picture) if integers else picture
        values = values.transpose(NHWC_TO_NCHW) if layout == "NCHW" else values
        answers = source.run(np.ascontiguousarray(values, parameter.get_element_type().to_dtype()))
        key = next((key for key in answers if key in names), next(iter(answers)))
        return _as_all_have_it(answers[key], given, ending)

    starts_small = source.scales_down or scales_down(parameter)
    return Graph(
        name=name,
        model=_wrapped(model, used, layout, given, ending),
        size=None if width is None or height is None else (width, height),
        divisor=divisor,
        channels=channels,
        outputs=None if ending.kind == "class_ids" else _channels(trials[0].shapes[index], given),
        ending=ending,
        takes_bytes=integers,
        scales_down=starts_small,
        run=run if source.run else None,
        sentences=tuple(sentences),
    )


def _only_input(source: Source) -> ov.Node:
    parameters = source.model.get_parameters()
    if len(parameters) != 1:
        listed = "; ".join(_described(one) for one in source.model.inputs) or "none"
        raise GraphError(
            f"{source.name} takes {len(parameters)} inputs ({listed}): only one, the picture, is supported. "
            "Export the model with fixed values for the others"
        )
    (parameter,) = parameters
    shape = parameter.get_partial_shape()
    if shape.rank.is_dynamic or len(list(shape)) != 4:
        raise GraphError(
            f"{source.name} takes {_described(parameter.output(0))}, which is not a batch of pictures: four "
            "dimensions are needed, (N, C, H, W) or (N, H, W, C)"
        )
    return parameter


def _input_layout(source: Source, wanted: Layout | None, channels: int | None) -> tuple[Layout, int]:
    """The input's layout and number of channels: found by their number, else usual for the kind of file."""
    dimensions = list(source.model.inputs[0].get_partial_shape())
    found: dict[Layout, int | None] = {"NCHW": _static(dimensions[1]), "NHWC": _static(dimensions[3])}
    known = [layout for layout, length in found.items() if length in CHANNELS]
    likely = [layout for layout in known if found[layout] == channels] or known
    shown = _described(source.model.inputs[0])
    if wanted is None and len(likely) == 1:
        wanted = likely[0]
    wanted = wanted or source.layout
    if wanted is None:
        raise GraphError(
            f"{source.name} takes {shown}, where the channels' place is unknown: give --layout nchw or nhwc"
        )
    length = found[wanted]
    if length is not None and length not in CHANNELS:
        raise GraphError(
            f"{source.name} takes {shown}, with {length} channels: pictures have 1 (grey) or 3 (colour)"
        )
    if length is not None and channels is not None and length != channels:
        fits = "--channels grey" if length == 1 else "--channels rgb or bgr"
        raise GraphError(
            f"{source.name} takes {length} channel{'s' * (length > 1)}, not {channels}: give {fits}"
        )
    return wanted, length or channels or 3


def _reshape(source: Source, layout: Layout, channels: int, height: int | None, width: int | None) -> None:
    """Set the graph's batch to 1, and its size as far as it is known."""
    sides = [-1 if side is None else side for side in (height, width)]
    shape = [1, channels, *sides] if layout == "NCHW" else [1, *sides, channels]
    try:
        source.model.reshape(ov.PartialShape(shape))
    except RuntimeError as error:
        raise GraphError(
            f"{source.name} cannot take one picture of {_shown(height, width)} ({reason(error)}): it takes "
            f"{_described(source.model.inputs[0])}; export it for a batch of one, or give another --size"
        ) from None


def _trials(
    source: Source, layout: Layout, channels: int, height: int | None, width: int | None
) -> tuple[int | None, Sequence[Trial]]:
    """The least divisor if the size is open, and trials of pictures that the graph took."""
    model = source.model
    if height is not None and width is not None:
        if max(height, width) > LARGEST_SIDE:
            raise GraphError(
                f"{source.name} would take pictures of {width} x {height}, but sides of more than "
                f"{LARGEST_SIDE} pixels would run out of memory: give a smaller --size, or export the model "
                "for a smaller one"
            )
        trial = tried(model, layout, channels, height, width)
        if trial is None or not runs(model, layout, channels, height, width):
            raise GraphError(
                f"{source.name} does not take pictures of {width} x {height}: give another --size"
            )
        return None, [trial]
    for divisor in DIVISORS:
        trials = tried_divisor(model, layout, channels, divisor)
        if trials is None or not any(
            map_layout(trials, index, layout) for index in range(len(model.outputs))
        ):
            continue
        if runs(model, layout, channels, trials[0].height, trials[0].width):
            return divisor, trials
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
    listed = "; ".join(_described(output) for output in outputs)
    if wanted is not None:
        named = [index for index, output in enumerate(outputs) if wanted in _names(output)]
        if not named:
            raise GraphError(f"{source.name} has no output {wanted!r}; it has: {listed}")
        layout = maps[named[0]]
        if layout is None:
            raise GraphError(
                f"the output {wanted!r} of {source.name} is not a map of the picture (outputs: {listed})"
            )
        return named[0], layout
    possible = [(index, layout) for index, layout in maps.items() if layout is not None]
    if not possible:
        raise GraphError(
            f"{source.name} gives {listed}, which is not a map of its "
            f"{_shown(trials[0].height, trials[0].width)} pictures: it must have one value per pixel, or one "
            "per block of pixels"
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


def _wrapped(
    model: ov.Model, output: ov.Output, layout: Layout, given: OutputLayout, ending: Ending
) -> ov.Model:
    """The graph from a float32 NHWC picture to the common output."""
    (old,) = model.get_parameters()
    dimensions = list(old.get_partial_shape())
    if layout == "NCHW":
        dimensions = [dimensions[axis] for axis in NCHW_TO_NHWC]
    picture = ops.parameter(ov.PartialShape(dimensions), np.float32, name="picture")
    value = picture
    users = list(old.output(0).get_target_inputs())
    if old.get_element_type().is_integral():
        value = ops.round(value, "half_to_even")
    if old.get_element_type() != ov.Type.f32:
        value = ops.convert(value, old.get_element_type().to_dtype())
    if layout == "NCHW":
        value = ops.transpose(value, ops.constant(NHWC_TO_NCHW))
    for user in users:
        user.replace_source_output(value.output(0))
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


def _sides(shape: ov.PartialShape, layout: Layout) -> tuple[ov.Dimension, ov.Dimension]:
    dimensions = list(shape)
    return dimensions[layout.index("H")], dimensions[layout.index("W")]


def _static(dimension: ov.Dimension) -> int | None:
    return dimension.get_length() if dimension.is_static else None


def _names(output: ov.Output) -> set[str]:
    names = set(output.get_names())
    return names | {name.removesuffix(":0") for name in names} | {output.get_node().get_friendly_name()}


def _name(output: ov.Output) -> str:
    return min(output.get_names(), key=len, default=output.get_node().get_friendly_name())


def _described(output: ov.Output) -> str:
    shape = output.get_partial_shape()
    dimensions = "?" if shape.rank.is_dynamic else ", ".join(map(str, shape))
    return f"{_name(output)} ({dimensions}) {output.get_element_type().get_type_name()}"


def _shown(height: int | None, width: int | None) -> str:
    return f"{width} x {height}" if width and height else "any size"
