"""Folders of images with label maps."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.data import CocoFolder, DataError, LabelMapFolder, open_data

SIZE_HW = (12, 16)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two samples: `a` with two objects, numbered 3 and 7, and `b` with none."""
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    labels = np.zeros(SIZE_HW, np.uint16)
    labels[1:4, 2:7] = 3
    labels[3, 2] = 0
    labels[6:12, 10:16] = 7
    save(tmp_path / "images/a.png", np.full(SIZE_HW, 90, np.uint8))
    save(tmp_path / "labels/a.png", labels)
    save(tmp_path / "images/b.jpg", np.full((*SIZE_HW, 3), 200, np.uint8))
    save(tmp_path / "labels/b.png", np.zeros(SIZE_HW, np.uint16))
    (tmp_path / "kind.json").write_text(json.dumps({"a": "fluorescence"}))
    return tmp_path


def save(path: Path, pixels: np.ndarray) -> None:
    Image.fromarray(pixels).save(path)


def test_a_sample_has_tight_boxes_and_box_local_masks(folder: Path) -> None:
    sample = LabelMapFolder(folder)[0]
    assert sample.image.shape == (*SIZE_HW, 3)
    assert sample.image.dtype == np.uint8
    assert sample.boxes.tolist() == [[2, 1, 7, 4], [10, 6, 16, 12]]
    assert sample.boxes.dtype == sample.class_ids.dtype == np.int32
    assert sample.class_ids.tolist() == [1, 1]
    assert [mask.shape for mask in sample.masks] == [(3, 5), (6, 6)]
    assert sample.masks[0].tolist() == [[1, 1, 1, 1, 1], [1, 1, 1, 1, 1], [0, 1, 1, 1, 1]]


def test_ids_kinds_and_classes_are_known_without_decoding(folder: Path) -> None:
    (folder / "images/a.png").write_bytes(b"no picture")
    (folder / "class.txt").write_text("cell\n")
    data = LabelMapFolder(folder)
    assert len(data) == 2
    assert data.ids == ["a", "b"]
    assert data.kinds == ["fluorescence", None]
    assert data.classes == ["background", "cell"]


def test_an_image_without_objects_gives_empty_arrays(folder: Path) -> None:
    sample = LabelMapFolder(folder)[1]
    assert len(sample) == 0
    assert sample.boxes.shape == (0, 4)
    assert sample.kind is None


def test_kind_json_is_optional(folder: Path) -> None:
    (folder / "kind.json").unlink()
    assert LabelMapFolder(folder).kinds == [None, None]


def test_hidden_files_are_no_images(folder: Path) -> None:
    (folder / "images/.DS_Store").write_bytes(b"\0")
    assert LabelMapFolder(folder).ids == ["a", "b"]


def test_a_palette_label_map_keeps_its_numbers(folder: Path) -> None:
    labels = np.zeros(SIZE_HW, np.uint8)
    labels[:2, :2], labels[5:, 5:] = 1, 2
    picture = Image.fromarray(labels)
    picture.putpalette([0, 0, 0, 255, 0, 0, 255, 0, 0])  # both objects of one colour
    picture.save(folder / "labels/a.png")
    assert LabelMapFolder(folder)[0].boxes.tolist() == [[0, 0, 2, 2], [5, 5, 16, 12]]


def test_a_missing_label_map_is_named_when_the_folder_is_opened(folder: Path) -> None:
    (folder / "labels/b.png").unlink()
    with pytest.raises(DataError, match=r"images/b\.jpg has no label map in .*: expected labels/b\.png"):
        LabelMapFolder(folder)


def test_a_label_map_of_another_size_is_named_with_both_sizes(folder: Path) -> None:
    save(folder / "labels/a.png", np.zeros((5, 9), np.uint16))
    with pytest.raises(DataError, match=r"labels/a\.png is 9 x 5 pixels, images/a\.png is 16 x 12"):
        LabelMapFolder(folder)[0]


@pytest.mark.parametrize("name", ["images/a.png", "labels/a.png"])
def test_a_file_that_cannot_be_read_is_named(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"no picture")
    with pytest.raises(DataError, match=f"{name} cannot be read"):
        LabelMapFolder(folder)[0]


