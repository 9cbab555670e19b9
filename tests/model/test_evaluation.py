"""Evaluation, against numbers worked out by hand."""

from __future__ import annotations

import contextlib
import io
import json
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools.cocoeval import COCOeval

from model.data import DataError, DataSet, Sample, open_data
from model.evaluation.coco_map import SIZES
from model.evaluation.evaluate import evaluate
from model.evaluation.known_classes import KnownClasses
from model.evaluation.result import Evaluation
from model.evaluation.sheet import worst_sheet
from model.results.segments import Segments

SHARED = Path(__file__).parents[3] / "shared"
SIZE = 40  # pixels, each side of every image here

Box = tuple[int, int, int, int]
LEFT: Box = (0, 0, 10, 10)
RIGHT: Box = (20, 0, 30, 10)
LEFT_SHIFTED: Box = (2, 0, 12, 10)  # by 2 of 10: IoU with LEFT 80 / 120
LEFT_HALF: Box = (0, 0, 5, 10)  # IoU with LEFT exactly 0.5


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


def filled(boxes: Sequence[Box]) -> list[np.ndarray]:
    return [np.ones((y2 - y1, x2 - x1), np.uint8) for x1, y1, x2, y2 in boxes]


def sample_of(*boxes: Box, class_id: int = 1, kind: str | None = None, crowds: Sequence[Box] = ()) -> Sample:
    return Sample(
        id="sample",
        image=np.zeros((SIZE, SIZE, 3), np.uint8),
        boxes=np.array(boxes, np.int32).reshape(-1, 4),
        class_ids=np.full(len(boxes), class_id, np.int32),
        masks=filled(boxes),
        kind=kind,
        crowd_boxes=np.array(crowds, np.int32).reshape(-1, 4),
        crowd_class_ids=np.ones(len(crowds), np.int32),
        crowd_masks=filled(crowds),
    )


def segments_of(*boxes: Box, class_id: int = 1) -> Segments:
    """Predictions with scores falling from 0.9 to 0.1."""
    return Segments(
        size=(SIZE, SIZE),
        boxes=np.array(boxes, np.int32).reshape(-1, 4),
        class_ids=np.full(len(boxes), class_id, np.int32),
        scores=np.linspace(0.9, 0.1, len(boxes)).astype(np.float32),
        masks=filled(boxes),
    )


def in_turn(predictions: Sequence[Segments]) -> Callable[[np.ndarray], Segments]:
    """A `predict` that answers for the images of a data set in their order."""
    answers = iter(predictions)
    return lambda image: next(answers)


def evaluated(sample: Sample, segments: Segments) -> Evaluation:
    return evaluate(in_turn([segments]), Memory([sample], ["background", "cat", "dog"]), progress=False)


@pytest.mark.parametrize(
    ("sample", "segments", "matched", "ap"),
    [
        # perfect
        (sample_of(LEFT, RIGHT), segments_of(LEFT, RIGHT), [2, 2], [1.0, 1.0]),
        # one missed
        (sample_of(LEFT, RIGHT), segments_of(RIGHT), [1, 1], [1 / 2, 1 / 2]),
        # one false
        (sample_of(LEFT), segments_of(LEFT, RIGHT), [1, 1], [1 / 2, 1 / 2]),
        # one missed and one false: 1 / (1 + 1 + 1)
        (sample_of(LEFT, RIGHT), segments_of(LEFT, (0, 20, 10, 30)), [1, 1], [1 / 3, 1 / 3]),
        # IoU 0.667
        (sample_of(LEFT), segments_of(LEFT_SHIFTED), [1, 0], [1.0, 0.0]),
        # IoU exactly at the threshold counts
        (sample_of(LEFT), segments_of(LEFT_HALF), [1, 0], [1.0, 0.0]),
        # two predictions of one object
        (sample_of(LEFT), segments_of(LEFT, LEFT), [1, 1], [1 / 2, 1 / 2]),
        # the better score goes first, the better fit is then false at IoU 0.5
        (sample_of(LEFT), segments_of(LEFT_SHIFTED, LEFT), [1, 1], [1 / 2, 1 / 2]),
        # nothing there, nothing found
        (sample_of(), segments_of(), [0, 0], [1.0, 1.0]),
        # nothing there, one found
        (sample_of(), segments_of(LEFT), [0, 0], [0.0, 0.0]),
        # nothing found
        (sample_of(LEFT), segments_of(), [0, 0], [0.0, 0.0]),
        # the right place, the wrong class
        (sample_of(LEFT, class_id=1), segments_of(LEFT, class_id=2), [0, 0], [0.0, 0.0]),
        # inside a crowd: neither right nor wrong
        (sample_of(LEFT, crowds=[(20, 0, 40, 40)]), segments_of(LEFT, RIGHT), [1, 1], [1.0, 1.0]),
        # a crowd of something else excuses nothing
        (sample_of(crowds=[LEFT]), segments_of(LEFT, class_id=2), [0, 0], [0.0, 0.0]),
        # an object within a crowd is still found
        (sample_of(LEFT, crowds=[(0, 0, 40, 40)]), segments_of(LEFT), [1, 1], [1.0, 1.0]),
    ],
)
def test_ap_of_one_image(sample: Sample, segments: Segments, matched: list[int], ap: list[float]) -> None:
    image = evaluated(sample, segments).images[0]
    assert image.truth == len(sample)
    assert image.found == len(segments)
    assert image.matched == matched
    assert image.average_precision == pytest.approx(ap)


