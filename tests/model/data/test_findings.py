"""What is odd about data is said, with counts and names, before anybody learns or measures with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import drawn_formats
import numpy as np
import pytest
import tifffile
from drawn_formats import filled, put
from PIL import Image

from model.data import DataError, check_data, check_objects, open_data, open_data_for
from model.data.findings import Finding, counted

SIZE = (16, 12)
SQUARE = [2, 2, 8, 2, 8, 8, 2, 8]


def said_of(path: Path, capsys: pytest.CaptureFixture[str], most_objects: int | None = None) -> str:
    data = open_data(path)
    check_data(data)
    check_objects(data, most_objects)
    return capsys.readouterr().err


def coco(folder: Path, segmentations: list[Any], categories: list[dict[str, Any]] | None = None) -> Path:
    """Pictures 0.png, 1.png, … of one annotation each, of category 1."""
    for index in range(len(segmentations)):
        put(folder / f"{index}.png", np.zeros(SIZE[::-1], np.uint8))
    document = {
        "images": [
            {"id": index, "file_name": f"{index}.png", "width": SIZE[0], "height": SIZE[1]}
            for index in range(len(segmentations))
        ],
        "annotations": [
            {"id": 10 + index, "image_id": index, "category_id": 1, "segmentation": segmentation}
            for index, segmentation in enumerate(segmentations)
        ],
        "categories": categories or [{"id": 1, "name": "cat"}],
    }
    put(folder / "annotations.json", document)
    return folder


@pytest.mark.parametrize(
    ("segmentations", "told"),
    [
        ([[SQUARE], [[2, 2, 5, 5]]], "1 polygon of fewer than three points: NAME/1.png (annotation 11)"),
        ([[SQUARE, [2, 2]]], "1 polygon of fewer than three points: NAME/0.png (annotation 10)"),
        (
            [[SQUARE], [[]], [[1, 1]]],
            "2 polygons of fewer than three points: NAME/1.png (annotation 11); NAME/2",
        ),
        ([[SQUARE], [[2, 2, 2, 2, 2, 2]]], "1 object that covers no pixel: NAME/1.png (annotation 11)"),
        ([[SQUARE], [[20, 2, 28, 2, 28, 8]]], "1 object that covers no pixel: NAME/1.png (annotation 11)"),
        (
            [[SQUARE], {"size": [12, 16], "counts": [192]}],
            "1 object that covers no pixel: NAME/1.png (annotation 11)",
        ),
    ],
)
def test_what_is_left_out_is_counted_and_named(
    tmp_path: Path, segmentations: list[Any], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = said_of(coco(tmp_path, segmentations), capsys)
    assert "left out: " + told.replace("NAME", tmp_path.name) in said


def test_sound_data_say_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said_of(coco(tmp_path, [[SQUARE], [SQUARE]]), capsys, most_objects=1) == ""


def test_damaged_run_lengths_are_refused_before(tmp_path: Path) -> None:
    data = open_data(coco(tmp_path, [[SQUARE], {"size": [12, 16], "counts": "P"}]))
    with pytest.raises(
        DataError, match=r"1 mask is invalid: annotations\.json: annotation 11 has invalid run lengths"
    ):
        check_data(data)


def test_data_of_nothing_but_crowds_say_what_marked_them_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = coco(tmp_path, [[SQUARE], [SQUARE]]) / "annotations.json"
    content = json.loads(path.read_text())
    for annotation in content["annotations"]:
        annotation["iscrowd"] = 1
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match="none of the 2 images has an object"):
        said_of(path, capsys)
    told = capsys.readouterr().err
    assert "every annotation is marked as a crowd" in told
    assert "set 'iscrowd' to 0 in annotations.json" in told


ROOT = {"id": 0, "name": "animals", "supercategory": "none"}


@pytest.mark.parametrize("background", ["_background_", "background", "Background", "BG"])
def test_a_background_among_the_categories_is_no_class(
    tmp_path: Path, background: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """As LabelMe's own converter to COCO numbers it, 0."""
    categories = [{"id": 0, "name": background}, {"id": 1, "name": "cat"}]
    path = coco(tmp_path, [[SQUARE]], categories) / "annotations.json"
    content = json.loads(path.read_text())
    (annotation,) = content["annotations"]
    content["annotations"] = [{**annotation, "category_id": 1}, {**annotation, "id": 99, "category_id": 0}]
    path.write_text(json.dumps(content))

    data = open_data(path)
    check_data(data)

    assert data.classes == ["background", "cat"]
    assert data[0].class_ids.tolist() == [1]
    told = capsys.readouterr().err
    assert (
        told.count(f"{background!r} (id 0) is ignored, with its 1 annotation: background is everything") == 1
    )


