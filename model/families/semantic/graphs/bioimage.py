"""bioimage.io folders: a graph in one of the other formats, and a description of its input and output."""

from __future__ import annotations

import dataclasses
import math
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import openvino as ov
import openvino.opset13 as ops

from model.data.class_names import BACKGROUND_NAMES
from model.families.graphs.closeness import answer_of
from model.families.graphs.endings import ending_of
from model.families.graphs.graph import Graph
from model.families.graphs.keras_file import read_keras, read_keras_h5
from model.families.graphs.onnx import read_onnx
from model.families.graphs.saved_model import read_saved_model
from model.families.graphs.source import GraphError, Layout, Source, as_floats
from model.families.semantic.graphs import bioimage_steps
from model.families.semantic.graphs.bioimage_description import Description, Step, Tensor, read_description

LARGEST_BUNDLE = 4 << 30  # bytes that a packed SavedModel may unpack to


@dataclass(frozen=True)
class Package:
    """A bioimage.io folder.

    Attributes:
        description: the folder's description.
        tensor: the output that is used.
        source: its graph.
        output: the graph's name for that output, if there are several.
        unpacked: the folder to which the graph was unpacked, if it was; deleted with this object.
    """

    description: Description
    tensor: Tensor
    source: Source
    output: str | None
    unpacked: tempfile.TemporaryDirectory | None = None

    @property
    def layout(self) -> Layout | None:
        """The layout of the input, from the description."""
        axes = self.description.input.axes
        layouts: dict[str, Layout] = {"bcyx": "NCHW", "byxc": "NHWC"}
        return layouts.get(axes)

    @property
    def size(self) -> tuple[int, int] | None:
        """(width, height), if the description fixes it."""
        height, width = self.description.input.sides
        return (width, height) if isinstance(height, int) and isinstance(width, int) else None

    @property
    def about(self) -> Mapping[str, Any]:
        """Values of the manifest."""
        return self.description.about

    @cached_property
    def _before(self) -> tuple[Step | None, list[Step]]:
        return bioimage_steps.split(self.description.input.steps, self.description.name)

    @cached_property
    def _after(self) -> tuple[list[Step], float | None]:
        """The steps to add to the graph, and the threshold if that comes last."""
        steps = [step for step in self.tensor.steps if step.name != "ensure_dtype"]
        threshold = None
        if steps and steps[-1].name == "binarize":
            values = np.unique(np.asarray(steps[-1].kwargs["threshold"], np.float64))
            if len(values) > 1:
                raise GraphError(
                    f"{self.description.name} has a threshold for each channel: only one for all is supported"
                )
            threshold = float(values[0])
            steps = steps[:-1]
        return steps, threshold

    def told(self, graph: Graph) -> Mapping[str, Any]:
        """The description's values, as `specification.specify` takes them."""
        taken = self.description.input
        normalization, joined = self._before
        told: dict[str, Any] = {"halo": self.tensor.halo or None, "threshold": self._after[1]}
        if normalization:
            told |= bioimage_steps.told_by(normalization, graph.channels)
        if taken.steps:
            told |= {"mean": (), "std": ()}
        if taken.value_range == (0, 1):
            told["value_range"] = "0-1"
        elif normalization or joined or taken.dtype == "uint8" or taken.value_range == (0, 255):
            told["value_range"] = "0-255"
        steps = [side[1] for side in taken.sides if isinstance(side, tuple) and side[1]]
        if steps:
            told["divisor"] = math.lcm(*steps)
        if graph.size:
            told["fit"] = "tile"  # micrographs must keep their scale
        names = list(self.tensor.channel_names)
        if graph.outputs and len(names) == graph.outputs:
            told["classes"] = names[1:] if names[0].lower() in BACKGROUND_NAMES else names
        return told

    def completed(self, graph: Graph) -> Graph:
        """The graph, with those steps of the description added that are not part of preprocessing."""
        before, (after, _) = self._before[1], self._after
        if not before and not after:
            return graph
        model, name = graph.model, self.description.name
        (old,) = model.get_parameters()
        picture = ops.parameter(old.get_partial_shape(), np.float32, name="picture")
        users = list(old.output(0).get_target_inputs())
        value = picture.output(0)
        for step in before:
            value = bioimage_steps.applied(value, step, name)
        for user in users:
            user.replace_source_output(value)
        answer = model.outputs[0].get_node().input_value(0)
        if after and graph.ending.kind == "class_ids":
            raise GraphError(f"{name} has the step {after[0].name} after class ids, which is not supported")
        for step in after:
            answer = bioimage_steps.applied(answer, step, name)
        made = ov.Model([ops.result(answer)], [picture], "trunk")
        return dataclasses.replace(graph, model=made, ending=ending_of(made.outputs[0]), run=None)

    def check(self, graph: Graph) -> str:
        """Run the description's test, and return a sentence about its result.

        Raises:
            GraphError: the graph's output differs from the expected one.
        """
        taken, given = self.description.input, self.tensor
        if taken.test is None or given.test is None:
            return "It was not tested, as its description has no test tensors."
        picture = as_floats(_as_nhwc(_array(taken.test), taken.axes))
        if self._before[0]:
            picture = bioimage_steps.normalized(picture, self._before[0])
        sides = graph.size[::-1] if graph.size else picture.shape[1:3]
        if picture.shape[1:] != (*sides, graph.channels):
            raise GraphError(
                f"{self.description.name}: the test's picture has the shape {picture.shape[1:]}, but the "
                f"graph takes {(*sides, graph.channels)}"
            )
        try:
            answer = answer_of(graph.model, picture)
        except RuntimeError:
            raise GraphError(f"{self.description.name}: the graph cannot run on the test's picture") from None
        expected = _as_nhwc(_array(given.test), given.axes)
        threshold = self._after[1]
        if threshold is not None:
            answer = answer > threshold
        if graph.ending.kind == "class_ids":
            expected = expected[..., 0]
        return self._compared(answer.astype(np.float64), expected.astype(np.float64))

    def _compared(self, answer: npt.NDArray, expected: npt.NDArray) -> str:
        name = self.description.name
        if answer.shape != expected.shape:
            raise GraphError(
                f"{name}: the test's output has the shape {expected.shape}, the graph gives {answer.shape}"
            )
        allowed = self.description.tolerances[self.tensor.name]
        off = ~np.isclose(answer, expected, rtol=allowed.relative, atol=allowed.absolute)
        if np.count_nonzero(off) > allowed.per_million * off.size / 1e6:
            raise GraphError(
                f"{name} fails its own test: {np.mean(off):.2%} of the values are off by more than "
                f"{allowed.absolute:g} + {allowed.relative:g} of the value, the worst by "
                f"{np.abs(answer - expected).max():.3g}. The description and the weights do not belong "
                "together, or OpenVINO does not run the model correctly"
            )
        worst = np.abs(answer - expected).max()
        return f"It passes the test of its description (largest difference {worst:.2g})."


