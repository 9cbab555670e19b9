"""Exporting: a bundle's stages compiled for OpenVINO, in full precision and int8, and measured."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from model import catalog
from model.data import DataSet, Subset, evenly_spaced
from model.engines.conversion import Models, save
from model.engines.openvino import OpenVINORunner, precisions_of_processor
from model.engines.stages import Runner
from model.families.registry import family_named
from model.publishing.gauge import Gauge
from model.segmenter import Segmenter, load
from model.storage.manifest import Bundle, Export
from model.storage.writing import write_manifest

LARGEST_ERROR = 1e-2
"""Of the range of a first stage's answers: two engines in f32 that differ by more run different networks."""
TRIAL_SIDE = 256
"""Pixels: a picture of that size tells networks apart as well as the largest, in a tenth of the time."""
MOST_PICTURES = 200
"""More make int8 no better, and take minutes more."""
MINUTES = 25
"""After which all should be done."""
SHARE_OF_REFERENCE = 0.13
"""Of the time, to answer for the pictures: f32, bf16 and int8 are then measured on as many, and each takes
about as long or less. What remains is for making int8."""


class ExportError(ValueError):
    """The compiled stages cannot be had, or are not the network that they were made from."""


class Stopped(KeyboardInterrupt):
    """Ctrl-C while int8 was made: the model has been exported with what was made until then."""


def export(
    name: str,
    precisions: Sequence[str],
    pictures: DataSet | None = None,
    minutes: float = MINUTES,
    *,
    controlled: bool = True,
) -> Bundle:
    """Compile a model's stages into its bundle, which is then replaced as a whole.

    Args:
        name: of a bundle; a shipped one is exported to a copy in `model_dir`.
        precisions: of "f32", "bf16" and "int8". f32 is always made; bf16 is a way to run it, measured
            where the processor can.
        pictures: such as will come. Every second one calibrates int8, the others measure what a precision
            loses: against their labels or, where there are none, against the reference's answers.
        minutes: from now on, in which to be done: with fewer of the pictures where there is no time for all,
            and with the search for layers that must stay exact in int8 cut short. What cannot be left out (a
            few pictures, each stage once, the self-test) may take longer.
        controlled: whether to look for such layers; else all become int8, whatever that loses.

    Raises:
        ExportError: int8 without pictures; a resize mode without a largest picture.
        BundleError: the compiled stages fail the self-test.
        Stopped: Ctrl-C while int8 was made.
    """
    until = time.monotonic() + 60 * minutes
    if "int8" in precisions and (pictures is None or len(pictures) < 2):
        raise ExportError("int8 is calibrated with pictures such as will come: name some, --calibration DATA")
    family = family_named(catalog.find(name).manifest.family)
    reference = load(name, engine=family.reference_engine, precision="f32")
    with catalog.new_bundle(name) as folder:
        shutil.copytree(reference.bundle.folder, folder, dirs_exist_ok=True)
        exporter = _Exporter(reference, folder, pictures, until)
        Segmenter(reference.bundle, exporter.make_exact(precisions)).self_test()
        stopped = None
        if "int8" in precisions:
            try:
                exporter.make_int8(until, controlled=controlled)
            except KeyboardInterrupt as interrupt:
                stopped = interrupt
        exporter.finish()
    if stopped is not None:
        raise Stopped from stopped
    return catalog.find(name)


def compile_new(reference: Segmenter) -> Segmenter:
    """Compile the stages of a model that has just been made into its bundle, which nobody else finds yet.

    Returns:
        The model as its stages run in f32.

    Raises:
        ExportError: a resize mode without a largest picture; other answers than those of the reference.
    """
    exporter = _Exporter(reference, reference.bundle.folder, None)
    runner = exporter.make_exact(["bf16"])
    return Segmenter(exporter.finish(), runner)


def open_stages(bundle: Bundle, precision: str) -> OpenVINORunner:
    """The compiled stages of a bundle, in one of the precisions that it has, for few pictures."""
    stages = family_named(bundle.manifest.family).stages(bundle.manifest)
    return OpenVINORunner.open(bundle.stages_folder(precision), stages, precision, None)