@pytest.mark.parametrize(
    ("sample", "segments", "mean_ap", "ap50", "ap75"),
    [
        # perfect
        (sample_of(LEFT, RIGHT), segments_of(LEFT, RIGHT), 1.0, 1.0, 1.0),
        # IoU 0.667 passes 0.50, 0.55, 0.60 and 0.65 of the ten thresholds
        (sample_of(LEFT), segments_of(LEFT_SHIFTED), 0.4, 1.0, 0.0),
        # recall reaches 0.5: 51 of the 101 recall levels
        (sample_of(LEFT, RIGHT), segments_of(LEFT), 51 / 101, 51 / 101, 51 / 101),
        # a false one after the right one costs nothing
        (sample_of(LEFT), segments_of(LEFT, RIGHT), 1.0, 1.0, 1.0),
        # a false one before the right one halves the precision
        (sample_of(LEFT), segments_of(RIGHT, LEFT), 0.5, 0.5, 0.5),
        # a crowd is ignored
        (sample_of(LEFT, crowds=[(20, 0, 40, 40)]), segments_of(RIGHT, LEFT), 1.0, 1.0, 1.0),
        # nothing found
        (sample_of(LEFT), segments_of(), 0.0, 0.0, 0.0),
        # nothing to find
        (sample_of(), segments_of(), None, None, None),
    ],
)
def test_coco_map(
    sample: Sample, segments: Segments, mean_ap: float | None, ap50: float | None, ap75: float | None
) -> None:
    coco = evaluated(sample, segments).coco
    expected = {"mAP": mean_ap, "AP50": ap50, "AP75": ap75}
    # Every mask here fills its box, so both measures agree.
    assert coco["mask"] == pytest.approx(expected)
    assert coco["box"] == pytest.approx(expected)


def test_coco_map_counts_more_than_100_objects_an_image() -> None:
    grid = [(x, y, x + 2, y + 2) for x in range(0, SIZE, 2) for y in range(0, SIZE, 2)]
    assert len(grid) == 400
    assert evaluated(sample_of(*grid), segments_of(*grid)).coco["mask"]["mAP"] == pytest.approx(1.0)


def test_masks_are_compared_not_boxes() -> None:
    sample = sample_of(LEFT)
    sample.masks[0][2:, 2:] = 0  # an L of 36 pixels in a box of 100
    evaluation = evaluated(sample, segments_of(LEFT))
    assert evaluation.images[0].matched == [0, 0]
    assert evaluation.coco["mask"]["AP50"] == 0.0
    assert evaluation.coco["box"]["AP50"] == pytest.approx(1.0)


@pytest.fixture
def three_images() -> tuple[Evaluation, Memory]:
    """AP50 1 and 0 (bright), and 1/2 (dark)."""
    samples = [
        sample_of(LEFT, RIGHT, kind="bright"),
        sample_of(LEFT, kind="bright"),
        sample_of(LEFT, kind="dark"),
    ]
    data = Memory(samples, ["background", "cat"])
    predictions = [segments_of(LEFT, RIGHT), segments_of(RIGHT), segments_of(LEFT, LEFT)]
    return evaluate(in_turn(predictions), data, progress=False), data


