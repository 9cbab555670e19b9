"""`python -m model evaluate`: measure the accuracy of a model on labelled images."""

from __future__ import annotations

import argparse
import json
from importlib.util import find_spec
from pathlib import Path

from model.checking.selftest import keep_threshold
from model.commands.arguments import add_reading, add_way_to_run, reading_of, share
from model.commands.measuring import Measurement, check_classes, is_of_pixels, measure, open_for
from model.commands.observing import Observer
from model.data import Annotated
from model.data.findings import say
from model.data.fingerprint import fingerprint
from model.evaluation.classes import ClassEvaluation
from model.evaluation.pixel_result import PixelEvaluation
from model.evaluation.rand_score import SIDES
from model.evaluation.result import Evaluation
from model.evaluation.sheet import worst_sheet
from model.segmenter import load
from model.storage.manifest import Bundle, Manifest
from model.storage.writing import update_manifest


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("--model", default="nuclei", help="a model, or name@version (default: nuclei)")
    parser.add_argument("--data", type=Path, required=True, help="labelled images: see docs/training.md")
    parser.add_argument("--threshold", type=share, help="lowest score to count (default: the model's)")
    parser.add_argument(
        "--classes", metavar="NAMES", help="compare only these, comma-separated (default: all of the data's)"
    )
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument(
        "--record", action="store_true", help="also store the figures in the model's model.json"
    )
    parser.add_argument(
        "--choose-threshold",
        action="store_true",
        help="name the best threshold for these images; do not judge the model on them afterwards. With "
        "--record, it becomes the model's, and no figures are stored",
    )
    parser.add_argument(
        "--rand",
        choices=SIDES,
        nargs="?",
        const="boundary",
        help="for semantic models of one class: also the foreground-restricted Rand score; the class is the "
        "boundary between regions (default), or their inside",
    )
    parser.add_argument("--sheet", type=Path, help="also draw the worst images to this PNG")
    parser.add_argument(
        *("--plots", "--pictures"),
        type=Path,
        metavar="DIR",
        help="also draw precision by recall and the reliability of probabilities, to PNGs in this folder",
    )
    add_reading(parser)
    add_way_to_run(parser)


def run(arguments: argparse.Namespace) -> int:
    """Measure the model and print the tables."""
    _check_places(arguments)
    segmenter = load(arguments.model, engine=arguments.engine, precision=arguments.precision)
    manifest = segmenter.bundle.manifest
    reading = reading_of(arguments)
    data = open_for(arguments.data, manifest, reading)
    of_pixels = isinstance(data, Annotated) and is_of_pixels(manifest, data)
    of_objects = isinstance(data, Annotated) and not of_pixels
    what = "pixels" if of_pixels else "objects" if of_objects else "classes of pictures"
    if arguments.choose_threshold and not (of_pixels or of_objects):
        raise ValueError("a classifier answers with the most probable class: leave out --choose-threshold")
    if arguments.sheet and not of_objects:
        raise ValueError(f"--sheet draws objects, but this evaluation compares {what}: leave out --sheet")
    if arguments.rand and not of_pixels:
        raise ValueError(f"--rand judges pixels, but this evaluation compares {what}: leave out --rand")
    classes = _names(arguments.classes)
    check_classes(data, manifest, classes)
    say(data.findings(), data.path)
    data_sha256 = fingerprint(arguments.data, reading)
    _check_record(arguments, manifest, data_sha256)
    observer = Observer(manifest) if arguments.record and not arguments.choose_threshold else None
    measured = measure(
        segmenter,
        data,
        data_sha256,
        threshold=arguments.threshold,
        classes=classes,
        rand=arguments.rand,
        observe=observer.add if observer else None,
    )
    _say(manifest, measured)
    if arguments.json:
        about = {"model": manifest.name, "version": manifest.version}
        arguments.json.write_text(json.dumps({**about, **measured.figures}, indent=2) + "\n")
    if arguments.choose_threshold:
        _choose(segmenter.bundle, measured, arguments.record)
    elif observer:
        _record(segmenter.bundle, measured, observer)
    result = measured.result
    if isinstance(result, Evaluation) and measured.known and arguments.sheet:
        worst_sheet(result, measured.known, arguments.sheet)
    if arguments.plots:
        from model.evaluation.plots import RELIABILITY, draw_plots  # needs matplotlib; serving does not

        arguments.plots.mkdir(exist_ok=True)
        drawn = draw_plots(result, arguments.plots)
        for path in drawn:
            print(path)
        if RELIABILITY not in (path.name for path in drawn):
            print(f"{RELIABILITY} is left out: without predictions, there is nothing to draw.")
    return 0


