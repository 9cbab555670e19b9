"""Figures of a classifier, against numbers worked out by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.data.classified import open_classified
from model.evaluation.classes import ClassEvaluation, evaluate_classes, top_k

CLASSES = ("sea", "forest", "street", "glacier")


def evaluation(truth: list[int], probabilities: list[list[float]]) -> ClassEvaluation:
    ids = [f"{index}.jpg" for index in range(len(truth))]
    return ClassEvaluation(CLASSES, ids, np.array(truth), np.array(probabilities))


@pytest.fixture
def four() -> ClassEvaluation:
    """Two seas of which one is taken for a glacier, a forest, a street taken for a sea; no glacier."""
    return evaluation(
        [0, 0, 1, 2],
        [[0.7, 0.1, 0.1, 0.1], [0.3, 0.1, 0.1, 0.5], [0, 1, 0, 0], [0.5, 0.2, 0.3, 0]],
    )


def test_accuracy_and_the_confusion_matrix_count_pictures(four: ClassEvaluation) -> None:
    assert four.accuracy == 0.5
    assert four.confusion.tolist() == [[1, 0, 0, 1], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]


def test_each_class_has_precision_and_recall_or_none_if_nothing_is_known(four: ClassEvaluation) -> None:
    rows = four.by_class()

    assert rows["sea"] == {"images": 2, "answered": 2, "precision": 0.5, "recall": 0.5, "F1": 0.5}
    assert (rows["street"]["precision"], rows["street"]["recall"]) == (None, 0)
    assert (rows["glacier"]["precision"], rows["glacier"]["recall"]) == (0, None)


def test_top_k_counts_pictures_whose_class_is_among_the_first(four: ClassEvaluation) -> None:
    assert four.all()["top 3"] == 1.0
    assert top_k(four.truth, four.probabilities, 2) == 1.0
    assert top_k(np.array([3]), np.full((1, 4), 0.25), 3) == 0.0  # of equals, the first count
    assert "top 5" not in four.all()


def test_the_balanced_accuracy_is_the_mean_recall_of_classes_that_occur(four: ClassEvaluation) -> None:
    assert four.all()["balanced accuracy"] == pytest.approx((0.5 + 1 + 0) / 3)


def test_json_has_each_picture_and_the_table_the_worst_mistake(four: ClassEvaluation) -> None:
    figures = json.loads(json.dumps(four.to_json()))

    assert figures["per_image"][1] == {
        "id": "1.jpg",
        "class": "sea",
        "answer": "glacier",
        "right": False,
        "probability": 0.3,
    }
    # Confidences 0.7, 0.5, 1, 0.5: right, wrong, right, wrong.
    assert figures["calibration_error"] == pytest.approx((0.3 + 2 * 0.5 + 0) / 4)
    assert "Most frequent mistake: sea taken for glacier, 1 of 2." in four.to_table()


def test_arrays_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"1 pictures and 4 classes need probabilities of shape \(1, 4\)"):
        evaluation([0], [[0.5, 0.5]])


def test_pictures_in_a_folder_for_each_class_are_classified_one_by_one(tmp_path: Path) -> None:
    """By a model that takes every dark picture for the first class."""
    for name, grey in {"day/1.png": 200, "day/2.png": 20, "night/1.png": 10}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (8, 8), (grey, grey, grey)).save(tmp_path / name)
    data = open_classified(tmp_path, ["night", "day"])

    found = evaluate_classes(
        lambda image: np.array([0.9, 0.1] if image.mean() < 100 else [0.2, 0.8]), data, progress=False
    )

    assert found.accuracy == pytest.approx(2 / 3)
    assert {one["id"] for one in found.to_json()["per_image"] if not one["right"]} == {"day/2.png"}