@pytest.mark.parametrize(
    ("categories", "classes"),
    [
        ([ROOT, {"id": 1, "name": "cat", "supercategory": "animals"}], ["cat"]),
        ([{**ROOT, "name": "cat"}, {"id": 1, "name": "cat", "supercategory": "cat"}], ["cat"]),
        # none of Roboflow's: nothing is below it, or it is not at the top
        ([ROOT, {"id": 1, "name": "cat", "supercategory": "none"}], ["animals", "cat"]),
        (
            [{**ROOT, "supercategory": "x"}, {"id": 1, "name": "cat", "supercategory": "animals"}],
            ["animals", "cat"],
        ),
        # objects are of it
        ([{**ROOT, "id": 1}, {"id": 2, "name": "cat", "supercategory": "animals"}], ["animals", "cat"]),
    ],
)
def test_the_empty_root_category_of_roboflow_is_no_class(
    tmp_path: Path, categories: list[dict[str, Any]], classes: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    data = open_data(coco(tmp_path, [[SQUARE]], categories))
    check_data(data)
    assert data.classes[1:] == classes
    assert ("the root category that Roboflow adds" in capsys.readouterr().err) == (len(classes) == 1)
    assert data[0].class_ids.tolist() == [
        classes.index("cat") + 1 if len(data[0]) and categories[0]["id"] != 1 else 1
    ]


def test_pictures_that_are_not_in_the_json_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(coco(tmp_path, [[SQUARE]]) / "spare.png", np.zeros((4, 4), np.uint8))
    assert "1 picture in the folder is not in the JSON and is ignored: spare.png" in said_of(tmp_path, capsys)


def test_classes_without_an_object_and_spelt_alike_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    categories = [{"id": 1, "name": "cat"}, {"id": 2, "name": "Cat"}]
    said = said_of(coco(tmp_path, [[SQUARE]], categories), capsys)
    assert "1 class has no object: Cat" in said
    assert "the classes cat and Cat differ only in case" in said


def label_maps(folder: Path, *maps: np.ndarray) -> Path:
    for index, labels in enumerate(maps):
        put(folder / f"images/{index}.png", np.zeros(labels.shape, np.uint8))
        put(folder / f"labels/{index}.png", labels)
    return folder


def numbered(count: int) -> np.ndarray:
    """A label map of single pixels."""
    labels = np.zeros((12, 16), np.uint16)
    labels.ravel()[:count] = np.arange(1, count + 1)
    return labels


def test_pictures_with_more_objects_than_are_learned_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = label_maps(tmp_path, numbered(4), numbered(5), numbered(9))
    said = said_of(folder, capsys, most_objects=4)
    assert (
        "2 pictures have more than 4 objects, up to 9: images/1.png, images/2.png. A training step uses no "
        "more objects of a picture; the rest, chosen at random, count as background. Raise "
        "max_gt_instances in the config of a recipe (--config)"
    ) in said
    assert "more than" not in said_of(folder, capsys, most_objects=9)


def test_the_class_that_is_assumed_of_label_maps_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = label_maps(tmp_path, numbered(2))
    assert "there is no class.txt with the class name: the class 'nucleus' is assumed" in said_of(
        folder, capsys
    )
    assert not open_data(folder).has_names
    known = open_data_for(folder, ["background", "cell"])
    assert (known.has_names, known.classes) == (True, ["background", "cell"])
    put(folder / "class.txt", "cell")
    assert "assumed" not in said_of(folder, capsys)


def voc(*values: int) -> np.ndarray:
    """An 8-bit map with a row of each value."""
    labels = np.zeros((12, 16), np.uint8)
    for row, value in enumerate(values):
        labels[row] = value
    return labels


def test_the_border_of_voc_is_no_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = label_maps(tmp_path, voc(1, 255, 2), voc(1))
    data = open_data(folder)
    assert data[0].boxes.tolist() == [[0, 0, 16, 1], [0, 2, 16, 3]]
    assert data.class_ids(0) == [1, 1]
    assert "1 label map has 255 beside objects numbered 1, 2, 3, …: it is read as VOC's border" in said_of(
        folder, capsys
    )


@pytest.mark.parametrize("values", [(255,), (3, 255), (254, 255), (1, 2, 4, 255)])
def test_an_object_numbered_255_among_others_is_one(tmp_path: Path, values: tuple[int, ...]) -> None:
    assert len(open_data(label_maps(tmp_path, voc(*values)))[0]) == len(values)


@pytest.mark.parametrize("classes", ["cat", "cat\ndog"])
def test_pixels_of_a_class_map_that_nobody_classified_count_for_nothing(
    tmp_path: Path, classes: str, capsys: pytest.CaptureFixture[str]
) -> None:
    put(tmp_path / "images/a.png", np.zeros((12, 16), np.uint8))
    put(tmp_path / "masks/a.png", voc(1, 255, 255))
    put(tmp_path / "classes.txt", classes)
    data = open_data(tmp_path)
    check_data(data)
    sample = data[0]
    assert sample.boxes.tolist() == [[0, 0, 16, 1]]
    assert sample.unknown is not None
    assert sample.unknown.sum(axis=1).tolist() == [0, 16, 16, *[0] * 9]
    assert "1 class map has pixels of 255, VOC's border" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("classes", "maps", "told"),
    [
        (
            "cat\ndog",
            [(255,), (0,)],
            "no class map has any of the 2 classes, only 255.*Number each class by its line",
        ),
        (
            "cat",
            [(1, 255), (255,)],
            "255 is the class in 1 class maps, but VOC's border, beside a class 1, in 1",
        ),
    ],
)
def test_a_255_that_may_be_a_class_or_none_is_refused(
    tmp_path: Path, classes: str, maps: list[tuple[int, ...]], told: str
) -> None:
    for index, values in enumerate(maps):
        put(tmp_path / f"images/{index}.png", np.zeros((12, 16), np.uint8))
        put(tmp_path / f"masks/{index}.png", voc(*values))
    put(tmp_path / "classes.txt", classes)
    with pytest.raises(DataError, match=told):
        check_data(open_data(tmp_path))


