"""Files as users send them, each of which shows the same picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from model.pictures import read

SAME = [
    "f32_gdal_deflate_predictor2.tif",
    "f64_predictor3.tif",
    "u16_bigtiff_big_endian.tif",
    "u16_no_photometric.tif",
    "u16_no_stripbytecounts.tif",
    "12bit_packed_MM.tif",
    "u16_jpeg2000.tif",
]


@pytest.mark.parametrize("name", SAME)
def test_it_looks_as_the_plain_picture(name: str, shared: Path) -> None:
    reference = read(shared / "cases" / "reference.png").astype(float)
    picture = read(shared / "cases" / name).astype(float)
    assert picture.shape == reference.shape
    assert np.abs(picture - reference).mean() < 8  # levels: greys may be spread otherwise
    assert np.corrcoef(picture.ravel(), reference.ravel())[0, 1] > 0.99


def test_a_png_with_a_profile_of_a_megabyte_is_shown(shared: Path) -> None:
    picture = read(shared / "cases" / "png_icc_profile_over_1MB.png")
    assert picture.shape == (200, 300, 3)
    assert np.ptp(picture) > 100
