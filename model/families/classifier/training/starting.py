"""Starting: the weights that the training of a classifier starts from, and the config that they determine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model.families.classifier.config import NetworkName
from model.families.classifier.weights import HEAD, LayerWeights, WeightsError, fill, network_in, read_weights
from model.storage.manifest import Bundle
from model.storage.problems import some
from model.training import run_json

if TYPE_CHECKING:
    from model.families.classifier.network import ClassifierNetwork

IMAGENET = "imagenet"


@dataclass(frozen=True)
class Start:
    """The weights that training starts from.

    Attributes:
        weights: the name or the file, as given; empty: random.
        stored: the layers of the file; empty also for "imagenet", which is read later.
        config: values of the config that the weights determine.
        classes: the class names of the head in `stored`; empty if they are unknown, or there is none.
        source: the file or model in messages.
    """

    weights: str = ""
    stored: Mapping[str, LayerWeights] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    classes: Sequence[str] = ()
    source: str = ""


def start_of(weights: str | None, continue_from: str | None, published: Callable[[str], Bundle]) -> Start:
    """The start that --weights or --continue-from asks for.

    Raises:
        WeightsError: the file cannot be used, or the model is not a classifier.
        ValueError: there is no such model.
    """
    if continue_from:
        manifest = (bundle := published(continue_from)).manifest
        if manifest.family != "classifier":
            raise WeightsError(
                f"{manifest.name} is not a classifier: its task is {manifest.task}, so give that --task"
            )
        if bundle.weights_path.suffix != ".h5":
            raise WeightsError(
                f"--continue-from {manifest.name}: this model has compiled stages only, which cannot be "
                "trained; give --weights RUN/best.weights.h5 of the run that it was made from, or start "
                "anew with --weights imagenet"
            )
        start = _start_from_file(str(bundle.weights_path))
        return replace(start, config=dict(manifest.config), classes=manifest.classes, source=manifest.name)
    if not weights:
        return Start()
    if weights == IMAGENET:
        return Start(IMAGENET)
    return _with_run_beside(_start_from_file(weights))


def load_start(start: Start, network: ClassifierNetwork, classes: Sequence[str], frozen: int) -> list[str]:
    """Fill the network, and return sentences about what started how.

    Args:
        start: the weights.
        network: to be trained.
        classes: of the data.
        frozen: how many layers, from the picture on, will not learn.

    Raises:
        WeightsError: the weights do not fit; or a layer would start with random weights and not learn.
    """
    if not start.weights:
        if frozen:
            raise WeightsError(
                f"freeze would keep {frozen} layers at random weights: start from --weights imagenet or "
                "FILE, or omit freeze"
            )
        return ["All layers start with random weights."]
    if start.weights == IMAGENET:
        from model.families.classifier.imagenet import published_weights

        path = published_weights(network.config.network)
        fill(network.base, read_weights(path), path.name)
        return [f"{len(network.base)} layers start from ImageNet, and {HEAD} with random weights."]
    fill(network.base, start.stored, start.source)
    if HEAD not in start.stored:
        return [f"{len(network.base)} layers start from {start.source}, and {HEAD} with random weights."]
    head = network.model.get_layer(HEAD)
    known = list(start.classes)
    if known == list(classes) or (not known and start.stored[HEAD]["bias"].shape == (len(classes),)):
        fill([head], start.stored, start.source)
        return [f"All {len(network.base) + 1} layers start from {start.source}."]
    theirs = some(known) if known else f"{len(start.stored[HEAD]['bias'])} in number"
    return [
        f"The classes of {start.source} are {theirs}, the data's are {some(classes)}: {HEAD} starts with "
        "random weights."
    ]


def _start_from_file(weights: str) -> Start:
    stored = read_weights(Path(weights))
    network: NetworkName | None = network_in(stored)
    return Start(weights, stored, {"network": network}, (), Path(weights).name)


def _with_run_beside(start: Start) -> Start:
    """The start with the config and the classes of the run that made the weights, if any."""
    folder = Path(start.weights).parent
    try:
        asked = run_json.read(folder) or {}
    except run_json.RunError as error:
        raise ValueError(f"{error}; or move {start.source} to a separate folder") from None
    if asked.get("task") != "classify":
        return start
    return replace(start, config={**asked["config"], **start.config}, classes=asked["classes"])
