"""Int8: makes the int8 stages of a model, so that its loss stays within the allowed limit."""

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
from model.publishing.agreement import AgreementGauge
from model.publishing.gauge import Gauge
from model.publishing.layer_search import LayerSearch
from model.segmenter import Segmenter
from model.storage.manifest import Export

RANKING_PICTURES = 2
"""The effect of each single layer is measured on this many: a few give nearly the same order as all."""
IMAGES_TO_CHOOSE_FROM = 12
LEAST_MEASUREMENTS = 4
"""A search needs time for this many: two at its start, one at its end, and one in between."""
SHARE_FOR_CALIBRATION = 0.4
"""The share of the remaining time for one pass of all stages through the pictures; NNCF may need two."""
PRECISION = "int8"

Made = tuple[Path, Export]
"""A folder with stages, and their measurement."""


class Int8Maker:
    """Makes and measures the int8 stages of one model."""

    def __init__(
        self,
        folder: Path,
        family: Family,
        reference: Segmenter,
        models: Models,
        images: Sequence[npt.NDArray[np.uint8]],
    ) -> None:
        """Prepare to make int8 stages.

        Args:
            folder: the folder of the bundle.
            family: the family of the model.
            reference: the model, run by the reference engine.
            models: the stages in full precision.
            images: typical images, uint8 (H, W, 3), RGB, to calibrate with.
        """
        manifest = reference.bundle.manifest
        self._folder = folder / "openvino"
        self._models = models
        self._images = images
        self._stages = family.stages(manifest)
        self._inputs_of = family.inputs_of(manifest, reference.runner)

    def make(
        self,
        gauge: Gauge | AgreementGauge,
        largest_picture: tuple[int, ...],
        until: float,
        *,
        controlled: bool,
    ) -> Iterator[Made]:
        """Yield int8 stages: first with every layer in int8 and, if these lose too much, better ones.

        Args:
            gauge: measures the stages.
            largest_picture: see `OpenVINORunner.open`.
            until: the end of the time limit, in `time.monotonic`.
            controlled: search for better stages; False: every layer becomes int8, whatever that loses.
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
            yield folder, plain.model_copy(update={"control": "stopped"})  # unless a better one follows
            yield from self._controlled(stage, folder, plain, until, seconds)

    def _controlled(
        self, stage: Int8Stage, folder: Path, plain: Export, until: float, seconds: float
    ) -> Iterator[Made]:
        """Yield better stages than the plain ones in `folder`, whose measurement took `seconds`."""
        first, *heads = self._stages
        exact, allowed = self._models[first.name], self._gauge.largest_loss(PRECISION)
        lost_with = self._loss_behind(folder)
        least_lost = lost_with(exact)
        if heads and least_lost > allowed:  # even an exact first stage cannot make up for the heads
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
            seconds=until - time.monotonic() - seconds,  # reserves time for the final measurement
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
        """Return a function from a first stage to the loss, measured with the heads in `folder`."""
        runner = self._open(folder)
        return lambda model: self._gauge.lost(runner.with_first(model, hint_for(PRECISION)))

    def _distance_from(
        self, exact: ov.Model, stage: Int8Stage, runner: OpenVINORunner
    ) -> Callable[[Collection[int]], float]:
        """Return a function from exact layers to the distance between that first stage and the exact one.

        The distance is the mean squared difference of each output, relative to that output's mean square.
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
        """Return a few inputs of the first stage, all of one shape, so that it is compiled only once."""
        name = self._stages[0].name
        some = self._images[:IMAGES_TO_CHOOSE_FROM]
        pictures = [inputs[0] for image in some if (inputs := self._inputs_of(name, image))]
        return [picture for picture in pictures if picture.shape == pictures[0].shape][:RANKING_PICTURES]

    def _written(self, name: str, models: Models) -> Made:
        """Write stages to a folder of that name, next to existing ones, and measure them."""
        folder = self._folder_for(name)
        save(models, folder)
        return folder, self._gauge.export_of(self._open(folder))

    def _folder_for(self, name: str) -> Path:
        return self._folder / f"{PRECISION}.{name}"

    def _open(self, folder: Path) -> OpenVINORunner:
        return OpenVINORunner.open(folder, self._stages, PRECISION, self._largest_picture)


def _outputs_of(runner: OpenVINORunner, picture: Floats) -> list[Floats]:
    """Return all outputs of the first stage."""
    started = runner.start(picture)
    return [*started.outputs, *([started.kept()] if len(runner.stages) > 1 else [])]


def _share_of_difference(ours: Floats, theirs: Floats) -> float:
    mean_square = float(np.mean(np.square(theirs)))
    return float(np.mean(np.square(ours - theirs))) / max(mean_square, float(np.finfo(np.float32).tiny))