def test_rows_sum_the_counts_and_average_ap_over_images(three_images: tuple[Evaluation, Memory]) -> None:
    rows = three_images[0].rows()
    assert list(rows) == ["all", "bright", "dark"]
    assert rows["bright"] == {
        "images": 2, "truth": 3, "found": 3, "matched50": 2, "matched75": 2, "AP50": 0.5, "AP75": 0.5,
    }  # fmt: skip
    assert rows["all"]["AP50"] == pytest.approx((1 + 0 + 1 / 2) / 3)
    assert rows["all"]["truth"] == 4


def test_json_holds_every_image_and_survives_json(three_images: tuple[Evaluation, Memory]) -> None:
    report = json.loads(json.dumps(three_images[0].to_json()))
    assert report["iou_thresholds"] == [0.5, 0.75]
    assert report["all"]["images"] == 3
    assert set(report["kinds"]) == {"bright", "dark"}
    assert [image["AP50"] for image in report["per_image"]] == [1.0, 0.0, 0.5]
    assert report["per_image"][2]["kind"] == "dark"
    assert set(report["coco"]["mask"]) == {"mAP", "AP50", "AP75"}


def test_the_table_has_a_row_for_each_kind_and_cocos_figures(
    three_images: tuple[Evaluation, Memory],
) -> None:
    lines = three_images[0].to_table().splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[0] == ["", "images", "truth", "found", "matched50", "matched75", "AP50", "AP75"]
    assert cells[2] == ["all", "3", "4", "5", "3", "3", "0.500", "0.500"]
    assert cells[4] == ["dark", "1", "1", "2", "1", "1", "0.500", "0.500"]
    assert [row[0] for row in cells if row[0].startswith("COCO mask")] == [
        "COCO mask, best 100",
        "COCO mask, best 1000",
    ]


def test_data_without_kinds_has_one_row_and_unknown_figures_show_as_a_dash() -> None:
    evaluation = evaluated(sample_of(), segments_of())
    assert list(evaluation.rows()) == ["all"]
    coco = next(line for line in evaluation.to_table().splitlines() if "COCO box, best 1000" in line)
    assert [cell.strip() for cell in coco.strip("|").split("|")][1:] == ["–", "–", "–"]


@pytest.mark.parametrize(
    ("segments", "told"),
    [
        # right at 0.9, wrong at 0.1
        (segments_of(LEFT, RIGHT), "The best F1 is 1.000, at threshold 0.15; at 0, as used, it is 0.667."),
        (segments_of(RIGHT), "No prediction found an object, so all thresholds are equally good."),
        (segments_of(), "No prediction found an object, so all thresholds are equally good."),
    ],
)
def test_the_table_says_which_threshold_would_be_the_best(segments: Segments, told: str) -> None:
    assert evaluated(sample_of(LEFT), segments).to_table().endswith(told)


def test_other_iou_thresholds_name_their_columns() -> None:
    data = Memory([sample_of(LEFT)], ["background", "cat"])
    evaluation = evaluate(
        in_turn([segments_of(LEFT_SHIFTED)]), data, iou_thresholds=[0.65, 0.7], progress=False
    )
    assert (evaluation.rows()["all"]["AP65"], evaluation.rows()["all"]["AP70"]) == (1.0, 0.0)


def test_unsure_answers_enter_cocos_figures_and_the_sweep_only() -> None:
    looks = []

    def predict(image: np.ndarray) -> Segments:
        looks.append(image)
        return segments_of(LEFT, RIGHT)  # of scores 0.9 and 0.1

    data = Memory([sample_of(LEFT, RIGHT)], ["background", "cat"])
    evaluation = evaluate(predict, data, threshold=0.5, lowest=0.1, progress=False)
    assert len(looks) == 1  # one pass
    assert (evaluation.images[0].found, evaluation.images[0].average_precision[0]) == (1, 0.5)
    assert evaluation.coco["mask"]["mAP"] == pytest.approx(1.0)
    recalls = {row["threshold"]: row["recall"] for row in evaluation.sweep()}
    assert min(recalls) == 0.1  # below, it was not asked
    assert (recalls[0.1], recalls[0.15], recalls[0.5], recalls[0.9], recalls[0.95]) == (1, 0.5, 0.5, 0.5, 0)


