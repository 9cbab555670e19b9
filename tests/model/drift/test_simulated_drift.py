"""Drift of real pictures: nuclei that become darker, are seen at another magnification, or stay the same."""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from model import catalog
from model.data import Sample, open_data
from model.drift.baseline import Baseline, baseline_of
from model.drift.distances import distances
from model.drift.features import FEATURES, Features, features_of_answer, features_of_picture
from model.results.masks import from_label_map
from model.results.segments import Segments
from model.storage.manifest import SHIPPED

ARCHIVE = Path(__file__).parents[4] / "shared" / "data" / "nuclei.tar"
WINDOW = 300  # pictures
Image = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.uint16]


def features(image: Image, labels: Labels) -> Features:
    """As of a service whose model finds exactly what is there."""
    boxes, masks = from_label_map(labels)
    count = len(boxes)
    size = (labels.shape[1], labels.shape[0])
    segments = Segments(size, boxes, np.ones(count, np.int32), np.full(count, 0.9, np.float32), masks)
    return features_of_picture(image, size, None) | features_of_answer(segments)


def label_map(sample: Sample) -> Labels:
    labels = np.zeros(sample.image.shape[:2], np.uint16)
    for number, ((x1, y1, x2, y2), mask) in enumerate(zip(sample.boxes, sample.masks, strict=True), start=1):
        labels[y1:y2, x1:x2][mask > 0] = number
    return labels


def darker(image: Image, labels: Labels) -> tuple[Image, Labels]:
    return (image * 0.6).astype(np.uint8), labels


def closer(image: Image, labels: Labels) -> tuple[Image, Labels]:
    """At twice the magnification, by the same camera."""
    height, width = labels.shape
    rows = slice(height // 4, height // 4 + height // 2)
    columns = slice(width // 4, width // 4 + width // 2)
    return (
        cv2.resize(image[rows, columns], (width, height)),
        cv2.resize(labels[rows, columns], (width, height), interpolation=cv2.INTER_NEAREST),
    )


Known = list[tuple[Image, Labels]]


@pytest.fixture(scope="module")
def validation(tmp_path_factory: pytest.TempPathFactory) -> Known:
    """The 67 validation pictures of `nuclei`, with what is on them."""
    if not ARCHIVE.exists():
        pytest.skip(f"{ARCHIVE} is missing")
    folder = tmp_path_factory.mktemp("nuclei")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, [one for one in archive if one.name.startswith("val/")], filter="data")
    data = open_data(folder / "val")
    return [(data[index].image, label_map(data[index])) for index in range(len(data))]


class Stream:
    """The last pictures of a service, and the features of which they are too far from the baseline."""

    def __init__(self, baseline: Baseline, seed: int) -> None:
        self._baseline = baseline
        self._random = np.random.default_rng(seed)
        self._last: list[dict[str, int]] = []

    def draw(self, pictures: list[Features], number: int) -> None:
        drawn = self._random.choice(len(pictures), number)
        self._last = (self._last + [self._baseline.bins_of(pictures[index]) for index in drawn])[-WINDOW:]

    def drifted(self) -> set[str]:
        found = set()
        for feature, histogram in self._baseline.histograms.items():
            places = [bins[feature] for bins in self._last if feature in bins]
            now = distances(histogram.counts, np.bincount(places, minlength=len(histogram.counts)).tolist())
            if len(places) >= 100 and (now.psi > now.psi_limit or now.ks > now.ks_limit):
                found.add(feature)
        return found


@pytest.mark.parametrize(
    ("change", "within", "expected"),
    [(darker, WINDOW, {"brightness", "contrast"}), (closer, 200, {"count", "area"})],
)
def test_a_change_is_noticed_within_a_window_and_in_the_right_features(
    validation: Known,
    change: Callable[[Image, Labels], tuple[Image, Labels]],
    within: int,
    expected: set[str],
) -> None:
    usual = [features(*one) for one in validation]
    changed = [features(*change(*one)) for one in validation]
    for seed in range(5):
        stream = Stream(baseline_of(usual), seed)
        stream.draw(usual, WINDOW)
        assert not stream.drifted()
        stream.draw(changed, within)
        assert stream.drifted() and stream.drifted() <= expected


def test_the_included_models_baseline_is_of_these_pictures(validation: Known) -> None:
    included = catalog.read_bundle(SHIPPED / "nuclei").manifest.baseline
    again = baseline_of([features(*one) for one in validation])
    assert included is not None and set(included.histograms) == set(FEATURES)
    for feature in ("brightness", "contrast", "size"):
        assert again.histograms[feature] == included.histograms[feature]


def test_a_day_of_the_same_raises_nothing(validation: Known) -> None:
    usual = [features(*one) for one in validation]
    stream = Stream(baseline_of(usual), seed=0)
    for _ in range(400):  # 20,000 pictures
        stream.draw(usual, 50)
        assert not stream.drifted()
