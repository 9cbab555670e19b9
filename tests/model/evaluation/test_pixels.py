"""IoU and Dice of pixels, against numbers worked out by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from model.commands import evaluate as command
from model.data import Sample
from model.evaluation.pixel_result import PixelEvaluation
from model.evaluation.pixels import PixelAnswer, evaluate_pixels
from model.results.result import ClassMap, Result
from model.results.segments import Segments

Object = tuple[int, tuple[int, int, int, int]]
"""A class id and a box x1 y1 x2 y2, filled."""
SIZE = 20


@dataclass
class Memory:
    """A data set in memory."""

    samples: Sequence[Sample]
    classes: list[str]

    @property
    def ids(self) -> list[str]:
        return [sample.id for sample in self.samples]

    @property
    def kinds(self) -> list[str | None]:
        return [sample.kind for sample in self.samples]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Sample:
        return self.samples[index]


def _arrays(objects: Sequence[Object]) -> dict[str, Any]:
    boxes = np.array([box for _, box in objects], np.int32).reshape(-1, 4)
    return {
        "boxes": boxes,
        "class_ids": np.array([class_id for class_id, _ in objects], np.int32),
        "masks": [np.ones((y2 - y1, x2 - x1), np.uint8) for x1, y1, x2, y2 in boxes.tolist()],
    }


def _evaluation(
    pictures: Sequence[tuple[Sequence[Object], Sequence[Object]]],
    classes: Sequence[str] = ("cat",),
    kinds: Sequence[str | None] = (None, None),
) -> PixelEvaluation:
    """Of pictures with (what is there, what is answered)."""
    samples = [
        Sample(id=str(index), image=np.full((SIZE, SIZE, 3), index, np.uint8), kind=kind, **_arrays(there))
        for index, ((there, _), kind) in enumerate(zip(pictures, kinds, strict=False))
    ]

    def predict(image: np.ndarray) -> PixelAnswer:
        answered = pictures[image[0, 0, 0]][1]
        scores = np.ones(len(answered), np.float32)
        return PixelAnswer(Segments((SIZE, SIZE), scores=scores, **_arrays(answered)))

    return evaluate_pixels(predict, Memory(samples, ["background", *classes]), progress=False)


LARGE = ([(1, (0, 0, 10, 20))], [(1, (0, 0, 10, 10))])  # 200 there, 100 found, 100 both
SMALL = ([(1, (0, 0, 2, 1))], [(1, (1, 0, 3, 1))])  # 2 there, 2 found, 1 both


def test_pixels_of_which_nobody_says_what_they_are_count_for_nothing() -> None:
    unknown = np.zeros((SIZE, SIZE), np.uint8)
    unknown[:, 10:] = 1
    there, answered = (1, (0, 0, 10, 4)), (1, (0, 0, 20, 6))
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    data = Memory([Sample("a", image, unknown=unknown, **_arrays([there]))], ["background", "cat"])
    segments = Segments((SIZE, SIZE), scores=np.ones(1, np.float32), **_arrays([answered]))

    counts = evaluate_pixels(lambda _: PixelAnswer(segments), data, progress=False).images[0]

    assert (counts.truth.tolist(), counts.found.tolist(), counts.both.tolist()) == ([40], [60], [40])


def test_pooled_figures_count_pixels_and_means_count_images() -> None:
    figures = _evaluation([LARGE, SMALL]).rows()["all"]

    assert figures == {
        "images": 2,
        "IoU": pytest.approx(101 / 203),
        "Dice": pytest.approx(202 / 304),
        "image IoU": pytest.approx((1 / 2 + 1 / 3) / 2),
        "image Dice": pytest.approx((2 / 3 + 1 / 2) / 2),
        "accuracy": pytest.approx(1 - (100 + 2) / (2 * SIZE * SIZE)),
    }


def test_objects_of_a_class_count_as_one() -> None:
    halves = [(1, (0, 0, 10, 12)), (1, (0, 8, 10, 20))]

    assert _evaluation([([(1, (0, 0, 10, 20))], halves)]).mean_iou == 1


def test_a_class_is_judged_where_it_is_or_was_answered() -> None:
    evaluation = _evaluation(
        [LARGE, ([], [(2, (0, 0, 1, 1))]), ([], [])], ("cat", "dog", "horse"), (None, None, None)
    )
    rows = evaluation.rows()

    assert rows["class cat"]["images"] == 1
    assert rows["class dog"]["IoU"] == rows["class dog"]["image Dice"] == 0
    assert rows["class horse"]["IoU"] is None
    assert evaluation.mean_iou == pytest.approx((0.5 + 0) / 2)
    assert "–" in evaluation.to_table()


def test_kinds_have_rows_of_their_own() -> None:
    rows = _evaluation([LARGE, SMALL], kinds=("indoors", "outdoors")).rows()

    assert list(rows) == ["all", "indoors", "outdoors"]
    assert rows["outdoors"]["IoU"] == pytest.approx(1 / 3)


def test_all_figures_can_be_written_as_json() -> None:
    figures = json.loads(json.dumps(_evaluation([LARGE, SMALL], kinds=("a", None)).to_json()))

    assert figures["classes"]["cat"] == figures["all"]
    assert figures["kinds"]["a"]["Dice"] == pytest.approx(2 / 3)
    assert figures["per_image"][1]["classes"]["cat"]["IoU"] == pytest.approx(1 / 3)


def test_an_answer_of_another_size_is_an_error() -> None:
    sample = Sample(id="a", image=np.zeros((3, 4, 3), np.uint8), **_arrays([]))

    with pytest.raises(ValueError, match="its segments are for"):
        evaluate_pixels(
            lambda image: PixelAnswer(Segments.none((9, 9))),
            Memory([sample], ["background", "x"]),
            progress=False,
        )


@pytest.fixture
def masks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of one picture, half of it white in its mask, and a model that answers with all of it."""
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    half = np.zeros((SIZE, SIZE), np.uint8)
    half[:10] = 255
    Image.fromarray(np.zeros((SIZE, SIZE, 3), np.uint8)).save(tmp_path / "images" / "a.png")
    Image.fromarray(half).save(tmp_path / "masks" / "a.png")
    whole = Segments((SIZE, SIZE), scores=np.ones(1, np.float32), **_arrays([(1, (0, 0, SIZE, SIZE))]))
    labels = np.ones((SIZE, SIZE), np.uint16)
    probability = np.full((SIZE, SIZE), 204, np.uint8)  # 0.8, but 0.6 in the wrong half
    probability[10:] = 153
    manifest = SimpleNamespace(
        name="people",
        version="1",
        task="semantic",
        threshold=0.5,
        threshold_chosen_on="",
        classes=["background", "person"],
    )
    segmenter = SimpleNamespace(
        bundle=SimpleNamespace(manifest=manifest),
        engine="openvino",
        precision="f32",
        predict_each=lambda image, wishes: [
            Result(whole, ClassMap(labels, {1: 1.0}, probability)) for _ in wishes
        ],
    )
    monkeypatch.setattr(command, "load", lambda name, **way: segmenter)
    return tmp_path


