"""Segmenter: a loaded model, ready to find what is in a picture."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import nullcontext
from functools import cached_property
from pathlib import Path
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
from model.results.classification import Classification
from model.results.result import Result, UnsuitablePicture, Wishes
from model.results.segments import Segments
from model.stopwatch import Stopwatch
from model.storage.manifest import Bundle, BundleError

LOG = logging.getLogger(__name__)


class Segmenter:
    """A bundle and the engine that runs it.

    Any number of threads may call `predict` at once, but one call at a time is fastest, because each call
    uses all threads of the engine.

    Attributes:
        bundle: the model.
        runner: runs the network in its engine.
        engine: the name of the engine, "openvino" or "tensorflow".
        precision: the numerical precision, "f32", "bf16" or "int8".
        input_policy: how pictures are resized for the network, for information.
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
        """Return what the model finds in one picture.

        Args:
            image: uint8 (H, W, 3), RGB.
            wishes: the options of the request.
            size: (width, height) of the whole picture if `image` is a reduced copy, which must be no smaller
                than `enough` returns; the result is in pixels of the whole picture. None: `image` is whole.
            stopwatch: measures the stages "infer" and "masks".
            turn: returns the context manager that is held while the network computes, for each tile; an
                exception that it raises ends the work on the picture.

        Raises:
            UnknownClass: the model has no such class; the message lists its classes.
            UnsuitablePicture: the model cannot process this picture; the message says which it can.
            ValueError: `image` has another shape or dtype, or is smaller than `enough` allows.
        """
        check_rgb(image)
        return self._predictor.predict(
            image,
            wishes,
            size=size or (image.shape[1], image.shape[0]),
            stopwatch=stopwatch or Stopwatch(),
            turn=turn,
        )

    def predict_each(self, image: npt.NDArray[np.uint8], wishes: Sequence[Wishes]) -> list[Result]:
        """As `predict`, for several requests about one picture, uint8 (H, W, 3), RGB.

        The network of a semantic model runs once for all of them.
        """
        check_rgb(image)
        size = image.shape[1], image.shape[0]
        return self._predictor.predict_each(image, wishes, size=size, stopwatch=Stopwatch(), turn=nullcontext)

    def segment(
        self,
        image: npt.NDArray[np.uint8],
        *,
        threshold: float | None = None,
        classes: Sequence[str] | None = None,
        max_segments: int | None = None,
    ) -> Segments:
        """Return the segments of one picture, uint8 (H, W, 3), RGB; see `Wishes` and `predict`.

        >>> len(load("nuclei").segment(np.zeros((64, 64, 3), np.uint8)))
        0
        """
        return self.predict(image, Wishes(threshold, classes, max_segments)).segments

    def classify(self, image: npt.NDArray[np.uint8]) -> Classification:
        """Return what a classifier takes a picture for, uint8 (H, W, 3), RGB.

        Raises:
            UnsuitablePicture: the model is no classifier.
        """
        found = self.predict(image).classification
        if found is None:
            raise UnsuitablePicture(f"the model {self.bundle.manifest.name} is not a classifier: use predict")
        return found

    def enough(self, size: Size) -> Size:
        """Return the (width, height) to which a picture of `size` may be reduced without loss."""
        return self._predictor.enough(size)

    def work(self, size: Size) -> int:
        """Return how many pixels the network processes for a picture of `size`; 0 if it cannot process it."""
        try:
            return self._predictor.work(size)
        except UnsuitablePicture:
            return 0

    def self_test(self) -> None:
        """Raise BundleError unless the model still finds what it found when the bundle was made.

        Without a recorded self-test, the model must at least return a result for a blank picture. All outputs
        of the network must be finite. The file is read once.
        """
        self._self_test.check(self.watched().predict)

    def watched(self) -> Segmenter:
        """Return a copy that raises BundleError if a stage of the network returns NaN or infinite values."""
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
    cache: Path | None = None,
) -> Segmenter:
    """Load the model of that name and check its files; see `catalog.find`.

    >>> from model.pictures import read
    >>> nuclei = load("nuclei")
    >>> segments = nuclei.segment(read("app/static/samples/fluorescence.png"), threshold=0.5)
    >>> len(segments) > 10, segments.size
    (True, (512, 512))

    Args:
        name: the name of a model, for its newest version, or `name@version`.
        engine: "openvino" or "tensorflow"; None: openvino if the model has compiled stages.
        precision: "f32", "bf16" or "int8"; None: the fastest one that this processor supports and that was
            close enough to the reference when the stages were compiled.
        threads: threads for one inference, 1 or more; None: the engine decides, usually one for each core.
            With the tensorflow engine, this has an effect only before TensorFlow's first operation.
        tested: run the self-test. If no precision is requested, those that fail it are skipped.
        cache: a private folder, in which the openvino engine keeps what it compiles while the folder exists;
            other processes that are given the same folder need not compile it again.

    Raises:
        UnknownModel: there is no such model; the message lists the models that exist.
        BundleError: its files differ from its manifest, or it fails its self-test.
        ChoiceError: it cannot be run as requested; the message says what to do.
    """
    bundle = catalog.find(name)
    try:
        return opened(bundle, engine, precision, threads, tested, cache)
    except (BundleError, OSError):
        now = catalog.find(name)
        if now == bundle:
            raise
        # The bundle was replaced while it was loaded, and files of both versions were read.
        return opened(now, engine, precision, threads, tested, cache)


def opened(
    bundle: Bundle,
    engine: str | None = None,
    precision: str | None = None,
    threads: int | None = None,
    tested: bool = False,
    cache: Path | None = None,
) -> Segmenter:
    """Load the model in a bundle, which need not be in the catalog; see `load`."""
    from model.engines.openvino import precisions_of_processor  # an engine is imported only if it is used

    name = bundle.manifest.name
    bundle.check()
    passed: dict[str, bool] = {stages: export.passed for stages, export in bundle.manifest.exports.items()}
    ways = choices(name, passed, precisions_of_processor(), engine, precision)
    for way in ways:
        segmenter = Segmenter(bundle, _runner(bundle, way, threads, cache))
        try:
            if tested:
                segmenter.self_test()
            return segmenter
        except BundleError as error:
            if way == ways[-1]:
                raise
            LOG.warning("model %s: precision %s is skipped: %s", name, way.precision, error)
    raise AssertionError("choices returns at least one way")


def _runner(bundle: Bundle, way: Choice, threads: int | None, cache: Path | None) -> Runner:
    manifest = bundle.manifest
    family = family_named(manifest.family)
    if way.engine == "openvino":
        from model.engines.openvino import OpenVINORunner, StagesError

        folder, largest = bundle.stages_folder(way.precision), family.largest_picture(manifest)
        try:
            return OpenVINORunner.open(
                folder,
                family.stages(manifest),
                way.precision,
                largest,
                threads=threads,
                read=bundle.read,
                cache=cache,
            )
        except StagesError as error:
            raise BundleError(
                f"model {manifest.name}: {error}; compile it again: python -m model export {manifest.name}"
            ) from error
    try:
        return family.reference(bundle, threads)
    except ModuleNotFoundError as error:
        raise ChoiceError(
            f"the model {manifest.name} needs {error.name} to run with the tensorflow engine: run "
            "pip install -r requirements.txt, or, if MaskServe is installed as a package, "
            "pip install 'maskserve[train]'"
        ) from error
    except NoReference as error:
        raise ChoiceError(str(error)) from error
