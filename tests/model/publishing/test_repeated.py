"""Asked again about a picture, the network's first stage does not run again; about another one it does."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from model.engines.timing import TimedRunner
from model.publishing.repeated import RepeatedRunner
from model.results.result import Wishes
from model.segmenter import Segmenter


def test_other_thresholds_of_a_picture_cost_no_other_first_stage(
    tiny_segmenter: Segmenter, noise: Callable[..., npt.NDArray[np.uint8]]
) -> None:
    timed = TimedRunner(tiny_segmenter.runner)
    repeated = Segmenter(tiny_segmenter.bundle, RepeatedRunner(timed))
    pictures = [noise(96, 80, seed) for seed in (1, 2)]

    for picture in (*pictures, pictures[0]):
        for threshold in (0.0, 0.1):
            found = repeated.predict(picture, Wishes(threshold=threshold)).segments
            expected = tiny_segmenter.predict(picture, Wishes(threshold=threshold)).segments
            np.testing.assert_array_equal(found.boxes, expected.boxes)
            np.testing.assert_array_equal(found.scores, expected.scores)

    assert len(timed._milliseconds["trunk"]) == 3