def test_each_threshold_of_the_sweep_is_what_an_evaluation_there_says() -> None:
    """Also where predictions compete for an object, or lie in a crowd."""
    sample = sample_of(LEFT, RIGHT, (0, 20, 10, 30), crowds=[(20, 20, 40, 40)])
    boxes = [LEFT_SHIFTED, LEFT, (22, 22, 30, 30), RIGHT, (10, 20, 20, 30), (0, 20, 10, 30)]
    data = Memory([sample, sample_of(LEFT)], ["background", "cat"])
    answers = [segments_of(*boxes), segments_of(RIGHT, LEFT)]
    swept = evaluate(in_turn(answers), data, progress=False).sweep()
    assert len(swept) == 20
    for row in swept:
        cut = [one.select(np.flatnonzero(one.scores >= np.float32(row["threshold"]))) for one in answers]
        there = evaluate(in_turn(cut), data, progress=False).rows()["all"]
        for name in ("truth", "found", "matched50", "matched75", "AP50"):
            assert row[name] == there[name], (name, row["threshold"])
    at_half = next(row for row in swept if row["threshold"] == 0.5)
    # One of four objects is found. Two predictions are wrong, and one lies in a crowd.
    assert (at_half["precision"], at_half["recall"], at_half["F1"]) == (1 / 3, 1 / 4, 2 / 7)


def test_coco_counts_the_best_100_as_the_standard_does_beside_the_best_1000() -> None:
    grid = [(x, y, x + 2, y + 2) for x in range(0, SIZE, 2) for y in range(0, SIZE, 2)]
    figures = evaluated(sample_of(*grid), segments_of(*grid)).coco_figures
    assert figures.best_1000["mask"]["mAP"] == pytest.approx(1.0)
    assert figures.best_100["mask"]["mAP"] == pytest.approx(26 / 101)  # recall reaches a quarter of 400


def test_the_standard_figures_are_those_of_pycocotools_own_summary(tmp_path: Path) -> None:
    """Of a model that is wrong in every way; two classes, three sizes."""
    rng = np.random.default_rng(4)
    samples, answers = [], []
    for _ in range(6):
        corners = rng.integers(0, 100, (6, 2))
        sides = rng.choice([12, 40, 110], (6, 1)) + rng.integers(0, 8, (6, 2))
        boxes = np.concatenate([corners, corners + sides], axis=1).astype(np.int32)
        class_ids = rng.integers(1, 3, 6).astype(np.int32)
        image = np.zeros((240, 240, 3), np.uint8)
        samples.append(Sample("drawn", image, boxes, class_ids, filled(boxes.tolist())))
        moved = boxes + rng.integers(-4, 5, (6, 4))
        guessed = np.clip(moved, 0, 240).astype(np.int32)
        scores = np.sort(rng.random(6).astype(np.float32))[::-1]
        answers.append(Segments((240, 240), guessed, class_ids, scores, filled(guessed.tolist())))
    data = Memory(samples, ["background", "cat", "dog"])
    evaluation = evaluate(in_turn(answers), data, progress=False)
    figures = evaluation.coco_figures

    scorer = evaluation.scorer
    with contextlib.redirect_stdout(io.StringIO()):
        standard = COCOeval(scorer._index(scorer._truth), scorer._index(scorer._predictions), "segm")
        standard.evaluate()
        standard.accumulate()
        standard.summarize()
    ours = [*figures.best_100["mask"].values(), *(figures.sizes[size]["mAP"] for size in SIZES)]
    assert ours == pytest.approx(standard.stats[:6].tolist())
    assert 0 < figures.classes["cat"]["mAP"] != figures.classes["dog"]["mAP"]
    assert sum(figures.sizes[size]["truth"] for size in SIZES) == 36
    # The area under the curve is COCO's AP.
    assert np.mean(figures.precision["50"]) == pytest.approx(figures.best_1000["mask"]["AP50"])


def test_classes_are_told_apart() -> None:
    sample = sample_of(LEFT, RIGHT)
    sample.class_ids[1] = 2
    rows = evaluated(sample, segments_of(LEFT)).class_rows()
    assert {name: (row["truth"], row["found"], row["recall"], row["mAP"]) for name, row in rows.items()} == {
        "cat": (1, 1, 1, pytest.approx(1)),
        "dog": (1, 0, 0, 0),
    }


