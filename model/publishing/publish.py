"""Publishing: a new model is made, compiled and tried where nobody finds it, then takes its place whole."""

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
from model.checking.repeated import RepeatedRunner
from model.checking.sample import LEAST_SIDE, SIDE, sample_picture
from model.checking.selftest import record_self_test, record_usual_self_test
from model.engines.openvino import precisions_of_processor
from model.families.family import Imported
from model.families.registry import family_named
from model.publishing import published
from model.publishing.exporting import ExportError, compile_new, open_stages
from model.publishing.fetching import fetch
from model.publishing.replaced import differences, taken_over
from model.results.result import Wishes
from model.segmenter import Segmenter
from model.storage.manifest import Bundle, BundleError, Manifest
from model.storage.writing import update_manifest

MOST_TILES = 4
"""In so many the sample picture goes through a network at most: more take long, and show nothing more."""


@dataclass(frozen=True)
class Published:
    """A model that has taken its place.

    Attributes:
        bundle: in `model_dir`.
        summary: what it is, in a few words.
        sentences: what was assumed of it, what its self-test is, and how it differs from the one before it.
    """

    bundle: Bundle
    summary: str
    sentences: tuple[str, ...]


def publish(
    name: str,
    make: Callable[[Path], Imported],
    replaced: Manifest | None = None,
    sample: npt.NDArray[np.uint8] | None = None,
) -> Published:
    """Make a model in `model_dir`. One of that name stays, whole, until the new one can be served.

    Args:
        name: of the bundle: lower-case letters, digits, dot, dash and underscore.
        make: writes the bundle to a folder.
        replaced: of the model of that name, where there is one.
        sample: uint8 (H, W, 3), RGB, in which the model finds something; None: the picture that ships.

    Raises:
        BundleError: the name cannot be used, or the network gives values that are not finite.
        ValueError: the model finds nothing in `sample`, or what `make` raises.
    """
    with catalog.new_bundle(name) as folder:
        made = make(folder)
        sentences = [*made.sentences, *_complete(Segmenter(made.bundle, made.reference), sample)]
    bundle = catalog.find(name)
    if replaced is not None:
        sentences += differences(replaced, bundle.manifest)
    return Published(bundle, made.summary, tuple(sentences))


def publish_fetched(wanted: published.Published) -> Published:
    """Download a published model, and make it in `model_dir`. Raises FetchError, and as `publish`."""
    replaced = manifest_of(wanted.name)
    return fetch(
        wanted,
        lambda file: publish(wanted.name, lambda folder: imported(wanted, file, folder, replaced), replaced),
    )


def imported(
    wanted: published.Published, file: Path, folder: Path, replaced: Manifest | None = None
) -> Imported:
    """A downloaded file made a bundle in `folder`, used as the model is used whose place it takes."""
    about = wanted.about
    if replaced is not None:
        about = {**taken_over(replaced), **about, "threshold": replaced.threshold}
        about["tile_overlap"] = replaced.tile_overlap
    family = family_named(wanted.family)
    return family.import_file(file, folder, wanted.name, wanted.classes, wanted.config, about)


def manifest_of(name: str) -> Manifest | None:
    """Of the model of that name; None where there is none, or one that cannot be read."""
    try:
        return catalog.find(name).manifest
    except (UnknownModel, BundleError):
        return None


def _complete(reference: Segmenter, sample: npt.NDArray[np.uint8] | None) -> list[str]:
    """Give a new bundle its compiled stages and its self-test, and pass both; what is to be said of it."""
    served, sentences = reference, []
    if not reference.bundle.manifest.exports:
        try:
            served = compile_new(reference)
        except ExportError as error:
            sentences.append(f"Not compiled, so TensorFlow runs it: {error}")
    tested = Segmenter(served.bundle, RepeatedRunner(served.runner)).watched()
    picture = usual_sample(reference) if sample is None else sample
    _check_finite(tested, reference, picture)
    if sample is None:
        sentences.append(record_usual_self_test(tested.bundle, tested.predict, picture))
    else:
        record_self_test(tested.bundle, tested.predict, sample)
    return sentences + _try_faster(catalog.read_bundle(tested.bundle.folder))


def usual_sample(model: Segmenter) -> npt.NDArray[np.uint8]:
    """The sample picture, smaller where it would go through the network in many tiles."""
    manifest, side = model.bundle.manifest, SIDE
    try:
        tile = math.prod(family_named(manifest.family).largest_picture(manifest)[1:3])
    except ValueError:  # there is none, and so are there no tiles
        return sample_picture()
    while side > LEAST_SIDE and model.work((2 * side, side)) > MOST_TILES * tile:
        side //= 2
    return sample_picture(side)


def _check_finite(served: Segmenter, reference: Segmenter, picture: npt.NDArray[np.uint8]) -> None:
    """Raise BundleError if a stage gives values that are not finite; of the reference, if it does so too."""
    all_there_is = Wishes(threshold=0.0)  # so that the heads get something to work on
    try:
        served.predict(picture, all_there_is)
    except NotFinite:
        reference.watched().predict(
            picture, all_there_is
        )  # broken weights are not the compiled stages' fault
        raise


def _try_faster(bundle: Bundle) -> list[str]:
    """Run the self-test in every other precision that passed so far; one that fails it passes no longer."""
    exports, sentences = dict(bundle.manifest.exports), []
    faster = {precision for precision, export in exports.items() if export.passed} - {"f32"}
    for precision in faster & precisions_of_processor():
        try:
            Segmenter(bundle, open_stages(bundle, precision)).self_test()
        except BundleError as error:
            exports[precision] = exports[precision].model_copy(update={"passed": False})
            sentences.append(f"Not used in {precision} unless asked for: {error}.")
    if sentences:
        update_manifest(bundle, exports=exports)
    return sentences
