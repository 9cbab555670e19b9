"""ImageJ's regions of interest, opened again by roifile."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hard_segments import BLOCK, HARD, filled, full_frames, placed
from roifile import ROI_TYPE, ImagejRoi, roiread

from model.formats.encode import CannotEncode
from model.formats.rois import segments_to_rois
from model.results.segments import Segments


def opened(segments: Segments, class_names: list[str], folder: Path) -> list[ImagejRoi]:
    path = folder / "rois.zip"
    path.write_bytes(segments_to_rois(segments, class_names))
    return roiread(path) if len(segments) else []


@pytest.mark.parametrize("segments", HARD.values(), ids=HARD)
def test_the_regions_enclose_the_very_masks(
    segments: Segments, class_names: list[str], tmp_path: Path
) -> None:
    frames = [(index, frame) for index, frame in enumerate(full_frames(segments)) if frame.any()]
    if not frames and len(segments):
        assert len(segments_to_rois(segments, class_names)) == 22  # an empty zip file
        return

    rois = opened(segments, class_names, tmp_path)

    assert len({roi.name for roi in rois}) == len(rois)
    for roi, (index, frame) in zip(rois, frames, strict=True):
        assert roi.name == f"{index + 1:04d}-cell"
        rings = roi.coordinates(multi=True)
        assert (filled(rings, frame.shape) == frame).all()
        corners = np.concatenate(rings)
        assert [roi.left, roi.top, roi.right, roi.bottom] == [*corners.min(axis=0), *corners.max(axis=0)]


def test_one_ring_is_what_the_wand_makes_and_several_are_a_composite(
    class_names: list[str], tmp_path: Path
) -> None:
    (plain,) = opened(HARD["top"], class_names, tmp_path)
    (hole,) = opened(HARD["hole"], class_names, tmp_path)
    (parts,) = opened(HARD["two parts"], class_names, tmp_path)

    assert plain.roitype == ROI_TYPE.TRACED and not plain.composite
    assert hole.composite and len(hole.coordinates(multi=True)) == 2
    assert parts.composite and len(parts.coordinates(multi=True)) == 2


def test_names_that_are_not_latin_are_kept(segments: Segments, tmp_path: Path) -> None:
    rois = opened(segments, ["background", "细胞核", "Zürich/../x"], tmp_path)

    assert [roi.name for roi in rois] == ["0001-Zürich-x", "0002-细胞核"]


def test_coordinates_of_16_bits_come_back(class_names: list[str], tmp_path: Path) -> None:
    bar = np.ones((1, 60_535), np.uint8)  # wide enough for signed numbers to overflow
    first, second = opened(placed((60_535, 4), (0, 0, bar), (60_531, 1, BLOCK)), class_names, tmp_path)

    assert first.coordinates().max() == second.coordinates()[:, 0].max() == 60_535


def test_an_image_that_imagej_cannot_count_is_refused(class_names: list[str]) -> None:
    with pytest.raises(CannotEncode, match="60536 x 4 pixels is too large for ImageJ"):
        segments_to_rois(placed((60_536, 4), (0, 0, BLOCK)), class_names)
