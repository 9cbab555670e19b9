"""Folders of class maps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.data import ClassMapFolder, DataError, Reading, check_data, check_objects, open_data


def _folder(path: Path, mask: np.ndarray, classes: str | None = None) -> Path:
    for name in ("images", "masks"):
        (path / name).mkdir()
    Image.fromarray(np.zeros((12, 16, 3), np.uint8)).save(path / "images" / "a.jpg")
    Image.fromarray(mask).save(path / "masks" / "a.png")
    if classes is not None:
        (path / "classes.txt").write_text(classes)
    return path


def _classes_map() -> np.ndarray:
    mask = np.zeros((12, 16), np.uint8)
    mask[2:5, 3:9] = 1
    mask[8:10, 1:3] = mask[0, 15] = 2
    return mask


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_each_class_that_occurs_is_one_object(tmp_path: Path, dtype: type) -> None:
    data = open_data(_folder(tmp_path, _classes_map().astype(dtype), "cat\nsmall dog\nhorse\n"))

    assert isinstance(data, ClassMapFolder)
    assert data.has_names
    assert data.classes == ["background", "cat", "small dog", "horse"]
    sample = data[0]
    assert sample.class_ids.tolist() == [1, 2]
    assert sample.boxes.tolist() == [[3, 2, 9, 5], [1, 0, 16, 10]]
    assert [int(mask.sum()) for mask in sample.masks] == [18, 5]


def test_the_pixels_of_a_single_class_may_be_white(tmp_path: Path) -> None:
    mask = _classes_map().clip(0, 1) * np.uint8(255)
    mask[5, 3], mask[5, 4] = 100, 200  # an edge that was smoothed

    data = ClassMapFolder(_folder(tmp_path, mask), Reading(classes=["background", "person"]))

    assert data.classes == ["background", "person"]
    assert not ClassMapFolder(tmp_path).has_names
    assert int(data[0].masks[0].sum()) == 18 + 5 + 1


def test_a_mask_of_another_size_is_scaled_to_the_nearest(tmp_path: Path) -> None:
    mask = np.zeros((6, 8), np.uint8)
    mask[:3, 4:], mask[3:, :4] = 1, 2
    data = ClassMapFolder(_folder(tmp_path, mask, "a\nb"))

    check_data(data)

    assert data[0].boxes.tolist() == [[8, 0, 16, 6], [0, 6, 8, 12]]
    assert all((mask == 1).all() for mask in data[0].masks)
    assert [str(finding) for finding in data.findings()] == [
        "1 mask has another size than its picture and is scaled: masks/a.png is 8 x 6 pixels, its picture "
        "16 x 12"
    ]


def test_a_mask_of_another_aspect_ratio_is_refused(tmp_path: Path) -> None:
    data = ClassMapFolder(_folder(tmp_path, np.ones((12, 12), np.uint8), "a"))

    says = r"masks/a\.png is 12 x 12 pixels, images/a\.jpg is 16 x 12: a class map must have the size"
    with pytest.raises(DataError, match=f"1 picture does not fit its labels: {says}"):
        check_data(data)
    with pytest.raises(DataError, match=says):
        data[0]


@pytest.mark.parametrize("stray", [7, 200])
def test_grey_pixels_of_a_white_mask_are_found(tmp_path: Path, stray: int) -> None:
    mask = _classes_map().clip(0, 1) * np.uint8(255)
    white = ClassMapFolder(_folder(tmp_path, mask, "a"))
    assert not list(white.findings())

    mask[11, 11] = stray
    Image.fromarray(mask).save(tmp_path / "masks" / "a.png")
    (finding,) = ClassMapFolder(tmp_path).findings()
    assert str(finding) == (
        "1 white class map has grey pixels, which are rounded: from 128 to white (the class), else to "
        "black: masks/a.png"
    )


def test_a_picture_without_any_class_is_a_sample(tmp_path: Path) -> None:
    assert len(ClassMapFolder(_folder(tmp_path, np.zeros((12, 16), np.uint8)))[0]) == 0


def test_a_number_that_no_line_names_is_refused(tmp_path: Path) -> None:
    data = ClassMapFolder(_folder(tmp_path, _classes_map(), "cat"))

    with pytest.raises(DataError, match=r"masks/a\.png has the class 2, but only 1 are named"):
        data[0]


@pytest.mark.parametrize("text", ["cat\ndog", "background\ncat\ndog", "\ufeff_background_\ncat\ndog\n"])
def test_the_background_may_stand_first_in_the_lines_that_number_the_classes(
    tmp_path: Path, text: str
) -> None:
    assert ClassMapFolder(_folder(tmp_path, _classes_map(), text)).classes == ["background", "cat", "dog"]


def test_a_background_among_the_classes_leaves_their_numbers_in_doubt(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the background after a class: put it on the first line"):
        ClassMapFolder(_folder(tmp_path, _classes_map(), "cat\nbackground\ndog"))


def test_an_image_without_a_mask_is_named(tmp_path: Path) -> None:
    _folder(tmp_path, _classes_map())
    (tmp_path / "masks" / "a.png").rename(tmp_path / "masks" / "b.png")

    with pytest.raises(DataError, match=r"images/a\.jpg has no class map in .*: expected masks/a\.png"):
        open_data(tmp_path)


def test_colours_are_no_classes(tmp_path: Path) -> None:
    data = ClassMapFolder(_folder(tmp_path, np.zeros((12, 16, 3), np.uint8)))

    with pytest.raises(DataError, match=r"masks/a\.png has 3 channels.*number of its class"):
        data[0]


def test_a_model_of_objects_does_not_learn_from_class_maps(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="do not tell objects of a class apart"):
        check_objects(ClassMapFolder(_folder(tmp_path, _classes_map(), "a\nb")))