def test_a_number_of_no_class_is_found_before_and_every_time(tmp_path: Path) -> None:
    for name in "abc":
        put(tmp_path / f"images/{name}.png", np.zeros((12, 16), np.uint8))
        put(tmp_path / f"masks/{name}.png", voc(1, 3 if name != "a" else 1))
    put(tmp_path / "classes.txt", "cat\ndog")
    with pytest.raises(DataError, match=r"2 class maps cannot be used: masks/b.png has the class 3.*masks/c"):
        check_data(open_data(tmp_path))


@pytest.mark.parametrize("suffix", [".tif", ".tiff", ".png", ".bmp"])
@pytest.mark.parametrize("folder", ["labels", "masks"])
def test_maps_of_other_kinds_of_files_are_read(tmp_path: Path, suffix: str, folder: str) -> None:
    put(tmp_path / "images/a.jpg", np.zeros((12, 16), np.uint8))
    put(tmp_path / f"{folder}/a{suffix}", filled(SIZE, (2, 3, 5, 7)))
    data = open_data(tmp_path)
    check_data(data)
    assert data[0].boxes.tolist() == [[2, 3, 5, 7]]


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "int32", "int64", "float32", "float64"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_tiffs_of_any_number_are_label_maps(tmp_path: Path, dtype: str, compression: str | None) -> None:
    put(tmp_path / "images/a.png", np.zeros((12, 16), np.uint8))
    (tmp_path / "labels").mkdir()
    labels = filled(SIZE, (2, 3, 5, 7), 9).astype(dtype)
    tifffile.imwrite(tmp_path / "labels/a.tif", labels, compression=compression)
    data = open_data(tmp_path)
    check_data(data)
    assert data[0].boxes.tolist() == [[2, 3, 5, 7]]