class _Exporter:
    """A model on its way to compiled stages, in a folder that nobody else sees yet."""

    def __init__(
        self, reference: Segmenter, folder: Path, pictures: DataSet | None, until: float = math.inf
    ) -> None:
        """What is compiled, where, and what it is measured with.

        Args:
            reference: the model, run by its reference engine.
            folder: of a copy of it.
            pictures: to measure with; None: it is not measured.
            until: when all must be done, as `time.monotonic` has it.
        """
        manifest = reference.bundle.manifest
        self.bundle = Bundle(folder, manifest)
        self.reference = reference
        self.family = family_named(manifest.family)
        self.stages = self.family.stages(manifest)
        try:
            self.largest_picture = self.family.largest_picture(manifest)
        except ValueError as error:
            raise ExportError(f"the model {manifest.name} cannot be compiled: {error}") from None
        self.images: list[npt.NDArray[np.uint8]] = []
        self.gauge: Gauge | None = None
        if pictures is not None and len(pictures) > 1:
            some = evenly_spaced(pictures, MOST_PICTURES)
            self.images = [some[index].image for index in range(0, len(some), 2)]
            seconds = SHARE_OF_REFERENCE * (until - time.monotonic())
            self.gauge = Gauge(reference, Subset(some, range(1, len(some), 2)), seconds)
        # Not of the new folder: what is read lazily must not be written over.
        self.models: Models = self.family.graphs(reference.bundle, reference.runner)
        self._made: dict[str, Export] = {}
        self._int8: tuple[Path, Export] | None = None

    def make_exact(self, precisions: Sequence[str]) -> OpenVINORunner:
        """Write the stages in full precision, and see how they and bf16 do; what runs the first."""
        if self.family.reference_engine != "openvino":  # else they are what the reference runs
            save(self.models, self.bundle.stages_folder("f32"))
        runner = self._open("f32")
        _check_parity(self.reference.runner, runner, self._trial_picture())
        self._made["f32"] = self._measured("f32", runner)
        if "bf16" in precisions and "bf16" in precisions_of_processor():
            self._made["bf16"] = self._measured("bf16")
        return runner

    def make_int8(self, until: float, *, controlled: bool) -> None:
        """Write the stages in int8; where that harms, with the layers of the first that matter kept exact.

        What has been made and measured when it is interrupted stays.

        Args:
            until: when all must be done, as `time.monotonic` has it.
            controlled: whether to look for such layers; else all become int8.
        """
        from model.publishing.int8 import Int8Maker

        assert self.gauge is not None  # int8 has pictures
        maker = Int8Maker(self.bundle.folder, self.family, self.reference, self.models, self.images)
        for made in maker.make(self.gauge, self.largest_picture, until, controlled=controlled):
            self._int8 = made

    def finish(self) -> Bundle:
        """Put the int8 stages in their place, and write the manifest."""
        folder = self.bundle.stages_folder("int8")
        if self._int8 is not None:
            made, self._made["int8"] = self._int8
            shutil.rmtree(folder, ignore_errors=True)
            made.rename(folder)
        for left in folder.parent.glob(f"{folder.name}.*"):
            shutil.rmtree(left)
        values = self.bundle.manifest.model_dump(exclude={"files"})
        exports = {**values["exports"], **self._made}
        return write_manifest(self.bundle.folder, {**values, "exports": exports})

    def _measured(self, precision: str, runner: OpenVINORunner | None = None) -> Export:
        if self.gauge is not None:
            return self.gauge.export_of(runner or self._open(precision))
        # Where nothing is measured, what was measured or said before holds.
        before = {str(name): export for name, export in self.bundle.manifest.exports.items()}
        return before.get(precision, Export(passed=True))

    def _trial_picture(self) -> tuple[int, ...]:
        """The shape of a picture on which the compiled stages must agree with the reference."""
        if self.family.reference_engine != "tensorflow":  # its sizes may be fixed, or in steps of its own
            return self.largest_picture
        first, height, width, channels = self.largest_picture
        return first, min(height, TRIAL_SIDE), min(width, TRIAL_SIDE), channels

    def _open(self, precision: str) -> OpenVINORunner:
        folder = self.bundle.stages_folder(precision)
        largest = None if self.gauge is None else self.largest_picture  # of those to be measured with
        return OpenVINORunner.open(folder, self.stages, precision, largest)


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
