"""Loading: fills the network from a weight file, and never does so silently in part."""

from __future__ import annotations

import os
import warnings
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from model.families.mask_rcnn.weight_files import (
    CLASS_LAYERS,
    LAYER_NAME,
    WeightsError,
    by_name,
    stored_layers,
)
from model.families.mask_rcnn.weights import fill
from model.storage.problems import some
from mrcnn.weights.layout import AFTER_THE_BACKBONE, RPN_LAYERS, RPN_MODEL

if TYPE_CHECKING:
    import keras

WITHOUT_WEIGHTS = ("ROI", "anchors", "mrcnn_class", "mrcnn_bbox", "mrcnn_detection", "rpn_class", "rpn_bbox")
"""The library's layers that hold no weights: to exclude them changes nothing."""


class PartlyLoaded(UserWarning):
    """A weight file filled only some of the network's layers."""


def load(
    layers: Sequence[keras.Layer],
    path: str | os.PathLike[str],
    only_common: bool,
    exclude: Iterable[str] = (),
) -> None:
    """Fill layers from a file that Keras wrote, weights alone or a whole model; on an error nothing changes.

    Args:
        layers: of the network.
        path: of the file.
        only_common: fill the layers that both have, and warn of the others; False: both must have the same.
        exclude: names of layers that stay as they are.

    Raises:
        WeightsError: the file cannot be read, has no layer in common with the network, or one of another
            shape; or it has others, and `only_common` is false; or there is no layer to exclude.
    """
    file = _checked(path)
    in_file = stored_layers(file)
    left_as_they_are = _excluded(exclude)
    # Names that only the network has may be excluded too, if its backbone is the user's own.
    known = [name for name in left_as_they_are if LAYER_NAME.fullmatch(name) or _is_stored(name, in_file)]
    unknown = set(left_as_they_are) - set(known) - {layer.name for layer in layers}
    stored = by_name(in_file, [*known, *sorted(unknown)], file.name)  # which raises an error for the unknown
    wanted = [layer for layer in layers if layer.name not in left_as_they_are]
    common = {layer.name for layer in wanted} & stored.keys()
    if not common:
        raise WeightsError(_nothing_in_common(file, [layer.name for layer in wanted], list(stored)))
    if only_common:
        fill([layer for layer in wanted if layer.name in common], {n: stored[n] for n in common}, file.name)
        _warn_of_the_others(file, [layer.name for layer in wanted], list(stored))
    else:
        fill(wanted, stored, file.name)


def _checked(path: str | os.PathLike[str]) -> Path:
    if path is None:
        raise WeightsError("load_weights got None instead of a path: give the path of a weight file (.h5)")
    if len(os.fspath(path)) == 1 and not Path(path).is_file():
        raise WeightsError(
            f"load_weights got the single letter {os.fspath(path)!r}: model.find_last() returns the path "
            "itself, so leave out [1]"
        )
    return Path(path)


def _excluded(names: Iterable[str]) -> tuple[str, ...]:
    if isinstance(names, str):
        raise WeightsError(f"exclude={names!r} is a string: give a list of layer names, such as [{names!r}]")
    listed = [name for name in names if name not in WITHOUT_WEIGHTS]
    return tuple(part for name in listed for part in (RPN_LAYERS if name == RPN_MODEL else (name,)))


def _is_stored(name: str, in_file: Sequence) -> bool:
    return any(layer.is_called({name}) for layer in in_file)


def _nothing_in_common(file: Path, wanted: Sequence[str], stored: Sequence[str]) -> str:
    if any(name.startswith("conv4_block") for name in stored):
        return (
            f"{file.name} is a ResNet under the names of keras.applications, which no layer here has: use "
            "model.get_imagenet_weights(), which gives it the names of this network"
        )
    if not stored:
        return f"{file.name} holds no weights that are to be loaded: nothing was changed"
    return (
        f"{file.name} has none of the network's layers, so nothing was changed. Its layers: {some(stored)}; "
        f"the network's: {some(wanted)}"
    )


def _warn_of_the_others(file: Path, wanted: Sequence[str], stored: Collection[str]) -> None:
    lacking = [name for name in wanted if name not in stored]
    left_over = [name for name in stored if name not in wanted]
    if not lacking and not left_over:
        return
    told = [f"{file.name} fills {len(wanted) - len(lacking)} of {len(wanted)} layers."]
    if set(lacking) == set(AFTER_THE_BACKBONE):
        told.append("It is a backbone: the rest keeps the weights that it has, and needs training.")
    elif lacking:
        told.append(f"These keep the weights that they have: {_named(lacking)}.")
    if left_over:
        told.append(f"The network does not have these layers of the file: {_named(left_over)}.")
    if set(lacking) & set(CLASS_LAYERS) or (lacking and left_over):
        told.append("Compare BACKBONE and the file's origin if you did not expect this.")
    warnings.warn(" ".join(told), PartlyLoaded, stacklevel=4)


def _named(names: Sequence[str]) -> str:
    return ", ".join(names)
