"""Family: what a kind of model gives, so that everything outside its folder can do without its name."""

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

if TYPE_CHECKING:
    import openvino as ov

Size = tuple[int, int]
"""(width, height) in pixels."""

Turn = Callable[[], AbstractContextManager[object]]
"""Gives what is held while a network computes: where several pictures share it, they take turns by tile."""


class NoReference(ValueError):
    """A model that TensorFlow cannot run: all there is are its compiled stages."""


class Predictor(Protocol):
    """A model that answers for pictures."""

    def enough(self, size: Size) -> Size:
        """To what (width, height) a picture of `size` may be reduced without a loss to the network."""

    def work(self, size: Size) -> int:
        """How many pixels the network sees of a picture of `size` (width, height).

        Those of all tiles, enlargement and padding included; without a second look, which some pictures get
        for what is found in them.

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
        """What is in a picture.

        Args:
            image: uint8 (H, W, 3), RGB: the picture, or a reduced copy that `enough` allows.
            wishes: what the caller asks for.
            size: (width, height) of the picture; the result is in its pixels.
            stopwatch: measures the stages "infer" and "masks".
            turn: entered each time that the network computes, for a tile or the whole picture; what it raises
                ends the work.

        Raises:
            UnknownClass: `wishes` names a class that the model does not know; says which it knows.
            ValueError: `image` is no copy that `enough` allows.
        """


InputsOf = Callable[[str, npt.NDArray[np.uint8]], list[npt.NDArray] | None]
"""From the name of a stage and an image, uint8 (H, W, 3), RGB, to what reaches that stage; None: nothing."""


@dataclass(frozen=True)
class Imported:
    """A model that was made from somebody's file, and that nobody else finds yet.

    Attributes:
        bundle: the model's folder and manifest.
        reference: its network, run by the reference engine of its family.
        summary: what it is, in a few words.
        sentences: what was assumed of it, to be checked.
    """

    bundle: Bundle
    reference: Runner
    summary: str
    sentences: tuple[str, ...] = ()


class ImportPart(Protocol):
    """A family's part of `python -m model import`; a module can be one."""

    def add_arguments(self, group: argparse._ArgumentGroup) -> list[argparse.Action]:
        """Add the options of this family alone; their defaults are None."""

    def recognises(self, path: Path) -> bool:
        """Whether a file, or folder, holds a model of this family."""

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
            path: the file, or folder, that holds the model.
            folder: where to write the bundle.
            arguments: what was asked, this family's options and those of all.
            about: manifest values.
            replaced: of the model of this family whose place the new one takes: what is not asked, and says
                nothing of the weights, is as there.

        Raises:
            ValueError: the file is not whole, or something asked contradicts it; says what would fit.
        """


class Training(Protocol):
    """A family's part of `python -m model train`; a module can be one."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the family's own arguments."""

    def run(self, arguments: argparse.Namespace, published: Callable[[str], Bundle]) -> int:
        """Train; the exit status.

        Args:
            arguments: what was asked.
            published: the published model of a name, fetched if it is not there; raises ValueError where that
                cannot be done.
        """


class Family(Protocol):
    """A kind of model.

    Attributes:
        name: as `family` in a bundle's model.json.
        task: of its models.
        importing: how one is made from somebody's file; None: not here.
        training: how one is trained; None: not here.
        reference_engine: what runs the network to which other engines and precisions are held.
    """

    @property
    def name(self) -> str: ...

    @property
    def task(self) -> Task: ...

    @property
    def importing(self) -> ImportPart | None: ...

    @property
    def training(self) -> Training | None: ...

    @property
    def reference_engine(self) -> Literal["tensorflow", "openvino"]: ...

    def check(self, manifest: Manifest) -> None:
        """Raise ValueError, saying what would be right, unless the manifest makes a model of this family."""

    def input_policy(self, manifest: Manifest) -> dict[str, Any]:
        """How pictures are brought to the network's size, for callers who want to know."""

    def stages(self, manifest: Manifest) -> Sequence[StageSpec]:
        """What engines compile and run."""

    def largest_picture(self, manifest: Manifest) -> tuple[int, ...]:
        """The shape (1, H, W, C) of the largest picture that the first stage will see.

        Raises:
            ValueError: there is none.
        """

    def reference(self, bundle: Bundle, threads: int | None = None) -> Runner:
        """The network run by TensorFlow from the bundle's weights, to which other engines are held.

        Raises:
            ModuleNotFoundError: TensorFlow is not installed.
            NoReference: the bundle has compiled stages only.
        """

    def graphs(self, bundle: Bundle, reference: Runner) -> dict[str, ov.Model]:
        """The stages by name as OpenVINO models, in full precision, to be compiled from."""

    def predictor(self, manifest: Manifest, runner: Runner) -> Predictor:
        """The model, run by `runner`."""

    def inputs_of(self, manifest: Manifest, reference: Runner) -> InputsOf:
        """What reaches the stages when `reference` runs them, for int8 to be made from."""

    def import_file(
        self,
        path: Path,
        folder: Path,
        name: str,
        classes: list[str],
        wanted: Mapping[str, Any],
        about: Mapping[str, Any],
    ) -> Imported:
        """Make a bundle from a file of somebody's.

        Args:
            path: the file, or folder.
            folder: where to write the bundle.
            name: of the bundle.
            classes: class names, background first.
            wanted: values of the family's config that the file cannot tell.
            about: manifest values: licence, source, threshold, …

        Raises:
            ValueError: the file is not whole, or something wanted contradicts it; says what would fit.
        """
