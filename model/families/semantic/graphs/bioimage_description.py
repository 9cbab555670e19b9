"""The description of a bioimage.io model: reads `rdf.yaml` of format 0.4 or 0.5 into one form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from model.families.graphs.recognition import BIOIMAGE_FILES
from model.families.graphs.source import GraphError
from model.families.semantic.graphs.bioimage_kwargs import check_kwargs
from model.storage.manifest import sha256_of

Values = Mapping[str, Any]
READABLE_WEIGHTS = ("onnx", "keras_v3", "keras_hdf5", "tensorflow_saved_model_bundle")
"""In the order in which they are preferred."""
LETTERS = {"batch": "b", "channel": "c", "index": "i", "time": "t"}


@dataclass(frozen=True)
class Step:
    """One step before or after the network; `kwargs["axes"]`, if given, is a string such as "xy"."""

    name: str
    kwargs: Values


@dataclass(frozen=True)
class Tolerance:
    """How far the test's output may be off; `per_million` of a million values may be off by more."""

    relative: float = 1e-3
    absolute: float = 1e-3
    per_million: float = 100


@dataclass(frozen=True)
class Tensor:
    """An input or output.

    Attributes:
        name: unique.
        axes: one letter each, such as "bcyx".
        sides: height and width: a fixed length, or (minimum, step), or None if it follows the input.
        dtype: of its values.
        value_range: least and largest value, if given.
        steps: before the network, or after it.
        test: the `.npy` file with a test's values.
        halo: pixels along the borders whose answer is less reliable.
        channel_names: if given.
    """

    name: str
    axes: str
    sides: tuple[int | tuple[int, int] | None, int | tuple[int, int] | None]
    dtype: str
    value_range: tuple[float | None, float | None]
    steps: Sequence[Step]
    test: Path | None
    halo: int
    channel_names: Sequence[str]


@dataclass(frozen=True)
class Description:
    """The description of the model in a bioimage.io folder."""

    folder: Path
    name: str
    about: Values
    input: Tensor
    outputs: Sequence[Tensor]
    weights_format: str
    weights: Path
    tolerances: Mapping[str, Tolerance]
    """Of each output's test, for the weights that are used."""


def read_description(folder: Path) -> Description:
    """Read the description in the folder of a bioimage.io model.

    Raises:
        GraphError: it is damaged, has another format, or describes a model that does not take pictures.
    """
    path = next(folder / name for name in BIOIMAGE_FILES if (folder / name).is_file())
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
        return _description(folder, values)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise GraphError(
            f"{folder.name}/{path.name} is not valid YAML: {' '.join(str(error).split())}"
        ) from None
    except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
        if isinstance(error, GraphError):
            raise
        raise GraphError(
            f"{folder.name}/{path.name} does not follow the format ({type(error).__name__}: {error}): check "
            "it with bioimageio.spec"
        ) from None


def _description(folder: Path, values: Any) -> Description:
    if not isinstance(values, dict) or values.get("type", "model") != "model":
        raise GraphError(f"{folder.name} does not describe a model")
    form = str(values.get("format_version", ""))
    if not form.startswith(("0.4", "0.5")):
        raise GraphError(
            f"{folder.name} has format_version {form or 'none'}, but only 0.4 and 0.5 can be read; "
            "bioimageio.spec can update older ones"
        )
    tensor = _Reader(folder, new=form.startswith("0.5")).tensor
    inputs, outputs = values["inputs"], values["outputs"]
    tests = [values.get(key) or [None] * len(inputs + outputs) for key in ("test_inputs", "test_outputs")]
    if len(inputs) != 1:
        names = ", ".join(str(one.get("id") or one.get("name")) for one in inputs)
        raise GraphError(f"{folder.name} takes {len(inputs)} inputs ({names}): only one is supported")
    if not outputs:
        raise GraphError(f"{folder.name} has no outputs: it needs one, a map of the picture")
    weights_format, weights = _weights(folder, values["weights"])
    given = [tensor(one, test, "postprocessing") for one, test in zip(outputs, tests[1], strict=False)]
    config = _mapping(values, "config")
    about = {
        "licence": str(values.get("license") or "unknown"),
        "description": " ".join(str(values.get("description") or values["name"]).split()),
        "source": f"bioimage.io: {values.get('id') or values['name']}",
    }
    return Description(
        folder=folder,
        name=folder.name,
        about=about,
        input=tensor(inputs[0], tests[0][0], "preprocessing"),
        outputs=given,
        weights_format=weights_format,
        weights=weights,
        tolerances={one.name: _tolerance(config, weights_format, one.name) for one in given},
    )


def _tolerance(config: Values, weights_format: str, output: str) -> Tolerance:
    own = _mapping(config, "bioimageio")
    for entry in _listed(own, "reproducibility_tolerance"):
        formats, outputs = entry.get("weights_formats"), entry.get("output_ids")
        if (not formats or weights_format in formats) and (not outputs or output in outputs):
            return Tolerance(
                float(entry.get("relative_tolerance", Tolerance.relative)),
                float(entry.get("absolute_tolerance", Tolerance.absolute)),
                float(entry.get("mismatched_elements_per_million", Tolerance.per_million)),
            )
    asked = _mapping(_mapping(own, "test_kwargs"), weights_format)
    if "decimal" in asked:
        return Tolerance(0.0, 1.5 * 10 ** -float(asked["decimal"]), 0)
    return Tolerance(
        float(asked.get("relative_tolerance", Tolerance.relative)),
        float(asked.get("absolute_tolerance", Tolerance.absolute)),
    )


