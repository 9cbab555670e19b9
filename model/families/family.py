"""Family: the interface of a kind of model, so that code outside its folder need not name it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from model.engines.stages import Runner, StageSpec
from model.results.result import Result, Task, Wishes
from model.stopwatch import Stopwatch
from model.storage.manifest import Bundle, Manifest
from model.training.plan import Plan
from model.training.prepared import Prepared
from model.training.recipe import Recipe
from model.training.run_json import Asked

if TYPE_CHECKING:
    import openvino as ov

Size = tuple[int, int]
"""(width, height) in pixels."""

Turn = Callable[[], AbstractContextManager[object]]
"""Returns a context manager to hold while a network computes; pictures that share it take turns by tile."""


class NoReference(ValueError):
    """The model has only compiled stages, which TensorFlow cannot run."""


class Predictor(Protocol):
    """A model that segments pictures."""

    def enough(self, size: Size) -> Size:
        """The (width, height) to which a picture of `size` may be reduced without a loss to the network."""

    def work(self, size: Size) -> int:
        """The number of pixels that the network processes for a picture of `size` (width, height).

        Counts all tiles, with enlargement and padding, but not the second look that some pictures get
        depending on what is found in them.

        Raises:
            UnsuitablePicture: the model cannot take a picture of that size.
        """

    def predict(
        self,
        image: npt.NDArray[np.uint8],
        wishes: Wishes,
        *,
        size: Size,
        stopwatch: Stopwatch,
        turn: Turn,
    ) -> Result:
        """Segment a picture.

        Args:
            image: uint8 (H, W, 3), RGB: the picture, or a reduced copy that `enough` allows.
            wishes: the options of the request.
            size: (width, height) of the picture; the result is in its pixels.
            stopwatch: measures the stages "infer" and "masks".
            turn: entered each time the network computes, for a tile or the whole picture; an exception that
                it raises ends the prediction.

        Raises:
            UnknownClass: `wishes` names a class that the model does not have; the message lists its classes.
            ValueError: `image` is smaller than `enough` allows, or larger than `size`.
        """

    def predict_each(
        self,
        image: npt.NDArray[np.uint8],
        wishes: Sequence[Wishes],
        *,
        size: Size,
        stopwatch: Stopwatch,
        turn: Turn,
    ) -> list[Result]:
        """As `predict`, for several requests about one picture; the network runs only once if it can."""


InputsOf = Callable[[str, npt.NDArray[np.uint8]], list[npt.NDArray] | None]
"""Maps a stage's name and an image, uint8 (H, W, 3), RGB, to the stage's inputs; None: it is not reached."""


@dataclass(frozen=True)
class Imported:
    """A model made from an imported file, not yet published under its name.

    Attributes:
        bundle: the model's folder and manifest.
        reference: its network, run by the reference engine of its family.
        summary: a description in a few words.
        sentences: the assumptions that were made, for the user to check.
    """

    bundle: Bundle
    reference: Runner
    summary: str
    sentences: tuple[str, ...] = ()


class ImportPart(Protocol):
    """A family's part of `python -m model import`; a module can serve as one."""

    def add_arguments(self, group: argparse._ArgumentGroup) -> list[argparse.Action]:
        """Add the options that only this family has; their defaults are None."""

    def recognises(self, path: Path) -> bool:
        """Whether a file or folder holds a model of this family."""

    def make(
        self,
        path: Path,
        folder: Path,
        arguments: argparse.Namespace,
        about: Mapping[str, Any],
        replaced: Manifest | None,
    ) -> Imported:
        """Make the bundle.

        Args:
            path: the file or folder that holds the model.
            folder: where to write the bundle.
            arguments: the command's arguments, this family's options and the common ones.
            about: manifest values.
            replaced: the manifest of the model of this family that the new one replaces. Options that are
                not given, and do not describe the weights, are taken from it.

        Raises:
            ValueError: the file is incomplete, or an option contradicts it; the message says what would fit.
        """


