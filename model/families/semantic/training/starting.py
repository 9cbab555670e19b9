"""Starting: the weights from which a semantic model is trained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model.storage.manifest import Bundle
from model.storage.problems import some

if TYPE_CHECKING:
    import keras

    from model.families.semantic.training.weights import Stored
    from model.families.semantic.unet_config import UNetConfig

FAMILY = "semantic"
IMAGENET = "imagenet"
TRAINED = "model.weights.h5"
"""The file of a bundle's weights from which training can continue."""
MOBILENET_URL = (
    "https://storage.googleapis.com/tensorflow/keras-applications/mobilenet/mobilenet_7_5_224_tf_no_top.h5"
)


@dataclass(frozen=True)
class Start:
    """The weights that training starts from.

    Attributes:
        weights: --weights or --continue-from as given; for files, with their whole path; empty: random.
        path: the file; None: none, or Keras' own.
        stored: its content, if it is of a U-Net; None: random, or weights of the encoder alone.
    """

    weights: str = ""
    path: Path | None = None
    stored: Stored | None = None

    @property
    def config(self) -> dict[str, Any]:
        """Of the network that the weights are of; empty if they do not say."""
        return dict(self.stored.config) if self.stored else {}

    @property
    def classes(self) -> tuple[str, ...]:
        """Of that network, the background first; empty if the weights do not say."""
        return self.stored.classes if self.stored else ()


def start_of(weights: str | None, continue_from: str | None, published: Callable[[str], Bundle]) -> Start:
    """The start of a run; reads the file, but does not import Keras.

    Args:
        weights: "imagenet" or a file; None: not given.
        continue_from: the name of a model; None: not given.
        published: returns the published model of a name.

    Raises:
        ValueError: there is no such file or model, or it cannot be used.
    """
    if continue_from:
        bundle = published(continue_from)
        manifest = bundle.manifest
        if manifest.family != FAMILY:
            raise ValueError(
                f"--continue-from {continue_from} is not a semantic model: its task is {manifest.task}, so "
                "give that --task"
            )
        if TRAINED not in manifest.files:
            raise ValueError(
                f"--continue-from {continue_from}: this model has compiled stages only, which cannot be "
                "trained; name a model that was made from a training run"
            )
        return _of_file(continue_from, bundle.folder / TRAINED)
    if not weights:
        return Start()
    if weights == IMAGENET:
        return Start(IMAGENET)
    path = Path(weights)
    if not path.is_file():
        raise ValueError(f"--weights {weights}: there is no such file; give a file, or imagenet")
    return _of_file(str(path.resolve()), path)


def check_start(start: Start, encoder: str, freeze_encoder: bool | int) -> None:
    """Raise ValueError if the weights do not suit the network, as far as that is known without Keras."""
    for_encoder = start.weights and start.stored is None
    if for_encoder and encoder != "mobilenet":
        what = IMAGENET if start.weights == IMAGENET else Path(start.weights).name
        raise ValueError(
            f"--weights {what} are those of MobileNet, and the encoder is {encoder}: use --encoder "
            "mobilenet, or omit --weights"
        )
    if freeze_encoder and not start.weights:
        raise ValueError(
            "freeze_encoder would keep an encoder with random weights: give --weights, such as imagenet, or "
            "omit freeze_encoder"
        )


def network_of(start: Start, config: UNetConfig, classes: Sequence[str]) -> tuple[keras.Model, list[str]]:
    """The U-Net that training starts from, and sentences about its weights.

    Args:
        start: the weights.
        config: of the network.
        classes: of the data, the background first.

    Raises:
        ValueError: the weights are of another network, or cannot be downloaded.
    """
    from model.families.semantic.training.weights import fill
    from model.families.semantic.unet import build_unet

    if not start.weights:
        return build_unet(config), ["All layers start with random weights."]
    if start.stored is None:
        path = start.path or _imagenet_file()
        network = build_unet(config, encoder_weights=path)
        return network, [f"The encoder starts from {path.name}, the decoder with random weights."]
    assert start.path is not None
    network = build_unet(config)
    if fill(network, start.stored, start.path.name):
        note = f"All layers start from {start.path.name}."
    else:
        note = f"All layers but the last start from {start.path.name}."
    if start.stored.classes != tuple(classes):
        before, now = some(start.stored.classes[1:]), some(list(classes[1:]))
        note += f" Its classes are {before}, those of the data {now}."
    return network, [note]


def _of_file(weights: str, path: Path) -> Start:
    from model.families.semantic.training.weights import read_weights

    stored = read_weights(path)
    if stored.arrays and not stored.config:  # MobileNet's files have layers in groups of groups
        raise ValueError(
            f"--weights {path.name} holds the weights of another kind of model: give those of a semantic "
            "run, or MobileNet's, or imagenet"
        )
    return Start(weights, path, stored if stored.config else None)


def _imagenet_file() -> Path:
    """Keras' own file, downloaded once to ~/.keras/models."""
    import keras

    try:
        return Path(keras.utils.get_file(Path(MOBILENET_URL).name, MOBILENET_URL, cache_subdir="models"))
    except Exception as error:  # Keras raises a plain Exception if the download fails
        raise ValueError(
            f"the ImageNet weights of MobileNet cannot be downloaded ({error}): check the network and repeat "
            f"the command, or download {MOBILENET_URL} elsewhere and give it with --weights FILE"
        ) from error
