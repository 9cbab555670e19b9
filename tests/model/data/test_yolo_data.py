"""YOLO segmentation is read in every layout that tools write, and boxes alone are refused in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_formats import put

from model.data import DataError, Reading, check_data, open_data

PICTURE = np.zeros((20, 40), np.uint8)
SQUARE = "0.25 0.25 0.5 0.25 0.5 0.5 0.25 0.5"
"""In the picture x from 10 to 20 and y from 5 to 10."""
YAML = "path: /home/ann/set\ntrain: /home/ann/set/images/train\nval: images/val\nnames:\n  0: cat\n  1: dog\n"


def fill(folder: Path, files: dict[str, Any]) -> Path:
    for name, content in files.items():
        put(folder / name, content)
    return folder


def split(pictures: str, labels: str, label: str = f"1 {SQUARE}\n") -> dict[str, Any]:
    return {f"{pictures}/a.png": PICTURE, f"{labels}/a.txt": label}


TRAIN = split("images/train", "labels/train")
LAYOUTS: dict[str, tuple[dict[str, Any], str]] = {
    # name: files, the place to name
    "Ultralytics, one split": ({"data.yaml": YAML, **TRAIN}, "."),
    "Ultralytics, its YAML": ({"my set.yaml": YAML, **TRAIN}, "my set.yaml"),
    "Ultralytics, a split": (
        {"data.yaml": YAML, **TRAIN, **split("images/val", "labels/val")},
        "images/train",
    ),
    "Roboflow, a split": (
        {
            "data.yaml": "train: ../train/images\nval: ../valid/images\nnc: 2\nnames: ['cat', 'dog']",
            **split("train/images", "train/labels"),
            **split("valid/images", "valid/labels"),
        },
        "train",
    ),
    "COCO's years": (
        {"coco.yaml": "names: [cat, dog]", **split("images/train2017", "labels/train2017")},
        ".",
    ),
    "plain": ({"classes.txt": "cat\ndog\n", **split("images", "labels")}, "."),
    "labelImg": ({"labels/classes.txt": "cat\r\ndog\r\n", **split("images", "labels")}, "."),
    "folders in folders": (
        {"data.yaml": "names: [cat, dog]", **split("images/day 1/b", "labels/day 1/b")},
        ".",
    ),
    "labels beside pictures": (
        {"data.yaml": r'{"train": "C:\set\pics", "names": ["cat", "dog"]}', **split("pics", "pics")},
        ".",
    ),
    "a byte order mark": (
        {"classes.txt": "\ufeffcat\ndog", **split("images", "labels", f"\ufeff1 {SQUARE}\r\n")},
        ".",
    ),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_is_read(tmp_path: Path, name: str) -> None:
    files, place = LAYOUTS[name]
    data = open_data(fill(tmp_path / "my data", files) / place)
    assert data.format_name == "YOLO"
    assert data.classes == ["background", "cat", "dog"]
    assert data[0].class_ids.tolist() == [2]
    assert data[0].boxes.tolist() == [[10, 5, 20, 10]]


def test_pictures_without_labels_have_no_object_and_are_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(tmp_path, {"classes.txt": "cat\ndog", **split("images", "labels")})
    fill(tmp_path, {"images/b.png": PICTURE, "images/c.png": PICTURE, "labels/c.txt": "", "labels/d.txt": ""})
    data = open_data(tmp_path)
    check_data(data)
    assert [len(data[index]) for index in range(3)] == [1, 0, 0]
    said = capsys.readouterr().err
    assert "1 picture has no label file: b.png" in said
    assert "1 label file has no picture and is ignored: d.txt" in said
    assert "2 pictures have no object: training uses them as background: images/b.png, images/c.png" in said


def test_outlines_beyond_the_picture_are_clipped_and_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = "0 0.75 0.5 1.2 0.5 1.2 1.0 0.75 1.0\n0 0.1 0.1 0.2 0.2 0.1 0.1"
    data = open_data(fill(tmp_path, {"classes.txt": "cat", **split("images", "labels", line)}))
    check_data(data)
    assert data[0].boxes.tolist() == [[30, 10, 40, 20]]
    said = capsys.readouterr().err
    assert "1 picture has outlines that exceed it and are clipped" in said
    assert "1 object that covers no pixel: images/a.png (line 2)" in said


def test_without_names_the_class_is_assumed_or_given(tmp_path: Path) -> None:
    data = open_data(fill(tmp_path / "one", split("images", "labels", f"0 {SQUARE}")))
    assert data.classes == ["background", "object"]
    assert not data.has_names
    fill(tmp_path / "two", split("images", "labels"))
    with pytest.raises(DataError, match=r"of the classes 1, but no data\.yaml or classes\.txt that names"):
        open_data(tmp_path / "two")
    data = open_data(tmp_path / "two", Reading(classes=["background", "cat", "dog"]))
    assert data[0].class_ids.tolist() == [2]


def test_names_count_not_numbers_where_classes_are_given(tmp_path: Path) -> None:
    fill(tmp_path, {"data.yaml": "names: [cat, dog]", **split("images", "labels")})
    data = open_data(tmp_path, Reading(classes=["background", "dog", "cat"]))
    assert data[0].class_ids.tolist() == [1]


BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "boxes": (
        split("images", "labels", f"1 {SQUARE}\n0 0.5 0.5 0.1 0.1\n"),
        r"labels/a\.txt, line 2 has five numbers, the class and a box, and so have 1 of 2 lines: no outline",
    ),
    "pixels": (split("images", "labels", "0 10 5 20 5 20 10"), "coordinate 20: expected fractions"),
    "an odd count": (split("images", "labels", "0 0.1 0.1 0.2 0.1 0.2 0.2 0.9"), "has 8 numbers: expected"),
    "words": (split("images", "labels", f"1 {SQUARE}\ncat 0.1 0.1"), "line 2, is not YOLO's"),
    "half a class": (split("images", "labels", f"1 {SQUARE}\n0.5 {SQUARE}"), r"begins with 0\.5"),
    "not finite": (split("images", "labels", "0 0.1 nan 0.2 0.1 0.2 0.2"), "not finite"),
    "an unnamed class": (
        split("images", "labels", f"7 {SQUARE}"),
        r"line 1 has the class 7, but .*data\.yaml names 0 cat, 1 dog: name each class",
    ),
    "one stem twice": (
        {**split("images", "labels"), "images/a.jpg": b""},
        r"a\.jpg and a\.png, which share the label file a\.txt: give each",
    ),
    "several splits": (
        {**TRAIN, **split("images/val", "labels/val")},
        "several splits: name one of .*images/train, .*images/val",
    ),
    "no labels": (
        {"images/train/a.png": PICTURE, "train.txt": "", "labels/train/x.npy": b""},
        "has no text file with labels: export",
    ),
    "a bad YAML": (
        {**split("images", "labels"), "data.yaml": "names: [cat"},
        r"data\.yaml cannot be read as YAML",
    ),
    "key points": (
        {**split("images", "labels"), "data.yaml": "kpt_shape: [17, 3]\nnames: [cat, dog]"},
        "describes key points",
    ),
    "a truth value": (
        {**split("images", "labels"), "data.yaml": "names: [yes, no]"},
        "names the class 0 True, which is not text: write it in quotes",
    ),
    "a name twice": ({**split("images", "labels"), "data.yaml": "names: [cat, cat]"}, "more than once"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_says_what_to_do(tmp_path: Path, name: str) -> None:
    files, told = BROKEN[name]
    with pytest.raises(DataError, match=told):
        open_data(fill(tmp_path, {"data.yaml": YAML, **files}))
