"""Weight files: reads the layers of a Keras HDF5 file, of any version and session of Keras."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt

from model.families.mistaken_files import mistaken_for_a_model
from model.storage.problems import some

LayerWeights = Mapping[str, npt.NDArray]
"""One layer's arrays by their Keras names: kernel, bias, gamma, beta, moving_mean, moving_variance."""

CLASS_LAYERS = ("mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_mask")
"""The layers whose shape depends on the number of classes."""
WITHOUT_WEIGHTS = ("mrcnn_bbox", "anchors")
"""Ignored in files, as they are not the network's: Matterport's own examples exclude the first; forks for
TensorFlow 2 save the second as if it were learned, although anchors follow from the config."""
LAYER_NAME = re.compile(
    r"conv1|bn_conv1|(res|bn)[2-5][a-z]_branch(1|2[abc])|fpn_c[2-5]p[2-5]|fpn_p[2-5]"
    r"|rpn_(conv_shared|class_raw|bbox_pred)|mrcnn_(class_(conv|bn)[12]|class_logits|bbox_fc)"
    r"|mrcnn_mask(_(conv|bn)[1-4]|_deconv)?"
)
"""Matterport's names for the layers of a Mask R-CNN."""
SESSION_SUFFIX = re.compile(r"_\d+$")
"""The suffix that Keras adds if a layer or variable of that name already exists in the session."""
KERAS_1_VARIABLES = {
    "W": "kernel",
    "b": "bias",
    "running_mean": "moving_mean",
    "running_std": "moving_variance",  # Keras 1 stored the variance under this name
}
HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
READING_ERRORS = (OSError, RuntimeError, KeyError)
"""The errors that h5py raises if a file is missing or damaged."""
HEAD = 512  # bytes read from a file of another kind to recognise it


class WeightsError(ValueError):
    """A weight file does not fit the network, or the file is not a weight file."""


@dataclass(frozen=True)
class StoredLayer:
    """A layer with weights in a file.

    Attributes:
        name: Matterport's name, without a session's suffix; for other layers the name of the group.
        path: of its group in the file.
        arrays: its weights.
    """

    name: str
    path: str
    arrays: LayerWeights

    def is_called(self, names: Collection[str]) -> bool:
        """Whether `names` has the layer's name, its path, or the name of a model that contains it."""
        groups = self.path.split("/")
        return not {self.name, self.path, *groups, *map(_without_session, groups)}.isdisjoint(names)


def stored_layers(path: str | Path) -> list[StoredLayer]:
    """Every layer with weights in a file that Keras wrote, weights alone or a whole model.

    Raises:
        WeightsError: the file is missing, cut off, damaged, or of another kind.
    """
    path = Path(path)
    try:
        with h5py.File(path, "r") as file:
            weights = file.get("model_weights")  # the other groups are the optimizer's state
            weights = weights if isinstance(weights, h5py.Group) else file
            return [layer for layer in _layers(_arrays(weights)) if layer.name not in WITHOUT_WEIGHTS]
    except READING_ERRORS as error:
        raise WeightsError(_unreadable(path, error)) from None


def read_weights(path: str | Path, exclude: Collection[str] = ()) -> dict[str, LayerWeights]:
    """Every layer of a weight file that has weights, by layer name.

    Args:
        path: the file.
        exclude: names or paths of layers in the file, or names of models in it, to ignore.

    Raises:
        WeightsError: the file is missing or cannot be read, has two layers of one name, or holds values
            that are not finite; or `exclude` has a name that neither a Mask R-CNN nor the file has.
    """
    return by_name(stored_layers(path), exclude, Path(path).name)


def by_name(
    layers: Sequence[StoredLayer], exclude: Collection[str], file_name: str
) -> dict[str, LayerWeights]:
    """The weights of a file's `layers`, without those that `exclude` names; see `read_weights`."""
    _check_exclude(exclude, layers)
    kept = [layer for layer in layers if not layer.is_called(exclude)]
    _check_names(kept, file_name)
    _check_values(kept, file_name)
    return {layer.name: layer.arrays for layer in kept}


def layer_names(path: Path) -> list[str]:
    """The names of the groups in a weight file. Raises WeightsError if it cannot be read."""
    names: list[str] = []
    try:
        with h5py.File(path, "r") as file:
            file.visit(names.append)
    except READING_ERRORS as error:
        raise WeightsError(_unreadable(path, error)) from None
    return [_without_session(name.rpartition("/")[2]) for name in names]


def _arrays(weights: h5py.Group) -> dict[str, npt.NDArray]:
    """The numeric arrays below a group by their paths; each once, even if several links lead to it."""
    found: dict[str, npt.NDArray] = {}

    def keep(path: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset) and item.dtype.kind in "fiu":
            found[path] = item[()]

    weights.visititems(keep)
    return found