class Training(Protocol):
    """A family's part of `python -m model train`; a module can serve as one."""

    @property
    def CONFIG(self) -> type:  # noqa: N802  # a module's constant
        """The values that a recipe's `config` may have: a dataclass."""

    @property
    def PLAN(self) -> type[Plan]:  # noqa: N802
        """The values that a recipe's `plan` may have."""

    def add_arguments(self, group: argparse._ArgumentGroup) -> list[argparse.Action]:
        """Add the options that only this family has; their defaults are None."""

    def prepare(
        self,
        arguments: argparse.Namespace,
        recipe: Recipe,
        begun: Asked | None,
        published: Callable[[str], Bundle],
    ) -> Prepared:
        """Check the options and the data of a run, without importing Keras.

        Args:
            arguments: of the command: the common ones, those of `add_reading`, and this family's.
            recipe: the values of the configuration file.
            begun: the arguments of the run that is continued; None: a new run.
            published: returns the published model of a name, downloaded if necessary; raises ValueError if
                that fails.

        Raises:
            ValueError: an option is impossible, or the data cannot be used; the message says what would be
                right.
        """

    def package(self, run: Path, asked: Asked, folder: Path, about: Mapping[str, Any]) -> Imported:
        """Make a bundle from a training run.

        Args:
            run: the run folder; the best weights are taken, or the last if none are called the best.
            asked: the arguments of the run.
            folder: where to write the bundle.
            about: manifest values: name, version, licence, source, …

        Raises:
            ValueError: the run has no weights yet; the message says what to do.
        """


class Family(Protocol):
    """A kind of model.

    Attributes:
        name: the value of `family` in a bundle's model.json.
        task: the task of its models.
        importing: imports a model from a file; None: not supported.
        training: trains a model; None: not supported.
    """

    @property
    def name(self) -> str: ...

    @property
    def task(self) -> Task: ...

    @property
    def importing(self) -> ImportPart | None: ...

    @property
    def training(self) -> Training | None: ...

    def check(self, manifest: Manifest) -> None:
        """Raise ValueError, saying what would be right, if the manifest does not fit this family."""

    def input_policy(self, manifest: Manifest) -> dict[str, Any]:
        """How pictures are brought to the network's size, as shown to clients."""

    def stages(self, manifest: Manifest) -> Sequence[StageSpec]:
        """The stages that engines compile and run."""

    def largest_picture(self, manifest: Manifest) -> tuple[int, ...]:
        """The shape (1, H, W, C) of the largest picture that the first stage will see.

        Raises:
            ValueError: the size of pictures has no limit.
        """

    def reference_engine(self, manifest: Manifest) -> Literal["tensorflow", "openvino"]:
        """The engine whose answers other engines and precisions are compared with."""

    def reference(self, bundle: Bundle, threads: int | None = None) -> Runner:
        """The network, run by TensorFlow from the bundle's weights, as a reference for other engines.

        Raises:
            ModuleNotFoundError: TensorFlow is not installed.
            NoReference: the bundle has compiled stages only.
        """

    def graphs(self, bundle: Bundle, reference: Runner) -> dict[str, ov.Model]:
        """The stages by name as OpenVINO models in full precision, ready to compile."""

    def predictor(self, manifest: Manifest, runner: Runner) -> Predictor:
        """The model, run by `runner`."""

    def inputs_of(self, manifest: Manifest, reference: Runner) -> InputsOf:
        """The stages' inputs when `reference` runs them, for int8 calibration."""

    def import_file(
        self,
        path: Path,
        folder: Path,
        name: str,
        classes: list[str],
        wanted: Mapping[str, Any],
        about: Mapping[str, Any],
    ) -> Imported:
        """Make a bundle from a model file.

        Args:
            path: the file or folder.
            folder: where to write the bundle.
            name: of the bundle.
            classes: class names, background first.
            wanted: values of the family's config that the file does not contain.
            about: manifest values: licence, source, threshold, …

        Raises:
            ValueError: the file is incomplete, or `wanted` contradicts it; the message says what would fit.
        """