def test_a_label_map_of_several_pages_is_refused(tmp_path: Path) -> None:
    put(tmp_path / "images/a.png", np.zeros((12, 16), np.uint8))
    (tmp_path / "labels").mkdir()
    tifffile.imwrite(tmp_path / "labels/a.tif", np.zeros((3, 12, 16), np.uint16), photometric="minisblack")
    with pytest.raises(DataError, match=r"labels/a\.tif has 3 pages, a label map must have one"):
        check_data(open_data(tmp_path))


@pytest.mark.parametrize("junk", ["Thumbs.db", ".DS_Store", "._0.png", "desktop.ini", "thumbs.db"])
@pytest.mark.parametrize("name", drawn_formats.ALL)
def test_what_systems_leave_is_passed_over(tmp_path: Path, name: str, junk: str) -> None:
    write = drawn_formats.ALL[name]
    photo = put(tmp_path / "photo.jpg", filled(SIZE, (1, 1, 4, 4), 200)).read_bytes()
    write(tmp_path / "data", photo, SIZE, (1, 1, 4, 4))
    for folder in [tmp_path / "data", *(path for path in (tmp_path / "data").rglob("*") if path.is_dir())]:
        put(folder / junk, b"\0")
    data = open_data(tmp_path / "data")
    check_data(data)
    assert len(data) == 1
    assert data[0].boxes.tolist() == [[1, 1, 4, 4]]


def test_images_without_a_map_are_counted_with_what_lies_there(tmp_path: Path) -> None:
    folder = label_maps(tmp_path, numbered(1), numbered(1), numbered(1))
    (folder / "labels/1.png").rename(folder / "labels/1_mask.jpg")
    (folder / "labels/2.png").unlink()
    with pytest.raises(
        DataError,
        match=r"2 of the 3 images have no label map .*, images/1\.png, images/2\.png: .*labels/1_mask\.jpg",
    ):
        open_data(folder)


@pytest.mark.parametrize("shape", [(1, 9), (9, 1), (1, 1)])
@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_a_picture_of_one_row_or_column_has_a_label_map(
    tmp_path: Path, shape: tuple[int, int], suffix: str
) -> None:
    put(tmp_path / "images/a.png", np.zeros(shape, np.uint8))
    put(tmp_path / f"labels/a{suffix}", np.ones(shape, np.uint8))
    data = open_data(tmp_path)
    check_data(data)
    assert data[0].boxes.tolist() == [[0, 0, shape[1], shape[0]]]


def test_a_name_of_odd_letters_is_no_pattern(tmp_path: Path) -> None:
    put(tmp_path / "images/a[1-3]*.png", np.zeros((4, 4), np.uint8))
    (tmp_path / "labels").mkdir()
    with pytest.raises(
        DataError, match=r"images/a\[1-3\]\*\.png has no label map in .*: expected labels/a\[1-3\]\*\.png"
    ):
        open_data(tmp_path)


def test_maps_without_an_image_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = label_maps(tmp_path, numbered(1), numbered(1))
    (folder / "images/1.png").unlink()
    assert "1 map has no image and is ignored: labels/1.png" in said_of(folder, capsys)


def test_everything_that_must_be_put_right_is_said_at_once(tmp_path: Path) -> None:
    folder = label_maps(tmp_path, *(numbered(1) for _ in range(9)))
    put(folder / "images/3.png", b"none")
    for index in (1, 2, 4, 5, 6, 7):
        Image.new("L", (5, 9)).save(folder / f"images/{index}.png")
    with pytest.raises(DataError) as refusal:
        check_data(open_data(folder))
    said = str(refusal.value)
    assert "1 picture cannot be read: images/3.png" in said
    assert "6 pictures do not fit their labels: labels/1.png is 16 x 12 pixels, images/1.png is 5 x 9" in said
    assert "and 1 more" in said


def test_a_finding_names_each_file_once_and_not_too_many() -> None:
    assert str(Finding("2 things", ["a", "a", "b"])) == "2 things: a, b"
    assert str(Finding("a thing", [], advice="Do this")) == "a thing. Do this"
    many = counted([f"{index}" for index in range(1234)], "thing", "things")[0]
    assert many.sentence(2) == "1,234 things: 0, 1 and 1,232 more"
    assert counted([], "thing", "things") == []