def read_package(path: Path, output: str | None = None) -> Package:
    """The model in a bioimage.io folder.

    Args:
        path: of the folder, or of the description in it.
        output: the name of the output to use, if there are several.

    Raises:
        GraphError: it is damaged or cannot be used; the message says what to do.
    """
    folder = path if path.is_dir() else path.parent
    description = read_description(folder)
    outputs = {tensor.name: index for index, tensor in enumerate(description.outputs)}
    if output is None and len(outputs) > 1:
        raise GraphError(
            f"{description.name} has {len(outputs)} outputs: choose one with --output from "
            f"{', '.join(outputs)}"
        )
    if output is not None and output not in outputs:
        raise GraphError(f"{description.name} has no output {output!r}; it has {', '.join(outputs)}")
    index = 0 if output is None else outputs[output]
    source, unpacked = _read_weights(description)
    names = [next(iter(one.get_names()), "") for one in source.model.outputs]
    used = names[index] if len(names) > 1 and index < len(names) else None
    return Package(description, description.outputs[index], source, used, unpacked)


def _read_weights(description: Description) -> tuple[Source, tempfile.TemporaryDirectory | None]:
    path = description.weights
    if description.weights_format == "onnx":
        return read_onnx(path), None
    if description.weights_format == "keras_v3":
        return read_keras(path), None
    if description.weights_format == "keras_hdf5":
        return read_keras_h5(path), None
    unpacked = tempfile.TemporaryDirectory(prefix="maskserve-")
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(one.file_size for one in archive.infolist()) > LARGEST_BUNDLE:
                raise GraphError(f"{path.name} unpacks to more than {LARGEST_BUNDLE >> 30} GiB")
            archive.extractall(unpacked.name)
    except zipfile.BadZipFile:
        raise GraphError(f"{path.name} is not a zip file, or is cut off: download the model again") from None
    found = next(Path(unpacked.name).rglob("saved_model.pb"), None)
    if found is None:
        raise GraphError(f"{path.name} has no saved_model.pb in it, so it is not a SavedModel")
    return read_saved_model(found.parent), unpacked


def _array(path: Path) -> npt.NDArray:
    try:
        return np.asarray(np.load(path, allow_pickle=False))
    except (ValueError, EOFError, OSError) as error:
        raise GraphError(f"{path.name} is not a NumPy array ({error}): download the model again") from None


def _as_nhwc(array: npt.NDArray, axes: str) -> npt.NDArray:
    """The first picture of an array with those axes, as (1, H, W, C)."""
    if array.ndim != len(axes):
        raise GraphError(f"a test tensor has the shape {array.shape}, but its axes are {axes}")
    if "b" in axes:
        array, axes = array.take(0, axes.index("b")), axes.replace("b", "")
    if "c" not in axes:
        array, axes = array[..., np.newaxis], axes + "c"
    return array.transpose([axes.index(axis) for axis in "yxc"])[np.newaxis]