def _say(manifest: Manifest, measured: Measurement) -> None:
    """Print the tables."""
    threshold, known = measured.threshold, measured.known
    at = f"at threshold {threshold:g} on {measured.images} images"
    print(f"{manifest.name} {manifest.version} ({measured.how}) {at}\n")
    print(measured.result.to_table())
    if known and known.asked:
        print(f"Compared: {', '.join(known.asked)}. Predictions of the model's other classes are left out.")
    if measured.figures["threshold_chosen_on"] == measured.data_sha256:
        print(
            "The model's threshold was chosen on these very images, so its figures are better here than they "
            "would be on others."
        )


def _check_record(arguments: argparse.Namespace, manifest: Manifest, data_sha256: str) -> None:
    """Check that the figures would be the model's quality."""
    if not arguments.record or arguments.choose_threshold:
        return
    if arguments.threshold not in (None, manifest.threshold):
        raise ValueError(
            f"--record stores the model's quality, at its own threshold {manifest.threshold:g}: leave out "
            "--threshold or --record"
        )
    if manifest.threshold_chosen_on == data_sha256:
        raise ValueError(
            "the model's threshold was chosen on these very images, so their figures are not stored: measure "
            "other images, or leave out --record"
        )


def _check_places(arguments: argparse.Namespace) -> None:
    """Check now, and not after minutes of measuring, that the results can be written."""
    for path in filter(None, (arguments.json, arguments.sheet, arguments.plots)):
        if not path.parent.is_dir():
            raise ValueError(f"{path} cannot be written: there is no folder {path.parent}; create it first")
    if arguments.plots and arguments.plots.exists() and not arguments.plots.is_dir():
        raise ValueError(f"--plots {arguments.plots} is a file: name a folder")
    if arguments.plots and not find_spec("matplotlib"):
        raise ValueError(
            "--plots needs matplotlib: run pip install -r requirements.txt, or, if MaskServe is installed as "
            "a package, pip install 'maskserve[train]'"
        )
    if arguments.choose_threshold and arguments.threshold is not None:
        raise ValueError("--choose-threshold tries all thresholds: leave out --threshold")


def _record(bundle: Bundle, measured: Measurement, observer: Observer) -> None:
    """Store the quality, and the baseline if there are enough pictures with whole answers."""
    baseline = bundle.manifest.baseline
    if measured.is_of_whole_answers:
        baseline = observer.baseline_if_enough() or baseline
    update_manifest(bundle, quality=measured.quality, baseline=baseline)


def _choose(bundle: Bundle, measured: Measurement, record: bool) -> None:
    """Print the best threshold; if wanted, make it the model's."""
    result = measured.result
    assert not isinstance(result, ClassEvaluation)
    if isinstance(result, PixelEvaluation) and not result.levels:
        raise ValueError(
            "no threshold can be chosen: the model gives no probabilities of pixels, or no pixel of these "
            "images has a class; leave out --choose-threshold"
        )
    best, manifest = result.best_threshold, bundle.manifest
    print(
        f"Chosen threshold: {best:g} (the model's: {manifest.threshold:g}), the best of those in the table "
        f"for these {measured.images} images. "
        "Figures at it are too good here: judge the model on others."
    )
    if not record:
        print("With --record, it becomes the model's.")
        return
    keep_threshold(bundle)
    outdated = {"quality": manifest.quality, "baseline": manifest.baseline}
    chosen = {"threshold": best, "threshold_chosen_on": measured.data_sha256}
    update_manifest(bundle, **chosen, **dict.fromkeys(outdated))
    if gone := [name for name, value in outdated.items() if value is not None]:
        print(
            f"Removed the {' and the '.join(gone)} measured at {manifest.threshold:g}; measure again, on "
            f"other images: python -m model evaluate --model {manifest.name} --data DATA --record"
        )


def _names(words: str | None) -> list[str] | None:
    """Comma-separated names; None if there are none."""
    return [name.strip() for name in (words or "").split(",") if name.strip()] or None
