"""A data set that would waste a training is refused before it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.data import DataError, check_data, check_objects, open_data

SIZE_HW = (12, 16)


def folder_of(path: Path, *label_maps: np.ndarray) -> Path:
    """A folder of label maps: 0, 1, …"""
    for part in ("images", "labels"):
        (path / part).mkdir(parents=True)
    for number, labels in enumerate(label_maps):
        Image.fromarray(np.zeros(labels.shape, np.uint8)).save(path / f"images/{number}.png")
        Image.fromarray(labels).save(path / f"labels/{number}.png")
    return path


def with_squares(*values: int) -> np.ndarray:
    """A label map with a square of each value, apart."""
    labels = np.zeros(SIZE_HW, np.uint8)
    for index, value in enumerate(values):
        labels[2:5, 1 + 5 * index : 4 + 5 * index] = value
    return labels


EMPTY = with_squares()


def test_data_without_any_object_is_refused(tmp_path: Path) -> None:
    data = open_data(folder_of(tmp_path, EMPTY, EMPTY, EMPTY))
    with pytest.raises(DataError, match="none of the 3 images has an object"):
        check_objects(data)


def test_masks_of_0_and_255_are_refused_with_what_to_do(tmp_path: Path) -> None:
    data = open_data(folder_of(tmp_path, with_squares(255, 255), EMPTY, with_squares(255, 255, 255)))
    with pytest.raises(DataError, match=r"labels all objects .* have the same number.*scipy\.ndimage\.label"):
        check_objects(data)


@pytest.mark.parametrize(
    "label_maps",
    [
        (with_squares(1, 2), with_squares(1, 1)),  # numbered; one object is cut in two by another
        (with_squares(255), with_squares(1, 1)),  # one object in one piece
        (EMPTY, EMPTY, with_squares(7)),
        (with_squares(1, 2, 3),),
    ],
)
def test_numbered_objects_are_taken(tmp_path: Path, label_maps: tuple[np.ndarray, ...]) -> None:
    check_objects(open_data(folder_of(tmp_path, *label_maps)))


def test_pieces_that_touch_at_a_corner_are_one(tmp_path: Path) -> None:
    check_objects(open_data(folder_of(tmp_path, np.eye(12, dtype=np.uint8))))


def test_a_coco_object_in_two_pieces_is_no_binary_mask(tmp_path: Path) -> None:
    Image.new("L", (16, 12)).save(tmp_path / "a.png")
    squares = [[1, 1, 4, 1, 4, 4, 1, 4], [10, 6, 14, 6, 14, 9, 10, 9]]
    coco = {
        "images": [{"id": 1, "file_name": "a.png", "height": 12, "width": 16}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": squares}],
        "categories": [{"id": 1, "name": "cat"}],
    }
    (tmp_path / "instances.json").write_text(json.dumps(coco))
    check_objects(open_data(tmp_path))


def test_sizes_that_agree_are_known_without_decoding(tmp_path: Path) -> None:
    data = open_data(folder_of(tmp_path, EMPTY, EMPTY))
    for file in tmp_path.rglob("*.png"):
        file.write_bytes(file.read_bytes()[:50])  # the header and no pixel
    check_data(data)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda path: Image.new("L", (5, 9)).save(path), r"images/2\.png is 5 x 9"),
        (lambda path: path.write_bytes(b"no picture"), r"images/2\.png cannot be read"),
    ],
)
def test_the_first_image_that_does_not_fit_its_labels_is_named(tmp_path: Path, spoil, told: str) -> None:
    data = open_data(folder_of(tmp_path, EMPTY, EMPTY, EMPTY, EMPTY))
    for name in ("images/3.png", "images/2.png"):
        spoil(tmp_path / name)
    with pytest.raises(DataError, match=told):
        check_data(data)


def test_a_coco_image_of_another_size_than_its_json_says_is_named(tmp_path: Path) -> None:
    Image.new("L", (16, 12)).save(tmp_path / "a.png")
    image = {"id": 1, "file_name": "a.png", "height": 16, "width": 12}
    coco = {"images": [image], "annotations": [], "categories": [{"id": 1, "name": "cat"}]}
    (tmp_path / "instances.json").write_text(json.dumps(coco))
    with pytest.raises(DataError, match=r"a\.png is 16 x 12 pixels, but instances\.json says 12 x 16"):
        check_data(open_data(tmp_path))