def _run(*words: str) -> int:
    import argparse

    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.run(parser.parse_args(["--model", "people", *words]))


def test_the_command_measures_a_semantic_model_on_masks(
    masks: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written = masks / "figures.json"

    assert _run("--data", str(masks), "--json", str(written)) == 0

    figures = json.loads(written.read_text())
    assert figures["all"]["IoU"] == 0.5
    assert figures["classes"]["person"]["Dice"] == pytest.approx(2 / 3)
    assert "| all " in capsys.readouterr().out


def test_the_command_measures_probabilities_and_the_rand_score(
    masks: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written = masks / "figures.json"

    assert _run("--data", str(masks), "--json", str(written), "--rand", "inside") == 0

    figures = json.loads(written.read_text())
    rows = {row["threshold"]: row for row in figures["thresholds"]}
    assert (rows[0.5]["IoU"], rows[0.7]["IoU"], rows[0.85]["IoU"]) == (0.5, 1, 0)
    assert 0.6 < figures["best_threshold"] <= 0.8
    # Half says 0.8 and is all right, half says 0.6 and is all wrong.
    assert figures["calibration_error"] == pytest.approx((0.2 + 0.6) / 2)
    assert figures["pr_curve"]["precision"]["person"][-1] == 1
    assert figures["rand"]["score"] == 1
    assert figures["per_image"][0]["accuracy"] == 0.5
    assert "Foreground-restricted Rand score: 1.000" in capsys.readouterr().out


def test_the_command_draws_no_sheet_of_pixels(masks: Path) -> None:
    with pytest.raises(ValueError, match="leave out --sheet"):
        _run("--data", str(masks), "--sheet", str(masks / "sheet.png"))