def _layers(arrays: Mapping[str, npt.NDArray]) -> Iterator[StoredLayer]:
    """The layers to which arrays with these paths belong."""
    by_place: dict[tuple[str, str], dict[str, npt.NDArray]] = {}  # by the layer's group and its path
    for group, paths in _groups(list(arrays), 0):
        name = _without_session(group.rpartition("/")[2])
        for path in paths:
            variable = _variable(path, name)
            twice = variable in by_place.get((group, group), {})  # kernel and kernel_1: two layers
            by_place.setdefault((group, path if twice else group), {})[variable] = arrays[path]
    for (group, place), variables in by_place.items():
        name = group.rpartition("/")[2]
        known = _without_session(name)
        is_known = LAYER_NAME.fullmatch(known) or known in WITHOUT_WEIGHTS
        yield StoredLayer(known if is_known else name, place, variables)


def _groups(paths: Sequence[str], depth: int) -> Iterator[tuple[str, list[str]]]:
    """The groups that are layers, with the paths of their arrays.

    A layer is the highest group with the name of a known layer. Groups below it are part of it (its name
    again, with a session's suffix, or the layer that TimeDistributed wraps), unless there are several
    variables of one name: then the group is a model with that name. For unknown names, the layer is the
    group that holds the arrays.
    """
    children: dict[str, list[str]] = {}
    for path in paths:
        parts = path.split("/")
        if len(parts) - 1 <= depth:  # an array of this group, which is not a known layer
            yield path.rpartition("/")[0] or parts[-1], [path]
        else:
            children.setdefault(parts[depth], []).append(path)
    for child, below in children.items():
        name = _without_session(child)
        variables = [_variable(path, name) for path in below]
        if LAYER_NAME.fullmatch(name) and len(set(variables)) == len(variables):
            yield "/".join(below[0].split("/")[: depth + 1]), below
        else:
            yield from _groups(below, depth + 1)


def _variable(path: str, layer: str) -> str:
    """Keras 2's name for the variable at `path`, which belongs to `layer`."""
    name = path.rpartition("/")[2].partition(":")[0]
    name = _without_session(name.removeprefix(f"{layer}_"))
    return KERAS_1_VARIABLES.get(name, name)


def _without_session(name: str) -> str:
    return SESSION_SUFFIX.sub("", name)


def _check_exclude(exclude: Collection[str], layers: Sequence[StoredLayer]) -> None:
    unknown = [
        name
        for name in exclude
        if not (LAYER_NAME.fullmatch(name) or name in WITHOUT_WEIGHTS)
        and not any(layer.is_called({name}) for layer in layers)
    ]
    if unknown:
        raise WeightsError(
            f"no layer to exclude is called {some(unknown)}: correct the name; the layers that depend on the "
            f"number of classes are {', '.join(CLASS_LAYERS)}"
        )


def _check_names(layers: Sequence[StoredLayer], file_name: str) -> None:
    paths: dict[str, list[str]] = {}
    for layer in layers:
        paths.setdefault(layer.name, []).append(layer.path)
    twice = {name: at for name, at in paths.items() if len(at) > 1}
    if twice:
        told = [f"{name} ({' and '.join(at)})" for name, at in twice.items()]
        others = [_model_of(path, name) for name, at in twice.items() for path in at[1:]]
        raise WeightsError(
            f"{file_name} has several layers with the same name: {some(told)}. Save the Mask R-CNN by "
            "itself, with model.keras_model.save_weights in a new session, or exclude the other layers, "
            f"such as --exclude {','.join(dict.fromkeys(others))}"
        )


def _model_of(path: str, layer: str) -> str:
    """The model in the file that contains the layer; the layer's path if there is none."""
    first = path.partition("/")[0]
    return path if first == layer else first


def _check_values(layers: Sequence[StoredLayer], file_name: str) -> None:
    broken = [
        layer.name for layer in layers if not all(np.isfinite(array).all() for array in layer.arrays.values())
    ]
    if broken:
        raise WeightsError(
            f"{file_name} has values that are not finite (NaN or infinity), so the network would find "
            f"nothing. Layers: {some(broken)}. The training diverged, or the file was damaged: use the "
            "weights of an earlier epoch"
        )


def _unreadable(path: Path, error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return f"{path.name}: there is no such file"
    if path.is_dir():
        return f"{path.name} is a folder: give the weight file (.h5) in it"
    if isinstance(error, PermissionError):
        return f"{path.name} cannot be read: no permission"
    with path.open("rb") as file:
        head = file.read(HEAD)
    if not head.startswith(HDF5_MAGIC):
        mistaken = mistaken_for_a_model(path.name, head)
        return mistaken or f"{path.name} is not a weight file: HDF5 (.h5) was expected"
    cut = re.search(r"truncated file: eof = (\d+),.* stored_eof = (\d+)", str(error))
    if cut:
        there, whole = map(int, cut.groups())
        return f"{path.name} is cut off: it has {there:,} of its {whole:,} bytes. Copy or download it again"
    return f"{path.name} is damaged inside ({error}): copy or download it again"
