"""Intensities: those of regionprops, and a background that does not see the neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from skimage.measure import regionprops

from model.measures import measure
from model.results.masks import from_label_map
from model.results.segments import Segments

OF_REGIONPROPS = ("intensity_mean", "intensity_median", "intensity_min", "intensity_max", "intensity_std")


def segments_of(labels: npt.NDArray[Any]) -> Segments:
    boxes, masks = from_label_map(labels.astype(np.uint16))
    ones = np.ones(len(boxes))
    height, width = labels.shape
    return Segments((width, height), boxes, ones.astype(np.int32), ones.astype(np.float32), masks)


def intensities(labels: npt.NDArray[Any], image: npt.NDArray[Any]) -> list[dict[str, float | None]]:
    return list(measure(segments_of(labels), image, ["intensity"]).values)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32, np.float64])
def test_each_channel_has_the_intensities_that_regionprops_tells(dtype: type, channels: int) -> None:
    noise = np.random.default_rng(1)
    labels = noise.integers(0, 6, (30, 40))
    image = (noise.random((30, 40, channels)) * 60_000).astype(dtype)

    for mine, theirs in zip(intensities(labels, image), regionprops(labels, image), strict=True):
        for channel in range(channels):
            ending = f"-{channel}" if channels > 1 else ""  # as in skimage.measure.regionprops_table
            for name in OF_REGIONPROPS:
                expected = float(np.atleast_1d(theirs[name])[channel])
                assert mine[name + ending] == pytest.approx(
                    expected, rel=1e-6 if dtype == np.float32 else 1e-12
                )
            total = float(image[labels == theirs.label, channel].sum(dtype=np.float64))
            assert mine[f"integrated_intensity{ending}"] == pytest.approx(total)


def test_the_background_is_that_around_the_object_without_its_neighbours() -> None:
    labels = np.zeros((40, 60), np.uint8)
    labels[15:25, 10:20] = 1
    labels[15:25, 26:36] = 2  # 6 pixels further right
    image = np.full((40, 60, 1), 100, np.uint16)
    image[:, 23:] = 300  # a second background, on the side of the second object
    image[labels == 1] = 1000
    image[labels == 2] = 5000
    image[13:27, 8:22][labels[13:27, 8:22] == 0] = 700  # a halo of 2 pixels

    first, second = intensities(labels, image)

    assert first["background_intensity"] == 100
    assert first["intensity_mean_corrected"] == 900
    assert first["integrated_intensity_corrected"] == 100 * 900
    assert second["background_intensity"] == 300
    assert second["integrated_intensity_corrected"] == 100 * 4700


def test_crowded_objects_have_no_background() -> None:
    labels = 1 + np.add.outer(2 * (np.arange(40) // 20), np.arange(40) // 20)
    first = intensities(labels, np.ones((40, 40, 1), np.uint8))[0]

    assert first["intensity_mean"] == 1
    assert first["background_intensity"] is None
    assert first["integrated_intensity_corrected"] is None


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_no_numbers_give_no_measures(value: float) -> None:
    labels = np.zeros((20, 20), np.uint8)
    labels[5:10, 5:10] = 1
    image = np.ones((20, 20, 1), np.float32)
    image[7, 7] = value

    (measures,) = intensities(labels, image)

    names = ("intensity_mean", "intensity_max", "intensity_std", "integrated_intensity")
    assert [measures[name] for name in names] == [None] * 4
    assert measures["background_intensity"] == 1


def test_an_empty_mask_has_no_intensities() -> None:
    boxes = np.array([[2, 2, 5, 5]], np.int32)
    one = np.ones(1)
    empty = Segments(
        (9, 9), boxes, one.astype(np.int32), one.astype(np.float32), [np.zeros((3, 3), np.uint8)]
    )
    (measures,) = measure(empty, np.ones((9, 9, 1), np.uint8), ["intensity"]).values

    assert measures["integrated_intensity"] == 0
    assert measures["intensity_mean"] is measures["intensity_min"] is None


def test_values_of_another_size_are_refused() -> None:
    segments = segments_of(np.ones((8, 9), np.uint8))
    with pytest.raises(ValueError, match=r"9 x 8 pixels must have the shape \(8, 9, channels\)"):
        measure(segments, np.zeros((9, 8, 1), np.uint8), ["intensity"])
    with pytest.raises(ValueError, match="only with the values of the picture"):
        measure(segments, None, ["intensity"])
