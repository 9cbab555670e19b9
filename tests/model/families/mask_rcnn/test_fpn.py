"""The pyramid's own arithmetic; that the whole is Matterport's, the golden comparison shows."""

from __future__ import annotations

import numpy as np

from model.families.mask_rcnn.fpn import Upsample


def test_upsampling_repeats_each_cell_exactly() -> None:
    cells = np.random.default_rng(0).standard_normal((2, 3, 5, 4), np.float32)
    expected = cells.repeat(2, axis=1).repeat(2, axis=2)
    np.testing.assert_array_equal(Upsample()(cells), expected)
    assert Upsample().compute_output_shape((None, None, 5, 4)) == (None, None, 10, 4)
