"""Exporting: a bundle's stages compiled for OpenVINO, in full precision and int8, and measured."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from model import catalog
from model.data import DataSet, Subset, evenly_spaced
from model.engines.conversion import Models, save
from model.engines.openvino import OpenVINORunner, precisions_of_processor
from model.engines.stages import Runner
from model.families.registry import family_named
from model.gauge import Gauge
from model.manifest import Bundle, Export
from model.segmenter import Segmenter, load

LARGEST_ERROR = 1e-2
"""Of the range of a first stage's answers: two engines in f32 that differ by more run different networks."""
TRIAL_SIDE = 256
"""Pixels: a picture of that size tells networks apart as well as the largest, in a tenth of the time."""
MOST_PICTURES = 200
"""More make int8 no better, and take minutes more."""


class ExportError(ValueError):
    """The compiled stages cannot be had, or are not the network that they were made from."""


def export(name: str, precisions: Sequence[str], pictures: DataSet | None = None) -> Bundle:
    """Compile a model's stages into its bundle, which is then replaced as a whole.

    Args:
        name: of a bundle; a shipped one is exported to a copy in `model_dir`.
        precisions: of "f32", "bf16" and "int8". f32 is always made; bf16 is a way to run it, measured
            where the processor can.
        pictures: such as will come. Every second one calibrates int8, the others measure what a precision
            loses: against their labels or, where there are none, against the reference's answers.

    Raises:
        ExportError: int8 without pictures; a resize mode without a largest picture.
    """
    if "int8" in precisions and (pictures is None or len(pictures) < 2):
        raise ExportError("int8 is calibrated with pictures such as will come: name some, --calibration DATA")
    family = family_named(catalog.find(name).manifest.family)
    reference = load(name, engine=family.reference_engine, precision="f32")
    manifest = reference.bundle.manifest
    try:
        family.largest_picture(manifest)
    except ValueError as error:
        raise ExportError(f"the model {name} cannot be compiled: {error}") from None
    with catalog.new_bundle(name) as folder:
        shutil.copytree(reference.bundle.folder, folder, dirs_exist_ok=True)
        exports = _Exporter(Bundle(folder, manifest), reference, pictures).make(precisions)
        values = manifest.model_dump(exclude={"files"})
        catalog.write_manifest(folder, {**values, "exports": {**manifest.exports, **exports}})
    return catalog.find(name)


class _Exporter:
    """A model on its way to compiled stages, in a folder that nobody else sees yet."""

    def __init__(self, bundle: Bundle, reference: Segmenter, pictures: DataSet | None) -> None:
        self.bundle = bundle
        self.reference = reference
        self.family = family_named(bundle.manifest.family)
        self.stages = self.family.stages(bundle.manifest)
        self.largest_picture = self.family.largest_picture(bundle.manifest)
        self.images: list[npt.NDArray[np.uint8]] = []
        self.gauge: Gauge | None = None
        if pictures is not None and len(pictures) > 1:
            some = evenly_spaced(pictures, MOST_PICTURES)
            self.images = [some[index].image for index in range(0, len(some), 2)]
            self.gauge = Gauge(reference, Subset(some, range(1, len(some), 2)))

    def make(self, precisions: Sequence[str]) -> dict[str, Export]:
        """Write the stages; how each precision did."""
        # Not of the new folder: what is read lazily must not be written over.
        models = self.family.graphs(self.reference.bundle, self.reference.runner)
        if self.family.reference_engine != "openvino":  # else they are what the reference runs
            save(models, self.bundle.stages_folder("f32"))
        runner = self._open("f32")
        _check_parity(self.reference.runner, runner, self._trial_picture())
        exports = {"f32": self._measured(runner)}
        if "bf16" in precisions and "bf16" in precisions_of_processor():
            exports["bf16"] = self._measured(self._open("bf16"))
        if "int8" in precisions and self.gauge is not None:
            exports["int8"] = self._quantized(models, self.gauge)
        return exports

    def _quantized(self, models: Models, gauge: Gauge) -> Export:
        """Write the stages in int8; where that harms, with the layers of the first that matter kept exact."""
        from model.engines.quantization import Calibration, quantize, quantize_with_control

        folder = self.bundle.stages_folder("int8")
        inputs_of = self.family.inputs_of(self.bundle.manifest, self.reference.runner)
        calibration = Calibration(inputs_of, self.images)
        save(quantize(self.stages, models, calibration), folder)
        plain = self._measured(self._open("int8"))
        if plain.passed:
            return plain
        exact = self._open("int8", hint="f32")
        first = self.stages[0]
        controlled = quantize_with_control(
            first,
            models[first.name],
            calibration,
            score=lambda model: 1 - gauge.lost(exact.with_first(model)),
            largest_loss=gauge.largest_loss("int8"),
        )
        save({first.name: controlled}, folder)
        return self._measured(self._open("int8"))

    def _measured(self, runner: Runner) -> Export:
        if self.gauge is None:  # what was measured or said before holds
            before = {str(name): export for name, export in self.bundle.manifest.exports.items()}
            return before.get(runner.precision, Export(passed=True))
        lost = self.gauge.lost(runner)
        return Export(
            passed=lost <= self.gauge.largest_loss(runner.precision),
            pictures=len(self.gauge.pictures),
            against="labels" if self.gauge.labelled else "reference",
            **{f"{self.gauge.measure}_lost": round(lost, 4)},
        )

    def _trial_picture(self) -> tuple[int, ...]:
        """The shape of a picture on which the compiled stages must agree with the reference."""
        if self.family.reference_engine != "tensorflow":  # its sizes may be fixed, or in steps of its own
            return self.largest_picture
        first, height, width, channels = self.largest_picture
        return first, min(height, TRIAL_SIDE), min(width, TRIAL_SIDE), channels

    def _open(self, precision: str, hint: str | None = None) -> OpenVINORunner:
        folder = self.bundle.stages_folder(precision)
        largest = None if self.gauge is None else self.largest_picture  # of those to be measured with
        return OpenVINORunner.open(folder, self.stages, precision, largest, hint)


def _check_parity(reference: Runner, runner: Runner, picture_shape: tuple[int, ...]) -> None:
    """Raise ExportError unless the first stage answers the same for noise in both."""
    noise = np.random.default_rng(0).uniform(-128, 128, picture_shape).astype(np.float32)
    for ours, theirs in zip(runner.start(noise).outputs, reference.start(noise).outputs, strict=True):
        error = float(np.abs(ours - theirs).max() / max(np.ptp(theirs), np.finfo(np.float32).eps))
        if not error <= LARGEST_ERROR:
            raise ExportError(
                f"the compiled {runner.stages[0].name} differs from the reference by {error:.1%} of its "
                "range: this version of OpenVINO does not run this network right"
            )
