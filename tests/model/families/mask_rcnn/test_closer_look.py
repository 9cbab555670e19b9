"""A picture whose objects are too small for the network is looked at again, closer."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from tiny_model import TINY

from model.families.mask_rcnn.fit import closer_tiling_of, tiling_of
from model.results.result import Wishes
from model.results.segments import Segments
from model.segmenter import Segmenter

Noise = Callable[..., npt.NDArray[np.uint8]]

CLOSER = dataclasses.replace(TINY, least_object_size=1000, closer_scale=2.0)
OVERLAP = 32


def changed(segmenter: Segmenter, **config: Any) -> Segmenter:
    """The same network in tiles, under a changed config."""
    manifest = segmenter.bundle.manifest
    values = {"config": {**manifest.config, **config}, "tile_overlap": OVERLAP}
    manifest = manifest.model_copy(update=values)
    return Segmenter(dataclasses.replace(segmenter.bundle, manifest=manifest), segmenter.runner)


def assert_equal(one: Segments, other: Segments) -> None:
    assert one.boxes.tolist() == other.boxes.tolist()
    assert one.scores.tolist() == other.scores.tolist()
    assert all(map(np.array_equal, one.masks, other.masks))


@pytest.mark.parametrize(
    ("size", "scale"),
    [
        ((128, 96), 2),
        ((300, 128), 2),
        ((128, 128), 2),
        ((40, 30), None),  # enlarged so much already
        ((1000, 500), 1.45),  # as much as keeps the tiles few: else it would be some hundred
    ],
)
def test_it_is_enlarged_as_far_as_tiles_stay_few(size: tuple[int, int], scale: float | None) -> None:
    tiling = closer_tiling_of(size, CLOSER, OVERLAP)
    if scale is None:
        assert tiling is None
        return
    assert tiling is not None
    assert tiling.enough == size
    assert tiling.fit.scale == pytest.approx(scale, rel=0.1)
    assert tiling.fit.scale > tiling_of(size, CLOSER, OVERLAP).fit.scale
    assert len(tiling.tiles) <= 256
    seen = np.zeros((size[1], size[0]), bool)
    for tile in tiling.tiles:
        tile.of(seen)[:] = True
    assert seen.all()


@pytest.mark.parametrize(
    ("overlap", "config"), [(None, CLOSER), (OVERLAP, TINY)], ids=["no tiles", "no scale"]
)
def test_a_model_that_has_no_closer_look_has_none(overlap: int | None, config: Any) -> None:
    assert closer_tiling_of((128, 96), config, overlap) is None


@pytest.mark.parametrize("size", [(128, 96), (300, 128)], ids=["whole", "in tiles"])
@pytest.mark.parametrize(
    ("least_object_size", "looks_again"), [(1000, True), (1, False)], ids=["small objects", "large objects"]
)
def test_the_size_of_the_objects_decides(
    tiny_segmenter: Segmenter,
    noise: Noise,
    size: tuple[int, int],
    least_object_size: int,
    looks_again: bool,
) -> None:
    model = changed(tiny_segmenter, least_object_size=least_object_size, closer_scale=2.0)
    found = model.segment(noise(*size), max_segments=1000)

    once = changed(tiny_segmenter).segment(noise(*size), max_segments=1000)
    tiling = closer_tiling_of(size, CLOSER, OVERLAP)
    assert tiling is not None
    assert len(once) >= 20
    if looks_again:
        assert len(found) > len(once)
        assert (found.boxes[:, 2:] - found.boxes[:, :2]).max() <= max(size)
    else:
        assert_equal(found, once)


@pytest.mark.parametrize("size", [(128, 96), (300, 128)], ids=["whole", "in tiles"])
@pytest.mark.parametrize("least_object_size", [1000, 1], ids=["small objects", "large objects"])
@pytest.mark.parametrize(
    "wishes", [{"max_segments": 3}, {"threshold": 0.4}, {"threshold": 0.4, "max_segments": 1}]
)
def test_what_is_asked_for_does_not(
    tiny_segmenter: Segmenter,
    noise: Noise,
    size: tuple[int, int],
    least_object_size: int,
    wishes: dict[str, Any],
) -> None:
    model = changed(tiny_segmenter, least_object_size=least_object_size, closer_scale=2.0)
    every = model.segment(noise(*size), max_segments=1000)
    kept = every.select(np.flatnonzero(every.scores >= np.float32(wishes.get("threshold", 0))))

    result = model.predict(noise(*size), Wishes(**{"max_segments": 1000, **wishes}))

    assert result.found == len(kept)
    assert_equal(result.segments, kept.select(np.arange(min(len(kept), wishes.get("max_segments", 1000)))))


def test_a_picture_of_few_objects_is_not_judged_by_them(tiny_segmenter: Segmenter, noise: Noise) -> None:
    blank = np.zeros((96, 128, 3), np.uint8)
    picture = blank.copy()
    picture[:20, :20] = noise(20, 20)
    model = changed(tiny_segmenter, least_object_size=1000, closer_scale=2.0, post_nms_rois_inference=10)
    assert_equal(model.segment(picture), changed(tiny_segmenter, post_nms_rois_inference=10).segment(picture))
