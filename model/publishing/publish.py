"""Publishing: makes, compiles and tests a new model in a hidden folder, then renames it into place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from model import catalog
from model.catalog import UnknownModel
from model.checking.sample import sample_picture
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
) -> Published:
    """Make a model in `model_dir`. An existing model of that name is kept until the new one can be served.

    Args:
        name: the name of the bundle: lower-case letters, digits, dot, dash and underscore.
        make: writes the bundle to a folder.
        replaced: the manifest of the existing model of that name, if there is one.
        sample: uint8 (H, W, 3), RGB, in which the model finds something; None: the included picture.

    Raises:
        BundleError: the name is invalid, or the network's output is not finite.
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
    """Make a bundle in `folder` from a downloaded file, with the settings of the model that it replaces."""
    about = wanted.about
    if replaced is not None:
        about = {**taken_over(replaced), **about, "threshold": replaced.threshold}
        about["tile_overlap"] = replaced.tile_overlap
    family = family_named(wanted.family)
    return family.import_file(file, folder, wanted.name, wanted.classes, wanted.config, about)


def manifest_of(name: str) -> Manifest | None:
    """The manifest of the model of that name; None if there is none, or if it cannot be read."""
    try:
        return catalog.find(name).manifest
    except (UnknownModel, BundleError):
        return None


def _complete(reference: Segmenter, sample: npt.NDArray[np.uint8] | None) -> list[str]:
    """Add compiled stages and a self-test to a new bundle, and run both; returns sentences for the user."""
    picture = sample_picture() if sample is None else sample
    # First with the reference, so that broken weights are not blamed on the compiled stages. With the lowest
    # threshold, so that the heads have input.
    reference.watched().predict(picture, Wishes(threshold=0.0))
    served, sentences = reference, []
    if not reference.bundle.manifest.exports:
        try:
            served = compile_new(reference)
        except ExportError as error:
            sentences.append(f"The model is not compiled, so TensorFlow runs it: {error}")
    tested = served.watched()
    tested.predict(picture, Wishes(threshold=0.0))
    if sample is None:
        sentences.append(record_usual_self_test(tested.bundle, tested.predict))
    else:
        record_self_test(tested.bundle, tested.predict, sample)
    return sentences + _try_faster(catalog.read_bundle(tested.bundle.folder))


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
