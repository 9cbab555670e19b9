"""Publishing: makes, compiles and tests a new model in a hidden folder, then renames it into place."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from model import catalog
from model.catalog import UnknownModel
from model.checking.finite import NotFinite
from model.checking.sample import LEAST_SIDE, SIDE, sample_picture
from model.checking.selftest import record_self_test, record_usual_self_test
from model.engines.openvino import precisions_of_processor
from model.families.family import Imported
from model.families.registry import family_named
from model.publishing import published
from model.publishing.exporting import ExportError, compile_new, open_stages
from model.publishing.fetching import fetch
from model.publishing.repeated import RepeatedRunner
from model.publishing.replaced import differences, taken_over
from model.results.result import Wishes
from model.segmenter import Segmenter
from model.storage.manifest import Bundle, BundleError, Manifest
from model.storage.writing import update_manifest

MOST_TILES = 4
"""In so many the sample picture goes through a network at most: more take long, and show nothing more."""


@dataclass(frozen=True)
class Published:
    """A model that has been published.

    Attributes:
        bundle: its bundle in `model_dir`.
        summary: a description in a few words.
        sentences: what was assumed, what its self-test is, and how it differs from the replaced model.
    """

    bundle: Bundle
    summary: str
    sentences: tuple[str, ...]


def publish(
    name: str,
    make: Callable[[Path], Imported],
    replaced: Manifest | None = None,
    sample: npt.NDArray[np.uint8] | None = None,
    beside: str | None = None,
) -> Published:
    """Make a model in `model_dir`. An existing model of that name is kept until the new one can be served.

    Args:
        name: the name of the bundle: lower-case letters, digits, dot, dash and underscore.
        make: writes the bundle to a folder.
        replaced: the manifest of the existing model of that name, if there is one.
        sample: uint8 (H, W, 3), RGB, in which the model finds something; None: the included picture.
        beside: the version that `make` gives the model, if it is to be kept in a folder of this name beside
            other versions; None: it takes the place of an existing model.

    Raises:
        BundleError: the name is invalid, or the network's output is not finite.
        ValueError: the model finds nothing in `sample`, or what `make` raises.
    """
    with catalog.new_bundle(name, version=beside) as folder:
        made = make(folder)
        sentences = [*made.sentences, *_complete(Segmenter(made.bundle, made.reference), sample)]
    bundle = catalog.find(name if beside is None else f"{name}@{beside}")
    if replaced is not None:
        words = {} if beside is None else {"old": "version before", "gone": "Not in the new version"}
        sentences += differences(replaced, bundle.manifest, **words)
    return Published(bundle, made.summary, tuple(sentences))


def publish_fetched(wanted: published.PublishedWeights) -> Published:
    """Download a published model, and make it in `model_dir`. Raises FetchError, and as `publish`."""
    replaced = manifest_of(wanted.name)
    return fetch(
        wanted,
        lambda file: publish(wanted.name, lambda folder: imported(wanted, file, folder, replaced), replaced),
    )


def imported(
    wanted: published.PublishedWeights, file: Path, folder: Path, replaced: Manifest | None = None
) -> Imported:
    """Make a bundle in `folder` from a downloaded file, with the settings of the model that it replaces."""
    about = wanted.about
    family = family_named(wanted.family)
    if replaced is not None:
        about = {**taken_over(replaced, family.task), **about, "threshold": replaced.threshold}
        about["tile_overlap"] = replaced.tile_overlap
    return family.import_file(file, folder, wanted.name, wanted.classes, wanted.config, about)


def manifest_of(name: str) -> Manifest | None:
    """The manifest of the model of that name; None if there is none, or if it cannot be read."""
    try:
        return catalog.find(name).manifest
    except (UnknownModel, BundleError):
        return None


def _complete(reference: Segmenter, sample: npt.NDArray[np.uint8] | None) -> list[str]:
    """Add compiled stages and a self-test to a new bundle, and run both; returns sentences for the user."""
    served, sentences = reference, []
    if not reference.bundle.manifest.exports:
        try:
            served = compile_new(reference)
        except ExportError as error:
            sentences.append(f"The model is not compiled, so TensorFlow runs it: {error}")
    tested = Segmenter(served.bundle, RepeatedRunner(served.runner)).watched()
    picture = usual_sample(reference) if sample is None else sample
    _check_finite(tested, reference, picture)
    if sample is None:
        sentences.append(record_usual_self_test(tested.bundle, tested.predict, picture))
    else:
        record_self_test(tested.bundle, tested.predict, sample)
    return sentences + _try_faster(catalog.read_bundle(tested.bundle.folder, tested.bundle.manifest.name))


def usual_sample(model: Segmenter) -> npt.NDArray[np.uint8]:
    """The sample picture, made smaller if the network would process it in many tiles."""
    manifest, side = model.bundle.manifest, SIDE
    try:
        tile = math.prod(family_named(manifest.family).largest_picture(manifest)[1:3])
    except ValueError:  # no largest picture, so no tiles
        return sample_picture()
    while side > LEAST_SIDE and model.work((2 * side, side)) > MOST_TILES * tile:
        side //= 2
    return sample_picture(side)


def _check_finite(served: Segmenter, reference: Segmenter, picture: npt.NDArray[np.uint8]) -> None:
    """Raise BundleError if a stage gives values that are not finite; of the reference if it does so too."""
    everything = Wishes(threshold=0.0)  # the lowest, so that the heads have input
    try:
        served.predict(picture, everything)
    except NotFinite:
        # If the reference fails too, the weights are broken, and not the compiled stages.
        reference.watched().predict(picture, everything)
        raise


def _try_faster(bundle: Bundle) -> list[str]:
    """Run the self-test in each other precision that has passed; one that fails is marked as not passed."""
    exports, sentences = dict(bundle.manifest.exports), []
    faster = {precision for precision, export in exports.items() if export.passed} - {"f32"}
    for precision in faster & precisions_of_processor():
        try:
            Segmenter(bundle, open_stages(bundle, precision)).self_test()
        except BundleError as error:
            exports[precision] = exports[precision].model_copy(update={"passed": False})
            sentences.append(f"{precision} is used only on request: {error}.")
    if sentences:
        update_manifest(bundle, exports=exports)
    return sentences
