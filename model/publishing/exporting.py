"""Exporting: compiles a bundle's stages for OpenVINO, in full precision and int8, and measures them."""

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
from model.publishing.agreement import AgreementGauge
from model.publishing.gauge import Gauge
from model.segmenter import Segmenter, load
from model.storage.manifest import MANIFEST, Bundle, Export
from model.storage.writing import write_manifest

LARGEST_ERROR = 1e-2
"""Relative to the range of the first stage's output: a larger difference in f32 means different networks."""
TRIAL_SIDE = 256
"""Pixels: a picture of this size tells networks apart as well as the largest, in a tenth of the time."""
MOST_PICTURES = 200
"""More do not improve int8, and take minutes."""
MINUTES = 25
"""The default time limit of an export."""
SHARE_OF_REFERENCE = 0.13
"""The share of the time in which the reference answers for the pictures. f32, bf16 and int8 are then measured
on the same pictures, and each takes about as long or less. The rest of the time is for making int8."""


class ExportError(ValueError):
    """The stages cannot be compiled, or do not give the results of the network."""


class ExportStopped(KeyboardInterrupt):
    """Ctrl-C while int8 was made: the model has been exported with what was complete by then."""


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
        name: the name of a bundle, as in `catalog.find`; an included one is exported to a copy in
            `model_dir`.
        precisions: some of "f32", "bf16" and "int8". f32 is always made; bf16 is a way to run it, measured
            if the processor supports it.
        pictures: typical pictures. Every second one calibrates int8, the others measure the loss of each
            precision: against their labels or, if there are none, against the answers of the reference.
        minutes: the time limit, from now: if it is short, fewer pictures are used, and the search for layers
            that must stay exact in int8 ends early. A few pictures, each stage once and the self-test are
            always run, even if they exceed the limit.
        controlled: search for such layers; False: all layers become int8, however much accuracy that loses.

    Raises:
        ExportError: int8 is requested without pictures; or the resize mode has no largest picture.
        BundleError: the compiled stages fail the self-test.
        ExportStopped: Ctrl-C while int8 was made.
    """
    until = time.monotonic() + 60 * minutes
    if "int8" in precisions and (pictures is None or len(pictures) < 2):
        raise ExportError("int8 needs typical pictures for calibration: name some with --calibration DATA")
    manifest = catalog.find(name).manifest
    engine = family_named(manifest.family).reference_engine(manifest)
    reference = load(name, engine=engine, precision="f32")
    model, version = reference.bundle.manifest.name, reference.bundle.manifest.version
    beside = version if catalog.has_version_folders(model) else None
    with catalog.new_bundle(model, version=beside) as folder:
        shutil.copytree(reference.bundle.folder, folder, ignore=_other_versions, dirs_exist_ok=True)
        exporter = _Exporter(reference, folder, pictures, until)
        Segmenter(reference.bundle, exporter.make_exact(precisions)).self_test()
        stopped = None
        if "int8" in precisions:
            try:
                exporter.make_int8(controlled=controlled)
            except KeyboardInterrupt as interrupt:
                stopped = interrupt
        exporter.finish()
    if stopped is not None:
        raise ExportStopped from stopped
    return catalog.find(name)


def _other_versions(folder: str, entries: list[str]) -> list[str]:
    """The folders in a bundle that are bundles of other versions; for `shutil.copytree`."""
    return [entry for entry in entries if (Path(folder) / entry / MANIFEST).is_file()]


def compile_new(reference: Segmenter) -> Segmenter:
    """Compile the stages of a new model into its bundle, which is not yet visible to other processes.

    Returns:
        The model, run by its stages in f32.

    Raises:
        ExportError: the resize mode has no largest picture; or the answers differ from the reference.
    """
    exporter = _Exporter(reference, reference.bundle.folder, None)
    runner = exporter.make_exact(["bf16"])
    return Segmenter(exporter.finish(), runner)


def open_stages(bundle: Bundle, precision: str) -> OpenVINORunner:
    """The compiled stages of a bundle, in one of its precisions, not warmed up: for a few pictures."""
    stages = family_named(bundle.manifest.family).stages(bundle.manifest)
    return OpenVINORunner.open(bundle.stages_folder(precision), stages, precision, None)


class _Exporter:
    """Compiles the stages of a model, in a folder that is not yet visible to other processes."""

    def __init__(
        self, reference: Segmenter, folder: Path, pictures: DataSet | None, until: float = math.inf
    ) -> None:
        """Prepare to compile.

        Args:
            reference: the model run by its reference engine.
            folder: the folder of a copy of the model.
            pictures: the pictures to measure with; None: nothing is measured.
            until: the end of the time limit, in `time.monotonic`.
        """
        manifest = reference.bundle.manifest
        self.bundle = Bundle(folder, manifest)
        self.reference = reference
        self._until = until
        self.family = family_named(manifest.family)
        self._reference_engine = self.family.reference_engine(manifest)
        self.stages = self.family.stages(manifest)
        try:
            self.largest_picture = self.family.largest_picture(manifest)
        except ValueError as error:
            raise ExportError(f"the model {manifest.name} cannot be compiled: {error}") from None
        self.images: list[npt.NDArray[np.uint8]] = []
        self.gauge: Gauge | AgreementGauge | None = None
        if pictures is not None and len(pictures) > 1:
            some = evenly_spaced(pictures, MOST_PICTURES)
            self.images = [some[index].image for index in range(0, len(some), 2)]
            seconds = SHARE_OF_REFERENCE * (until - time.monotonic())
            kind = AgreementGauge if manifest.task == "classify" else Gauge
            self.gauge = kind(reference, Subset(some, range(1, len(some), 2)), seconds)
        # Not from the new folder: files that are read lazily must not be overwritten.
        self.models: Models = self.family.graphs(reference.bundle, reference.runner)
        self._made: dict[str, Export] = {}
        self._int8: tuple[Path, Export] | None = None

    def make_exact(self, precisions: Sequence[str]) -> OpenVINORunner:
        """Write the stages in full precision, measure f32 and bf16, and return the runner for f32."""
        if self._reference_engine != "openvino":  # else the reference runs the same stages
            save(self.models, self.bundle.stages_folder("f32"))
        runner = self._open("f32")
        _check_parity(self.reference.runner, runner, self._trial_picture())
        self._made["f32"] = self._measured("f32", runner)
        if "bf16" in precisions and "bf16" in precisions_of_processor():
            self._made["bf16"] = self._measured("bf16")
        return runner

    def make_int8(self, *, controlled: bool) -> None:
        """Write the stages in int8; if that loses too much, keep the layers of the first that matter exact.

        If interrupted, the last version that was made and measured is kept.

        Args:
            controlled: search for such layers; False: all layers become int8.
        """
        from model.publishing.int8 import Int8Maker

        assert self.gauge is not None  # int8 has pictures
        maker = Int8Maker(self.bundle.folder, self.family, self.reference, self.models, self.images)
        for made in maker.make(self.gauge, self.largest_picture, self._until, controlled=controlled):
            self._int8 = made

    def finish(self) -> Bundle:
        """Move the int8 stages to their folder, and write the manifest."""
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
        # If nothing is measured, the previous entry stays valid.
        before = {str(name): export for name, export in self.bundle.manifest.exports.items()}
        return before.get(precision, Export(passed=True))

    def _trial_picture(self) -> tuple[int, ...]:
        """The shape of a picture on which the compiled stages must agree with the reference."""
        if self._reference_engine != "tensorflow":  # its sizes may be fixed or multiples of a step
            return self.largest_picture
        first, height, width, channels = self.largest_picture
        return first, min(height, TRIAL_SIDE), min(width, TRIAL_SIDE), channels

    def _open(self, precision: str) -> OpenVINORunner:
        folder = self.bundle.stages_folder(precision)
        largest = None if self.gauge is None else self.largest_picture  # of the pictures to measure with
        return OpenVINORunner.open(folder, self.stages, precision, largest)


def _check_parity(reference: Runner, runner: Runner, picture_shape: tuple[int, ...]) -> None:
    """Raise ExportError unless the first stages of both give the same output for noise."""
    noise = np.random.default_rng(0).uniform(-128, 128, picture_shape).astype(np.float32)
    for ours, theirs in zip(runner.start(noise).outputs, reference.start(noise).outputs, strict=True):
        error = float(np.abs(ours - theirs).max() / max(np.ptp(theirs), np.finfo(np.float32).eps))
        if not error <= LARGEST_ERROR:
            raise ExportError(
                f"the compiled {runner.stages[0].name} differs from the reference by {error:.1%} of its "
                "range: this version of OpenVINO does not run this network correctly"
            )