def test_a_truncated_label_map_is_named(folder: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 9, SIZE_HW).astype(np.uint16)
    save(folder / "labels/a.png", noise)
    whole = (folder / "labels/a.png").read_bytes()
    (folder / "labels/a.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"labels/a\.png cannot be read"):
        LabelMapFolder(folder)[0]


def test_a_colour_label_map_is_refused(folder: Path) -> None:
    save(folder / "labels/a.png", np.zeros((*SIZE_HW, 3), np.uint8))
    with pytest.raises(DataError, match=r"labels/a\.png has 3 channels"):
        LabelMapFolder(folder)[0]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (np.array([0, 1, 65536], np.int32), "from 0 to 65536"),
        (np.array([0, 1, -1], np.int32), "from -1 to 1"),
        (np.array([0, 1, 2.5], np.float32), r"from 0\.0 to 2\.5"),
    ],
)
def test_numbers_that_are_no_labels_are_refused_instead_of_wrapped(
    folder: Path, values: np.ndarray, told: str
) -> None:
    labels = np.resize(values, SIZE_HW)
    Image.fromarray(labels).save(folder / "labels/a.png", "TIFF")  # which has 32 bits, whatever its name
    with pytest.raises(DataError, match=rf"labels/a\.png has values {told}: .* renumber its objects from 1"):
        LabelMapFolder(folder)[0]


def test_32_bits_that_hold_small_numbers_are_taken(folder: Path) -> None:
    Image.fromarray(np.full(SIZE_HW, 65535, np.int32)).save(folder / "labels/a.png", "TIFF")
    assert LabelMapFolder(folder)[0].boxes.tolist() == [[0, 0, 16, 12]]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "have no class"),
        ("Background\n", "have no class"),
        ('["cat"]', "class.txt is a list in JSON or Python, .* one name per line"),
        ("cat\ndog\n", "2 names: label maps have only one class"),
    ],
)
def test_a_class_txt_that_is_not_one_class_is_refused(folder: Path, text: str, told: str) -> None:
    (folder / "class.txt").write_text(text)
    with pytest.raises(DataError, match=told):
        LabelMapFolder(folder)


def test_an_empty_images_folder_is_refused(folder: Path) -> None:
    for image in (folder / "images").iterdir():
        image.unlink()
    with pytest.raises(DataError, match="holds no images"):
        LabelMapFolder(folder)


@pytest.mark.parametrize(("text", "complaint"), [("{", "not JSON"), ("[]", "object of ID: kind")])
def test_a_kind_json_that_is_no_object_is_refused(folder: Path, text: str, complaint: str) -> None:
    (folder / "kind.json").write_text(text)
    with pytest.raises(DataError, match=complaint):
        LabelMapFolder(folder)


def test_open_data_recognises_label_maps(folder: Path) -> None:
    assert isinstance(open_data(folder), LabelMapFolder)


def test_open_data_recognises_a_coco_json(tmp_path: Path) -> None:
    save(tmp_path / "a.png", np.zeros(SIZE_HW, np.uint8))
    image = {"id": 1, "file_name": "a.png", "height": SIZE_HW[0], "width": SIZE_HW[1]}
    coco = {"images": [image], "annotations": [], "categories": [{"id": 1, "name": "cat"}]}
    (tmp_path / "instances.json").write_text(json.dumps(coco))
    assert isinstance(open_data(tmp_path), CocoFolder)
    assert isinstance(open_data(tmp_path / "instances.json"), CocoFolder)


def test_open_data_asks_to_unpack_an_archive(tmp_path: Path) -> None:
    (tmp_path / "nuclei.tar").write_bytes(b"")
    with pytest.raises(DataError, match="unpack it first"):
        open_data(tmp_path / "nuclei.tar")


def test_open_data_says_what_it_expected_and_what_it_found(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "val").mkdir()
    with pytest.raises(DataError, match=r"expected images/ and labels/ .* found train/, val/"):
        open_data(tmp_path)


def test_open_data_says_that_a_path_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        open_data(tmp_path / "nowhere")