def _mapping(values: Values, key: str) -> Values:
    """The mapping under `key`, empty if missing; raises TypeError if it is not a mapping."""
    found = values.get(key) or {}
    if not isinstance(found, Mapping):
        raise TypeError(f"{key} is {found!r}, not a mapping")
    return found


def _listed(values: Values, key: str) -> Sequence[Values]:
    """The mappings in the list under `key`, empty if missing; raises TypeError for anything else."""
    found = values.get(key) or []
    if not isinstance(found, list) or not all(isinstance(entry, Mapping) for entry in found):
        raise TypeError(f"{key} is {found!r}, not a list of mappings")
    return found


def _weights(folder: Path, entries: Values) -> tuple[str, Path]:
    for form in READABLE_WEIGHTS:
        if form in entries:
            path = file_in(folder, entries[form]["source"])
            expected = entries[form].get("sha256")
            if expected and sha256_of(path) != expected:
                raise GraphError(
                    f"{folder.name}/{path.name} is not the file in the description (its sha256 differs): "
                    "download the model again"
                )
            return form, path
    raise GraphError(
        f"{folder.name} has weights in the formats: {', '.join(entries) or 'none'}; only "
        f"{', '.join(READABLE_WEIGHTS)} can be read. With PyTorch, bioimageio.core's add_weights can add ONNX"
    )


def file_in(folder: Path, source: Any) -> Path:
    """The file in the folder that a description names; for a web address, the last part of its path."""
    words = str(source["source"] if isinstance(source, dict) else source)
    path = folder / (words.rpartition("/")[2] if "://" in words else words)
    if not path.resolve().is_relative_to(folder.resolve()):
        raise GraphError(f"{folder.name} names a file outside its folder: {words}")
    if not path.is_file():
        raise GraphError(f"{folder.name} lacks {words}: download the model with all of its files")
    return path


class _Reader:
    """Reads tensors in one of the two formats."""

    def __init__(self, folder: Path, *, new: bool) -> None:
        self.folder = folder
        self.new = new

    def tensor(self, values: Values, test: Any, steps: str) -> Tensor:
        letters = [self._letter(axis) for axis in values["axes"]]
        axes = "".join(letters)
        name = str(values.get("id") or values.get("name"))
        if set(axes) - set("bcyx") or not {"y", "x"} <= set(axes):
            raise GraphError(
                f"{self.folder.name}: {name} has the axes {axes}; pictures have only batch, channel, y and x"
            )
        test = (values.get("test_tensor") or {}) if self.new else test
        data = values.get("data") or {}
        data = data[0] if isinstance(data, list) else data
        low, high = (data.get("range") if self.new else values.get("data_range")) or (None, None)
        return Tensor(
            name=name,
            axes=axes,
            sides=(self._side(values, letters.index("y")), self._side(values, letters.index("x"))),
            dtype=str(data.get("type", "float32") if self.new else values.get("data_type", "float32")),
            value_range=(_finite(low), _finite(high)),
            steps=[self._step(step) for step in values.get(steps) or ()],
            test=file_in(self.folder, test) if test else None,
            halo=self._halo(values, letters),
            channel_names=self._channel_names(values),
        )

    def _letter(self, axis: Any) -> str:
        if not self.new:
            return str(axis)
        kind = axis["type"]
        return str(axis["id"]) if kind == "space" else LETTERS.get(kind, "?")

    def _side(self, values: Values, index: int) -> int | tuple[int, int] | None:
        if self.new:
            size = values["axes"][index].get("size")
            if isinstance(size, dict):
                return (int(size["min"]), int(size["step"])) if "step" in size else None
            return None if size is None else int(size)
        shape = values["shape"]
        if isinstance(shape, dict):
            return (int(shape["min"][index]), int(shape["step"][index])) if "min" in shape else None
        return int(shape[index])

    def _step(self, step: Values) -> Step:
        name = str(step.get("id") or step.get("name"))
        kwargs = {key: value for key, value in _mapping(step, "kwargs").items() if value is not None}
        axes = kwargs.get("axes")
        if isinstance(axes, list):
            kwargs["axes"] = "".join(LETTERS.get(str(axis), str(axis)) for axis in axes)
        check_kwargs(name, kwargs)
        return Step(name, kwargs)

    def _halo(self, values: Values, letters: Sequence[str]) -> int:
        if self.new:
            return max(int(axis.get("halo") or 0) for axis in values["axes"])
        halo = values.get("halo") or [0] * len(letters)
        return max(int(halo[letters.index(axis)]) for axis in "yx")

    def _channel_names(self, values: Values) -> Sequence[str]:
        if not self.new:
            return ()
        names = next(
            (axis.get("channel_names") for axis in values["axes"] if axis["type"] == "channel"), None
        )
        return [str(name) for name in names] if isinstance(names, list) else ()


def _finite(value: Any) -> float | None:
    number = float("nan") if value is None else float(value)
    return number if abs(number) < float("inf") else None
