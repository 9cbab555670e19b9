"""Inputs: the picture that a graph takes, whatever its layout, size and type of numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import openvino as ov
import openvino.opset13 as ops

from model.families.graphs.graph import Floats
from model.families.graphs.source import GraphError, Layout, Source, reason
from model.families.graphs.trials import Trial, runs, tried
from model.families.pixels import LARGEST_SIDE

CHANNELS = (1, 3)
"""The channels of a picture: grey, or red, green and blue."""
NCHW_TO_NHWC = [0, 2, 3, 1]
NHWC_TO_NCHW = [0, 3, 1, 2]


@dataclass(frozen=True)
class PictureInput:
    """The only input of a graph, which takes one picture.

    Attributes:
        source: the graph.
        parameter: the input.
        layout: of the input.
        channels: C, 1 or 3.
        height: in pixels; None: any.
        width: the same.
    """

    source: Source
    parameter: ov.Node
    layout: Layout
    channels: int
    height: int | None
    width: int | None

    @property
    def size(self) -> tuple[int, int] | None:
        """(width, height); None: any."""
        return None if self.width is None or self.height is None else (self.width, self.height)

    @property
    def takes_bytes(self) -> bool:
        """Whether it takes whole numbers."""
        return bool(self.parameter.get_element_type().is_integral())

    def rewired(self) -> ov.Node:
        """Replace it by an input float32 (1, H, W, C), which is returned."""
        dimensions = list(self.parameter.get_partial_shape())
        if self.layout == "NCHW":
            dimensions = [dimensions[axis] for axis in NCHW_TO_NHWC]
        picture = ops.parameter(ov.PartialShape(dimensions), np.float32, name="picture")
        value = picture
        users = list(self.parameter.output(0).get_target_inputs())
        if self.takes_bytes:
            value = ops.round(value, "half_to_even")
        if self.parameter.get_element_type() != ov.Type.f32:
            value = ops.convert(value, self.parameter.get_element_type().to_dtype())
        if self.layout == "NCHW":
            value = ops.transpose(value, ops.constant(NHWC_TO_NCHW))
        for user in users:
            user.replace_source_output(value.output(0))
        return picture

    def runner(self, output: ov.Output) -> Callable[[Floats], npt.NDArray] | None:
        """Runs the file in its own runtime, if it has one: float32 (1, H, W, C) → `output` as it is."""
        run, names = self.source.run, set(output.get_names())
        dtype = self.parameter.get_element_type().to_dtype()
        if run is None:
            return None

        def answer(picture: Floats) -> npt.NDArray:
            values = np.rint(picture) if self.takes_bytes else picture
            values = values.transpose(NHWC_TO_NCHW) if self.layout == "NCHW" else values
            answers = run(np.ascontiguousarray(values, dtype))
            key = next((key for key in answers if key in names), next(iter(answers)))
            return answers[key]

        return answer


def picture_input(
    source: Source,
    *,
    layout: Layout | None = None,
    channels: int | None = None,
    size: tuple[int, int] | None = None,
) -> PictureInput:
    """The input of a graph, whose batch is set to 1, and its size as far as it is known.

    Args:
        source: the graph that was read; it is changed.
        layout: of the input, if the file does not specify it.
        channels: of the picture, if the file does not specify them.
        size: (width, height) of the input, if the file accepts any size.

    Raises:
        GraphError: the input is not a picture, or an argument contradicts the file; the message says what
            would fit.
    """
    name = source.name
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
    return PictureInput(source, parameter, layout, channels, height, width)


def fixed_trial(taken: PictureInput, height: int, width: int) -> Trial:
    """A trial of the only size that a graph takes; GraphError if it does not, or takes too much memory."""
    source, model = taken.source, taken.source.model
    if max(height, width) > LARGEST_SIDE:
        raise GraphError(
            f"{source.name} would take pictures of {width} x {height}, but sides of more than "
            f"{LARGEST_SIDE} pixels would run out of memory: give a smaller --size, or export the model "
            "for a smaller one"
        )
    trial = tried(model, taken.layout, taken.channels, height, width)
    if trial is None or not runs(model, taken.layout, taken.channels, height, width):
        raise GraphError(f"{source.name} does not take pictures of {width} x {height}: give another --size")
    return trial


def _only_input(source: Source) -> ov.Node:
    parameters = source.model.get_parameters()
    if len(parameters) != 1:
        listed = "; ".join(described(one) for one in source.model.inputs) or "none"
        raise GraphError(
            f"{source.name} takes {len(parameters)} inputs ({listed}): only one, the picture, is supported. "
            "Export the model with fixed values for the others"
        )
    (parameter,) = parameters
    shape = parameter.get_partial_shape()
    if shape.rank.is_dynamic or len(list(shape)) != 4:
        raise GraphError(
            f"{source.name} takes {described(parameter.output(0))}, which is not a batch of pictures: four "
            "dimensions are needed, (N, C, H, W) or (N, H, W, C)"
        )
    return parameter


def _input_layout(source: Source, wanted: Layout | None, channels: int | None) -> tuple[Layout, int]:
    """The input's layout and number of channels: found by their number, else usual for the kind of file."""
    dimensions = list(source.model.inputs[0].get_partial_shape())
    found: dict[Layout, int | None] = {"NCHW": _static(dimensions[1]), "NHWC": _static(dimensions[3])}
    known = [layout for layout, length in found.items() if length in CHANNELS]
    likely = [layout for layout in known if found[layout] == channels] or known
    shown = described(source.model.inputs[0])
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
            f"{source.name} cannot take one picture of {shown_size(height, width)} ({reason(error)}): it "
            f"takes {described(source.model.inputs[0])}; export it for a batch of one, or give another --size"
        ) from None


def _sides(shape: ov.PartialShape, layout: Layout) -> tuple[ov.Dimension, ov.Dimension]:
    dimensions = list(shape)
    return dimensions[layout.index("H")], dimensions[layout.index("W")]


def _static(dimension: ov.Dimension) -> int | None:
    return dimension.get_length() if dimension.is_static else None


def names_of(output: ov.Output) -> set[str]:
    """All names of an output, also without the number that TensorFlow adds."""
    names = set(output.get_names())
    return names | {name.removesuffix(":0") for name in names} | {output.get_node().get_friendly_name()}


def name_of(output: ov.Output) -> str:
    """The shortest name of an output."""
    return min(output.get_names(), key=len, default=output.get_node().get_friendly_name())


def lengths_of(output: ov.Output) -> list[int]:
    """The lengths of an output's dimensions, 0 for those that are open; none if their number is open."""
    shape = output.get_partial_shape()
    if shape.rank.is_dynamic:
        return []
    return [dimension.get_length() if dimension.is_static else 0 for dimension in shape]


def described(output: ov.Output) -> str:
    """The name, shape and type of an output or input, for messages."""
    shape = output.get_partial_shape()
    dimensions = "?" if shape.rank.is_dynamic else ", ".join(map(str, shape))
    return f"{name_of(output)} ({dimensions}) {output.get_element_type().get_type_name()}"


def shown_size(height: int | None, width: int | None) -> str:
    """A size of pictures, for messages."""
    return f"{width} x {height}" if width and height else "any size"
