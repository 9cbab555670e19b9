"""Int8: the stages of a model quantised, so that it loses no more than it may."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import openvino as ov

from model.engines.conversion import Models, save
from model.engines.openvino import OpenVINORunner, hint_for
from model.engines.quantization import Calibration, Int8Stage, quantize
from model.engines.stages import Floats
from model.families.family import Family
from model.publishing.gauge import Gauge
from model.publishing.layer_search import LayerSearch
from model.segmenter import Segmenter
from model.storage.manifest import Export

RANKING_PICTURES = 2
"""On so many is seen what a layer alone does: a few give nearly the order that all would."""
IMAGES_TO_CHOOSE_FROM = 12
LEAST_MEASUREMENTS = 4
"""With time for fewer, a search is not begun: two at its start, one at its end, and one between."""
SHARE_FOR_CALIBRATION = 0.4
"""Of the time that is left, for all stages; twice as much where NNCF goes through the pictures twice."""
PRECISION = "int8"

Made = tuple[Path, Export]
"""A folder with stages, and how they did."""


class Int8Maker:
    """A model on its way to int8."""

    def __init__(
        self,
        folder: Path,
        family: Family,
        reference: Segmenter,
        models: Models,
        images: Sequence[npt.NDArray[np.uint8]],
    ) -> None:
        """What int8 is made from.

        Args:
            folder: of the bundle.
            family: of the model.
            reference: the model, run by the engine that others are held to.
            models: its stages in full precision.
            images: uint8 (H, W, 3), RGB, such as will come.
        """
        manifest = reference.bundle.manifest
        self._folder = folder / "openvino"
        self._models = models
        self._images = images
        self._stages = family.stages(manifest)
        self._inputs_of = family.inputs_of(manifest, reference.runner)

    def make(
        self, gauge: Gauge, largest_picture: tuple[int, ...], until: float, *, controlled: bool
    ) -> Iterator[Made]:
        """Int8 stages, the plain ones first; if those lose too much, better ones when they are found.

        Args:
            gauge: what measures them.
            largest_picture: as for `OpenVINORunner.open`.
            until: when all must be done, as `time.monotonic` has it.
            controlled: whether to look for better ones; else the plain ones do, whatever they lose.
        """
        self._gauge, self._largest_picture = gauge, largest_picture
        seconds = SHARE_FOR_CALIBRATION * (until - time.monotonic()) / len(self._stages)
        calibration = Calibration(self._inputs_of, self._images, seconds)
        first, *heads = self._stages
        stage = Int8Stage(first, self._models[first.name], calibration)
        stages = {first.name: stage.compressed(), **quantize(heads, self._models, calibration)}
        began = time.monotonic()
        folder, plain = self._written("plain", stages)
        seconds = time.monotonic() - began
        if plain.passed:
            yield folder, plain
        elif not controlled:
            yield folder, plain.model_copy(update={"control": "off"})
        elif until - time.monotonic() < LEAST_MEASUREMENTS * seconds:
            yield folder, plain.model_copy(update={"control": "out of time"})
        else:
            yield folder, plain.model_copy(update={"control": "stopped"})  # unless more is made
            yield from self._controlled(stage, folder, plain, until, seconds)

    def _controlled(
        self, stage: Int8Stage, folder: Path, plain: Export, until: float, seconds: float
    ) -> Iterator[Made]:
        """Better ones than the plain ones in `folder`, whose measurement took so many seconds."""
        first, *heads = self._stages
        exact, allowed = self._models[first.name], self._gauge.largest_loss(PRECISION)
        lost_with = self._loss_behind(folder)
        least_lost = lost_with(exact)
        if heads and least_lost > allowed:  # no layer of the first stage can make up for the heads
            exact_heads = {head.name: self._models[head.name] for head in heads}
            folder, plain = self._written("exact-heads", {first.name: stage.compressed(), **exact_heads})
            yield folder, plain if plain.passed else plain.model_copy(update={"control": "stopped"})
            if plain.passed:
                return
            lost_with = self._loss_behind(folder)
            least_lost = lost_with(exact)
        if least_lost > allowed:
            yield folder, plain.model_copy(update={"control": "out of reach"})
            return
        search = LayerSearch(
            first.name,
            stage.layers,
            distance=self._distance_from(exact, stage, self._open(folder)),
            lost=lambda layers: lost_with(stage.with_exact(layers)),
            plain_lost=plain.lost or 0.0,
            largest_loss=allowed,
            seconds=until - time.monotonic() - seconds,  # the last measurement of all is kept back
            seconds_of_loss=seconds,
        )
        best = search.run()
        control = None if search.complete else "out of time"
        if best is None:
            yield folder, plain.model_copy(update={"control": control})
            return
        controlled = self._folder_for("controlled")
        shutil.copytree(folder, controlled)
        folder, made = self._written("controlled", {first.name: stage.compressed(best.exact)})
        yield folder, made.model_copy(update={"control": control, "exact_layers": len(best.exact)})

    def _loss_behind(self, folder: Path) -> Callable[[ov.Model], float]:
        """What the model loses with another first stage before the heads in a folder, run as it will be."""
        runner = self._open(folder)
        return lambda model: self._gauge.lost(runner.with_first(model, hint_for(PRECISION)))

    def _distance_from(
        self, exact: ov.Model, stage: Int8Stage, runner: OpenVINORunner
    ) -> Callable[[Collection[int]], float]:
        """How far a first stage with some layers exact is from the exact one.

        The mean square of the differences of its outputs, as a share of the mean square of each output.
        """
        pictures = self._alike_pictures()
        expected = [_outputs_of(runner.with_first(exact, "f32"), picture) for picture in pictures]

        def distance(layers: Collection[int]) -> float:
            candidate = runner.with_first(stage.with_exact(layers), "f32")
            shares = [
                _share_of_difference(ours, theirs)
                for picture, outputs in zip(pictures, expected, strict=True)
                for ours, theirs in zip(_outputs_of(candidate, picture), outputs, strict=True)
            ]
            return float(np.mean(shares))

        return distance

    def _alike_pictures(self) -> list[Floats]:
        """A few as the first stage gets them, of one shape, for which it need be compiled once."""
        name = self._stages[0].name
        some = self._images[:IMAGES_TO_CHOOSE_FROM]
        pictures = [inputs[0] for image in some if (inputs := self._inputs_of(name, image))]
        return [picture for picture in pictures if picture.shape == pictures[0].shape][:RANKING_PICTURES]

    def _written(self, name: str, models: Models) -> Made:
        """Stages written to the folder of that name, beside others that lie there, and how they do."""
        folder = self._folder_for(name)
        save(models, folder)
        return folder, self._gauge.export_of(self._open(folder))

    def _folder_for(self, name: str) -> Path:
        return self._folder / f"{PRECISION}.{name}"

    def _open(self, folder: Path) -> OpenVINORunner:
        return OpenVINORunner.open(folder, self._stages, PRECISION, self._largest_picture)


def _outputs_of(runner: OpenVINORunner, picture: Floats) -> list[Floats]:
    """All outputs of the first stage."""
    started = runner.start(picture)
    return [*started.outputs, *([started.kept()] if len(runner.stages) > 1 else [])]


def _share_of_difference(ours: Floats, theirs: Floats) -> float:
    mean_square = float(np.mean(np.square(theirs)))
    return float(np.mean(np.square(ours - theirs))) / max(mean_square, float(np.finfo(np.float32).tiny))
