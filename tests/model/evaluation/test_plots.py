"""The plots of an evaluation are drawn for what it has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from model.evaluation.classes import ClassEvaluation
from model.evaluation.levels import Levels
from model.evaluation.pixel_result import PixelEvaluation
from model.evaluation.plots import draw_plots


def test_a_classifier_has_a_confusion_matrix_and_pixels_have_curves(tmp_path: Path) -> None:
    truth = np.eye(8, dtype=np.uint8)
    levels = {"cat": Levels.of(truth, truth, truth * 200, None), "dog": Levels.of(truth, truth, truth, None)}
    classes = ClassEvaluation(["a", "b"], ["1"], np.array([0]), np.array([[0.8, 0.2]]))

    of_pixels = draw_plots(PixelEvaluation(["cat", "dog"], [], 0.5, levels), tmp_path)
    of_classes = draw_plots(classes, tmp_path)

    assert [path.name for path in of_pixels] == ["pr_curve.png", "reliability.png"]
    assert [path.name for path in of_classes] == ["reliability.png", "confusion.png"]
    for path in {*of_pixels, *of_classes}:
        assert np.ptp(np.asarray(Image.open(path).convert("L"))) > 100


def test_without_probabilities_there_is_nothing_to_draw(tmp_path: Path) -> None:
    assert draw_plots(PixelEvaluation(["cat"], []), tmp_path) == []
