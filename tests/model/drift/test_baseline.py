"""The baseline of a model: what is measured of pictures and answers, and in which bins."""

from __future__ import annotations

import time

import cv2
import numpy as np
import pytest
from pydantic import ValidationError

from model.drift.baseline import Baseline, Histogram, baseline_of, histogram_of
from model.drift.features import FEATURES, features_of_answer, features_of_picture
from model.results.segments import Segments


def squares(*sides: int, size: tuple[int, int] = (200, 100)) -> Segments:
    """Squares in the corner of a picture, one over the other."""
    return Segments(
        size=size,
        boxes=np.array([[0, 0, side, side] for side in sides], np.int32).reshape(-1, 4),
        class_ids=np.ones(len(sides), np.int32),
        scores=np.linspace(1, 0.5, len(sides), dtype=np.float32),
        masks=[np.ones((side, side), np.uint8) for side in sides],
    )


def test_a_pictures_features_are_its_grey_levels_and_its_own_size() -> None:
    image = np.zeros((300, 400, 3), np.uint8)
    image[:, 200:] = 100
    found = features_of_picture(image, (4000, 3000), 0.9)
    assert found == pytest.approx(
        {"brightness": 50, "contrast": 50, "size": 12e6, "familiarity": 0.9}, rel=0.01
    )
    assert "familiarity" not in features_of_picture(image, (4000, 3000), None)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (128, 128), (257, 300), (2000, 1500)])
def test_a_picture_of_any_shape_has_features(shape: tuple[int, int]) -> None:
    found = features_of_picture(np.full((*shape, 3), 77, np.uint8), shape[::-1], None)
    assert found == {"brightness": 77, "contrast": 0, "size": shape[0] * shape[1]}


def test_a_picture_and_its_reduced_copy_have_almost_the_same_features() -> None:
    image = np.random.default_rng(0).integers(0, 256, (75, 100, 3)).astype(np.uint8)
    image = cv2.resize(image, (1600, 1200), interpolation=cv2.INTER_CUBIC)
    half = cv2.resize(image, (800, 600), interpolation=cv2.INTER_AREA)
    whole, reduced = (features_of_picture(one, (1600, 1200), None) for one in (image, half))
    assert reduced == pytest.approx(whole, rel=0.03)


def test_an_answers_features_are_means_over_its_segments() -> None:
    assert features_of_answer(squares(10, 20)) == pytest.approx(
        {"count": 2, "score": 0.75, "area": (100 + 400) / 2 / (200 * 100)}
    )
    assert features_of_answer(squares()) == {"count": 0}


def test_large_masks_and_many_segments_are_sampled() -> None:
    mask = np.zeros((3000, 4000), np.uint8)
    mask[:, :1000] = 1
    segments = Segments(
        size=(4000, 3000),
        boxes=np.array([[0, 0, 4000, 3000]] * 400, np.int32),
        class_ids=np.ones(400, np.int32),
        scores=np.ones(400, np.float32),
        masks=[mask] * 400,
    )
    image = np.zeros((3000, 4000, 3), np.uint8)
    taken = []
    for _ in range(5):
        start = time.thread_time()
        found = features_of_picture(image, (4000, 3000), 0.5) | features_of_answer(segments)
        taken.append(time.thread_time() - start)
    assert found["area"] == pytest.approx(0.25, rel=0.02)
    assert min(taken) < 0.01  # about a millisecond; reading all pixels takes a second


@pytest.mark.parametrize(
    ("values", "filled", "beyond"),
    [
        (range(100), 10, (-6, 105)),  # ten of each ten
        (np.random.default_rng(0).lognormal(size=67), 6, (-1, 100)),
        ([65536] * 40, 1, (60000, 70000)),  # all pictures of one size
        ([0] * 40, 1, (-1, 1)),
        ([1] * 39 + [2], 2, (0, 3)),  # nearly all the same
        ([1] * 3 + [2] * 37, 2, (0, 3)),
        ([0.5] * 20 + [1.0] * 20, 2, (0, 1.1)),
    ],
)
def test_bins_hold_about_as_many_and_beyond_them_is_nothing(
    values: list[float], filled: int, beyond: tuple[float, float]
) -> None:
    histogram = histogram_of(list(values))
    assert sum(histogram.counts) == len(values)
    assert np.count_nonzero(histogram.counts) == filled
    assert histogram.counts[0] == histogram.counts[-1] == 0
    assert [histogram.bin_of(value) for value in beyond] == [0, len(histogram.counts) - 1]
    counts = np.bincount([histogram.bin_of(value) for value in values], minlength=len(histogram.counts))
    assert counts.tolist() == histogram.counts


def test_a_baseline_leaves_out_what_too_few_pictures_have() -> None:
    picture = {"brightness": 1.0, "contrast": 1.0, "size": 1.0}
    seen = [{**picture, "count": 0.0}] * 25 + [{**picture, "count": 1.0, "score": 0.9, "area": 0.1}] * 15
    baseline = baseline_of(seen)
    assert baseline.pictures == 40
    assert set(baseline.histograms) == {"brightness", "contrast", "size", "count"}
    assert baseline.bins_of({"brightness": 1.0, "score": 0.9}) == {"brightness": 1}
    with pytest.raises(ValueError, match="29 pictures are too few for a baseline"):
        baseline_of(seen[:29])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"edges": [2, 1], "counts": [0, 1, 0]}, "ascending order"),
        ({"edges": [1, 2], "counts": [1, 0]}, "2 edges need 3 counts"),
        ({"edges": [1], "counts": [0, 0]}, "at least one picture"),
        ({"edges": [], "counts": [1]}, "at least 1 item"),
        ({"edges": [1], "counts": [-1, 2]}, "greater than or equal to 0"),
        ({"edges": ["nan"], "counts": [1, 2]}, "finite"),
    ],
)
def test_a_histogram_that_is_none_is_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Histogram.model_validate(values)


def test_a_feature_that_the_service_does_not_measure_is_refused() -> None:
    with pytest.raises(ValidationError, match=f"hue: the features are {', '.join(FEATURES)}"):
        Baseline(pictures=40, histograms={"hue": histogram_of([1, 2])})
