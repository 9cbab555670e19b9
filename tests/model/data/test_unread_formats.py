"""What is not read is named, with what makes something of it that is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_formats import ALL, put

from model.data import DataError, open_data
from model.data.formats.unread import UNREAD

PICTURE = np.zeros((4, 4), np.uint8)

PLACES: dict[str, tuple[dict[str, Any], str, str]] = {
    # name: files, the format's name in the message, what converts it
    "voc": (
        {"Annotations/a.xml": "<annotation><object/></annotation>", "JPEGImages/a.jpg": PICTURE},
        "Pascal VOC without masks",
        "SegmentationObject/",
    ),
    "voc, flat": (
        {"a.xml": "<annotation></annotation>", "a.jpg": PICTURE},
        "Pascal VOC without masks",
        "not enough to learn masks",
    ),
    "datumaro": (
        {"annotations/default.json": {"info": {}, "categories": {}, "items": []}},
        "Datumaro's JSON",
        "datum convert -if datumaro .* --segmentation-mode polygons",
    ),
    "panoptic": (
        {"panoptic.json": {"images": [], "annotations": [{"segments_info": []}], "categories": []}},
        "COCO's panoptic format",
        "panoptic2detection_coco_format.py --things_only",
    ),
    "captions": (
        {"annotations/captions.json": {"images": [], "annotations": []}},
        "COCO without categories",
        "name the instances JSON",
    ),
    "via 3": (
        {"via.json": {"project": {}, "config": {}, "attribute": {}, "file": {}, "metadata": {}, "view": {}}},
        "VIA 3",
        "projects of VIA 1 and 2 are",
    ),
    "via csv": (
        {"via.csv": "#filename,file_size,file_attributes,region_count,region_id,region_shape_attributes\n"},
        "VIA's CSV",
        r"Export Annotations \(as json\)",
    ),
    "label studio": (
        {"project.json": [{"image": "a.jpg", "id": 1, "label": [], "annotator": 1, "annotation_id": 1}]},
        "Label Studio's JSON-MIN",
        "export as JSON",
    ),
    "darknet": (
        {"obj.names": "cat", "obj_train_data/a.txt": "0 0.5 0.5 0.1 0.1"},
        "YOLO of Darknet",
        "as YOLO segmentation",
    ),
    "cityscapes": (
        {"gtFine/val/x/a_gtFine_polygons.json": {}},
        "Cityscapes",
        "converters/cityscapes.py FOLDER",
    ),
    "tfrecord": ({"train.tfrecord": b"\0"}, "TFRecord", r"\[cli,tf\].* -if tf_detection_api"),
}


def fill(folder: Path, files: dict[str, Any]) -> None:
    for name, content in files.items():
        put(folder / name, content)


@pytest.mark.parametrize("name", PLACES)
def test_a_format_that_is_not_read_is_named_with_what_converts_it(tmp_path: Path, name: str) -> None:
    files, called, conversion = PLACES[name]
    fill(tmp_path, files)
    with pytest.raises(DataError, match=rf"is {called} \(.*\), which is not supported: .*{conversion}"):
        open_data(tmp_path)


def test_every_format_that_is_known_of_is_tried_here() -> None:
    assert {unread.name.split(" (")[0] for unread in UNREAD} == {called for _, called, _ in PLACES.values()}


@pytest.mark.parametrize("name", ["voc, flat", "datumaro", "via csv", "label studio", "tfrecord"])
def test_a_file_of_it_is_known_too(tmp_path: Path, name: str) -> None:
    files, called, _ = PLACES[name]
    fill(tmp_path, files)
    with pytest.raises(DataError, match=rf"is {called} \("):
        open_data(tmp_path / next(iter(files)))


def test_a_folder_of_such_folders_says_so(tmp_path: Path) -> None:
    fill(tmp_path / "part", PLACES["voc"][0])
    with pytest.raises(
        DataError, match=r"has no data set in a supported format; part/ is Pascal VOC without masks"
    ):
        open_data(tmp_path)


@pytest.mark.parametrize("name", ALL)
def test_the_folder_to_name_is_said(tmp_path: Path, name: str) -> None:
    for split in ("train", "val"):
        ALL[name](tmp_path / split, b"", (8, 8), (1, 1, 4, 4))
    with pytest.raises(DataError, match=rf"has data sets in train/ \({name}\) and val/ \({name}\): name one"):
        open_data(tmp_path)


@pytest.mark.parametrize("name", ALL)
def test_every_format_that_is_read_is_recognised(tmp_path: Path, name: str) -> None:
    ALL[name](tmp_path, b"", (8, 8), (1, 1, 4, 4))
    put(tmp_path / ".DS_Store", b"\0")
    put(tmp_path / "._a.json", b"\0")
    put(tmp_path / "README.md", "about")
    assert open_data(tmp_path).format_name == name


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"a.json": "{"}, r"has no data set: expected images/ and labels/.*; found a\.json"),
        ({"a.json": [1, 2]}, r"found a\.json"),
        ({}, "found nothing"),
        ({"Thumbs.db": b"\0"}, "found Thumbs"),
    ],
)
def test_what_is_nothing_known_says_what_was_expected(
    tmp_path: Path, files: dict[str, Any], told: str
) -> None:
    fill(tmp_path, files)
    with pytest.raises(DataError, match=told):
        open_data(tmp_path)


def test_a_file_that_is_nothing_known_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not a JSON of COCO, VIA, LabelMe or Label Studio: expected"):
        open_data(put(tmp_path / "a.json", {"x": 1}))
    with pytest.raises(DataError, match="cannot be read as JSON"):
        open_data(put(tmp_path / "b.json", "{"))