def test_data_of_some_of_a_models_classes_are_seen_with_its_ids() -> None:
    sample = sample_of(LEFT, RIGHT, crowds=[(0, 20, 10, 30)])
    sample.class_ids[1] = 2
    data = Memory([sample], ["background", "dog", "cat"])
    known = KnownClasses(data, ["background", "bird", "cat", "dog"])
    assert (known.asked, known.classes) == (["cat", "dog"], ["background", "bird", "cat", "dog"])
    assert known[0].class_ids.tolist() == [3, 2]
    assert known[0].crowd_class_ids.tolist() == [3]
    assert KnownClasses(data, ["background", "cat", "dog"]).asked is None

    cats = KnownClasses(data, ["background", "cat", "bird"], ["cat"])[0]
    assert (cats.boxes.tolist(), cats.class_ids.tolist(), len(cats.masks)) == ([list(RIGHT)], [1], 1)
    assert len(cats.crowd_masks) == 0


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (
            None,
            "the model has the classes cat, the data cat, dog: use .*, or compare only some: --classes cat$",
        ),
        (["dog"], "the model has the classes cat, the data cat, dog: use the same names in both$"),
        (["cow"], "--classes names cow, which the data does not have: choose from cat, dog"),
    ],
)
def test_a_class_that_one_side_does_not_know_is_named(wanted: list[str] | None, told: str) -> None:
    with pytest.raises(DataError, match=told):
        KnownClasses(Memory([], ["background", "cat", "dog"]), ["background", "cat"], wanted)


def test_evaluation_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    evaluated(sample_of(LEFT), segments_of(LEFT))
    assert capsys.readouterr() == ("", "")


def test_segments_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match=r"image sample has \(40, 40\) pixels, .* for \(30, 40\)"):
        evaluated(sample_of(LEFT), Segments.none((30, 40)))


def test_an_empty_data_set_is_refused() -> None:
    with pytest.raises(ValueError, match="no images to evaluate on"):
        evaluate(in_turn([]), Memory([], ["background", "cat"]), progress=False)


def test_the_worst_sheet_shows_the_worst_image_first(
    three_images: tuple[Evaluation, Memory], tmp_path: Path
) -> None:
    evaluation, data = three_images
    worst_sheet(evaluation, data, tmp_path / "one.png", count=1)
    worst_sheet(evaluation, data, tmp_path / "all.png")
    one, every = (np.asarray(Image.open(tmp_path / name)) for name in ("one.png", "all.png"))
    height = one.shape[0]
    assert np.array_equal(every[100:height, : one.shape[1] // 2], one[100:, : one.shape[1] // 2])
    assert every.shape[0] > height


def truth_of(sample: Sample) -> Segments:
    height, width = sample.image.shape[:2]
    scores = np.ones(len(sample), np.float32)
    return Segments((width, height), sample.boxes, sample.class_ids, scores, sample.masks)


def perfect(data: DataSet) -> Evaluation:
    return evaluate(in_turn([truth_of(data[i]) for i in range(len(data))]), data, progress=False)


def unpacked(name: str, folder: Path, beneath: str = "") -> None:
    """Unpacks what lies `beneath` a path of a shared archive, or skips the test where there is none."""
    archive_path = SHARED / "data" / name
    if not archive_path.exists():
        pytest.skip(f"{archive_path} is missing")
    with tarfile.open(archive_path) as archive:
        wanted = [member for member in archive if member.name.startswith(beneath)]
        archive.extractall(folder, wanted, filter="data")


def test_coco_truth_as_prediction_is_perfect(tmp_path: Path) -> None:
    unpacked("coco_tiny.tar", tmp_path)
    data = open_data(tmp_path / "coco_tiny/annotations/instances_val2017.json")
    assert (len(data), len(data.classes)) == (80, 81)
    evaluation = perfect(data)
    for measure in ("mask", "box"):
        assert evaluation.coco[measure] == pytest.approx({"mAP": 1.0, "AP50": 1.0, "AP75": 1.0}, abs=1e-3)
    assert evaluation.rows()["all"]["AP50"] == evaluation.rows()["all"]["AP75"] == 1.0


def test_nuclei_truth_as_prediction_is_perfect_for_each_kind(tmp_path: Path) -> None:
    unpacked("nuclei.tar", tmp_path, beneath="val/")
    evaluation = perfect(open_data(tmp_path / "val"))
    rows = evaluation.rows()
    images = {"all": 67, "brightfield": 2, "fluorescence": 54, "stained": 11}
    assert {name: row["images"] for name, row in rows.items()} == images
    assert all(row["AP50"] == row["AP75"] == 1.0 for row in rows.values())
    assert rows["all"]["truth"] == rows["all"]["matched75"] == 2544
    assert evaluation.coco["mask"]["mAP"] == pytest.approx(1.0, abs=1e-3)
