"""Segmenter: a loaded model that tells what is in a picture."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import nullcontext
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from model import catalog
from model.checking.finite import FiniteRunner
from model.checking.selftest import SelfTest
from model.engines.choice import Choice, choices
from model.engines.choice import ChoiceError as ChoiceError
from model.engines.stages import Runner
from model.families.family import NoReference, Size, Turn
from model.families.registry import family_named
from model.pictures import check_rgb
from model.results.result import Result, UnsuitablePicture, Wishes
from model.results.segments import Segments
from model.stopwatch import Stopwatch
from model.storage.manifest import Bundle, BundleError

LOG = logging.getLogger(__name__)


class Segmenter:
    """A bundle and the engine that runs it.

    Any number of threads may call `predict` at once; one at a time is fastest, as each uses all threads.

    Attributes:
        bundle: the model.
        runner: the network, as its engine runs it.
        engine: the name of that, "openvino" or "tensorflow".
        precision: of its arithmetic, "f32", "bf16" or "int8".
        input_policy: how pictures are brought to the network's size, for callers who want to know.
    """

    def __init__(self, bundle: Bundle, runner: Runner) -> None:
        family = family_named(bundle.manifest.family)
        self.bundle = bundle
        self.runner = runner
        self.engine = runner.name
        self.precision = runner.precision
        self.input_policy: dict[str, Any] = family.input_policy(bundle.manifest)
        self._predictor = family.predictor(bundle.manifest, runner)

    def predict(
        self,
        image: npt.NDArray[np.uint8],
        wishes: Wishes = Wishes(),  # noqa: B008 - frozen
        *,
        size: Size | None = None,
        stopwatch: Stopwatch | None = None,
        turn: Turn = nullcontext,
    ) -> Result:
        """What is in one picture.

        Args:
            image: uint8 (H, W, 3), RGB.
            wishes: what the caller asks for.
            size: (width, height) of the picture that `image` is a reduced copy of, no less than `enough`
                says; the result is in its pixels. None: `image` is the picture.
            stopwatch: measures the stages "infer" and "masks".
            turn: gives what is held while the network computes, a tile at a time; what it raises ends the
                work on the picture.

        Raises:
            UnknownClass: a class that the model does not know; says which it knows.
            UnsuitablePicture: the model cannot take this picture; says which it takes.
            ValueError: `image` is of another shape or dtype, or no copy that `enough` allows.
        """
        check_rgb(image)
        return self._predictor.predict(
            image,
            wishes,
            size=size or (image.shape[1], image.shape[0]),
            stopwatch=stopwatch or Stopwatch(),
            turn=turn,
        )

    def segment(
        self,
        image: npt.NDArray[np.uint8],
        *,
        threshold: float | None = None,
        classes: Sequence[str] | None = None,
        max_segments: int | None = None,
    ) -> Segments:
        """The segments of one picture, uint8 (H, W, 3), RGB; see `Wishes` and `predict`.

        >>> len(load("nuclei").segment(np.zeros((64, 64, 3), np.uint8)))
        0
        """
        return self.predict(image, Wishes(threshold, classes, max_segments)).segments

    def enough(self, size: Size) -> Size:
        """To what (width, height) a picture of `size` may be reduced without a loss to the network."""
        return self._predictor.enough(size)

    def work(self, size: Size) -> int:
        """How many pixels the network sees of a picture of `size` (width, height); 0 if it cannot take it."""
        try:
            return self._predictor.work(size)
        except UnsuitablePicture:
            return 0

    def self_test(self) -> None:
        """Raise BundleError unless the model still finds what it found when the bundle was made.

        A bundle without a self-test must at least answer for a blank picture. Whatever the network gives on
        the way must be finite. The file is read once.
        """
        self._self_test.check(self.watched().predict)

    def watched(self) -> Segmenter:
        """The same, but for BundleError where a stage of the network answers with NaN or infinite values."""
        return Segmenter(self.bundle, FiniteRunner(self.bundle.manifest.name, self.runner))

    @cached_property
    def _self_test(self) -> SelfTest:
        return SelfTest(self.bundle)


def load(
    name: str,
    *,
    engine: str | None = None,
    precision: str | None = None,
    threads: int | None = None,
    tested: bool = False,
) -> Segmenter:
    """The model of that name, its files checked, ready to segment.

    >>> from model.pictures import read
    >>> nuclei = load("nuclei")
    >>> segments = nuclei.segment(read("app/static/samples/fluorescence.png"), threshold=0.5)
    >>> len(segments) > 10, segments.size
    (True, (512, 512))

    Args:
        name: of a bundle.
        engine: "openvino" or "tensorflow"; None: openvino where the model has compiled stages.
        precision: "f32", "bf16" or "int8"; None: the fastest that this processor computes in and that came
            close enough to the reference when the stages were compiled.
        threads: how many compute one inference, 1 or more; None: the engine decides, mostly one a core. The
            tensorflow engine can change theirs only before TensorFlow has computed anything.
        tested: run the self-test. Where no precision was asked for, one that fails it is passed over.

    Raises:
        UnknownModel: there is none; says which there are.
        BundleError: its files are not those that its manifest names, or it fails its self-test.
        ChoiceError: it cannot be run in the way asked for; says what to do.
    """
    bundle = catalog.find(name)
    try:
        return _loaded(bundle, engine, precision, threads, tested)
    except (BundleError, OSError):
        now = catalog.find(name)
        if now == bundle:
            raise
        # Another has taken its place meanwhile, and files of both were read.
        return _loaded(now, engine, precision, threads, tested)


def _loaded(
    bundle: Bundle, engine: str | None, precision: str | None, threads: int | None, tested: bool
) -> Segmenter:
    """See `load`."""
    from model.engines.openvino import precisions_of_processor  # an engine is imported where it is wanted

    name = bundle.manifest.name
    bundle.check()
    passed: dict[str, bool] = {stages: export.passed for stages, export in bundle.manifest.exports.items()}
    ways = choices(name, passed, precisions_of_processor(), engine, precision)
    for way in ways:
        segmenter = Segmenter(bundle, _runner(bundle, way, threads))
        try:
            if tested:
                segmenter.self_test()
            return segmenter
        except BundleError as error:
            if way == ways[-1]:
                raise
            LOG.warning("%s in %s is passed over: %s", name, way.precision, error)
    raise AssertionError("choices gives one way at least")


def _runner(bundle: Bundle, way: Choice, threads: int | None) -> Runner:
    manifest = bundle.manifest
    family = family_named(manifest.family)
    if way.engine == "openvino":
        from model.engines.openvino import OpenVINORunner, StagesError

        folder, largest = bundle.stages_folder(way.precision), family.largest_picture(manifest)
        try:
            return OpenVINORunner.open(
                folder, family.stages(manifest), way.precision, largest, threads=threads, read=bundle.read
            )
        except StagesError as error:
            raise BundleError(
                f"model {manifest.name}: {error}; compile it anew with python -m model export {manifest.name}"
            ) from error
    try:
        return family.reference(bundle, threads)
    except ModuleNotFoundError as error:
        raise ChoiceError(
            f"the model {manifest.name} needs {error.name} to run with the tensorflow engine: "
            "pip install -r requirements.txt, or pip install 'maskserve[train]' where MaskServe is a package"
        ) from error
    except NoReference as error:
        raise ChoiceError(str(error)) from error
