"""Figures of a classifier: accuracy, precision and recall by class, the confusion matrix, reliability."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from model.data.classified import ClassifiedFolder
from model.evaluation.reliability import Reliability, reliability
from model.evaluation.table import cell, to_lines

TOP = (1, 3, 5)
"""The usual k of top-k accuracy; those that are no fewer than the classes are left out."""

Figures = dict[str, float | None]


@dataclass(frozen=True)
class ClassEvaluation:
    """The result of classifying N pictures.

    Attributes:
        classes: names of the K classes.
        ids: the pictures' ids.
        truth: int64 (N,), the true class of each picture, 0 to K - 1.
        probabilities: float64 (N, K); each row adds up to 1.
    """

    classes: Sequence[str]
    ids: Sequence[str]
    truth: npt.NDArray[np.int64]
    probabilities: npt.NDArray[np.float64]

    def __post_init__(self) -> None:
        expected = (len(self.ids), len(self.classes))
        if self.probabilities.shape != expected or self.truth.shape != expected[:1]:
            raise ValueError(
                f"{expected[0]} pictures and {expected[1]} classes need probabilities of shape {expected} "
                f"and as many true classes, not {self.probabilities.shape} and {self.truth.shape}"
            )
        if not len(self.ids):
            raise ValueError("there are no images to evaluate on")

    @property
    def answers(self) -> npt.NDArray[np.int64]:
        """int64 (N,), the most probable class of each picture, the first of several."""
        return self.probabilities.argmax(axis=1)

    @property
    def accuracy(self) -> float:
        """The share of pictures whose most probable class is right."""
        return float((self.answers == self.truth).mean())

    @property
    def confusion(self) -> npt.NDArray[np.int64]:
        """int64 (K, K), pictures by true class (row) and most probable class (column)."""
        return confusion(self.truth, self.answers, len(self.classes))

    @property
    def reliability(self) -> Reliability:
        """How often the most probable class is right, by its probability."""
        return reliability(self.probabilities.max(axis=1), self.answers == self.truth)

    def all(self) -> Figures:
        """Accuracy, its mean over classes (balanced), top-k accuracy, and the calibration error."""
        recalls = [row["recall"] for row in self.by_class().values()]
        known = [recall for recall in recalls if recall is not None]
        return {
            "images": len(self.ids),
            "accuracy": self.accuracy,
            "balanced accuracy": float(np.mean(known)),
            **{
                f"top {k}": top_k(self.truth, self.probabilities, k) for k in TOP if 1 < k < len(self.classes)
            },
            "calibration error": self.reliability.error,
        }

    def by_class(self) -> dict[str, Figures]:
        """Class name → pictures, precision, recall and F1; None if nothing is known of it."""
        table = self.confusion
        rows: dict[str, Figures] = {}
        for index, name in enumerate(self.classes):
            right, there, answered = table[index, index], table[index].sum(), table[:, index].sum()
            rows[name] = {
                "images": int(there),
                "answered": int(answered),
                "precision": float(right / answered) if answered else None,
                "recall": float(right / there) if there else None,
                "F1": float(2 * right / (there + answered)) if there + answered else None,
            }
        return rows

    def to_json(self) -> dict[str, Any]:
        """All figures, 0 to 1, for `json.dump`."""
        right = (self.answers == self.truth).tolist()
        of_truth = self.probabilities[np.arange(len(self.ids)), self.truth].tolist()
        return {
            "all": self.all(),
            "classes": self.by_class(),
            "confusion": self.confusion.tolist(),
            "reliability": self.reliability.to_json(),
            "calibration_error": self.reliability.error,
            "per_image": [
                {
                    "id": id,
                    "class": self.classes[true],
                    "answer": self.classes[answer],
                    "right": is_right,
                    "probability": probability,
                }
                for id, true, answer, is_right, probability in zip(
                    self.ids, self.truth.tolist(), self.answers.tolist(), right, of_truth, strict=True
                )
            ],
        }

    def to_table(self) -> str:
        """Markdown tables: `all`, `by_class`, the confusion matrix; a sentence about the worst mistake."""
        rows = self.confusion
        matrix: dict[str, dict[str, float | None]] = {
            name: {other: int(count) for other, count in zip(self.classes, row, strict=True)}
            for name, row in zip(self.classes, rows, strict=True)
        }
        tables = [
            to_lines({"all": self.all()}),
            to_lines(self.by_class(), "class"),
            to_lines(matrix, "true, answered"),
        ]
        wrong = rows - np.diag(np.diag(rows))
        true, answer = divmod(int(wrong.argmax()), len(self.classes))
        most = (
            f"Most frequent mistake: {self.classes[true]} taken for {self.classes[answer]}, "
            f"{wrong[true, answer]} of {rows[true].sum()}."
            if wrong.any()
            else "There is no mistake."
        )
        error = f"Expected calibration error: {cell(self.reliability.error)}."
        return "\n\n".join("\n".join(lines) for lines in tables) + f"\n\n{most} {error}"


def evaluate_classes(
    classify: Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.floating]],
    data: ClassifiedFolder,
    *,
    progress: bool = True,
) -> ClassEvaluation:
    """Runs `classify` on each picture of `data`.

    Args:
        classify: uint8 (H, W, 3) RGB → (K,), the probability of each class of `data`.
        data: the pictures and their classes.
        progress: show a progress bar.

    Raises:
        ValueError: there are no pictures.
        DataError: a picture cannot be read.
    """
    indices = tqdm(range(len(data)), desc="evaluate", unit="image", disable=not progress)
    rows = [np.asarray(classify(data[index].image), np.float64) for index in indices]
    probabilities = np.array(rows).reshape(-1, len(data.classes))
    return ClassEvaluation(data.classes, data.ids, np.array(data.class_ids, np.int64), probabilities)


def confusion(
    truth: npt.NDArray[np.integer], answers: npt.NDArray[np.integer], classes: int
) -> npt.NDArray[np.int64]:
    """int64 (K, K), counts by true class (row) and answered class (column)."""
    keys = truth.astype(np.int64) * classes + answers
    return np.bincount(keys, minlength=classes**2).reshape(classes, classes)


def top_k(truth: npt.NDArray[np.integer], probabilities: npt.NDArray[np.floating], k: int) -> float:
    """The share of pictures whose true class is one of the k most probable; of equals, the first count."""
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :k]
    return float((order == truth[:, None]).any(axis=1).mean())
