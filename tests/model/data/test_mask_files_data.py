"""A folder an image with a mask file an object, as in the Data Science Bowl 2018."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from drawn_formats import filled, put
from PIL import Image

from model.data import DataError, MaskFilesFolder, Reading, check_data, check_objects, open_data

SIZE = (16, 12)
ONE, TWO = (1, 1, 5, 4), (3, 2, 9, 8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One image with two masks that overlap, one without any object."""
    put(tmp_path / "b/images/b.png", np.full((12, 16, 4), 255, np.uint8))
    put(tmp_path / "b/masks/0.png", filled(SIZE, ONE, 255))
    put(tmp_path / "b/masks/1.png", filled(SIZE, TWO, 255))
    put(tmp_path / "c/images/c.png", filled(SIZE, ONE))
    (tmp_path / "c/masks").mkdir()
    return tmp_path


def test_each_mask_file_is_an_object(folder: Path) -> None:
    data = open_data(folder)
    assert isinstance(data, MaskFilesFolder)
    assert data.ids == ["b", "c"]
    assert data[0].boxes.tolist() == [list(ONE), list(TWO)]
    assert data[0].class_ids.tolist() == [1, 1]
    assert all(mask.all() for mask in data[0].masks)
    assert data[0].image.shape == (12, 16, 3)
    assert len(data[1]) == 0
    check_objects(data)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_a_mask_of_any_kind_of_picture_is_read(folder: Path, mode: str) -> None:
    mask = Image.fromarray(filled(SIZE, ONE, 255)).convert(mode)
    mask.save(folder / "b/masks/0.png")
    assert open_data(folder)[0].boxes.tolist()[0] == list(ONE)


def test_what_systems_leave_is_passed_over(folder: Path) -> None:
    for name in (".DS_Store", "Thumbs.db", "._0.png"):
        put(folder / "b/masks" / name, b"\0")
        put(folder / "b/images" / name, b"\0")
    put(folder / "__MACOSX/masks/0.png", b"\0")
    assert len(open_data(folder)[0]) == 2


def test_black_masks_and_folders_without_masks_are_counted(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(folder / "b/masks/2.png", np.zeros((12, 16), np.uint8))
    put(folder / "d/images/d.png", filled(SIZE, ONE))
    data = open_data(folder)
    check_data(data)
    said = capsys.readouterr().err
    assert len(data[0]) == 2
    assert "1 mask is black and is left out: b/masks/2.png" in said
    assert "1 folder has no masks/ and is ignored: d" in said
    assert "the class 'nucleus' is assumed" in said


def test_the_class_is_that_of_class_txt_or_of_the_model(folder: Path) -> None:
    assert open_data(folder, Reading(classes=["background", "cell"])).classes == ["background", "cell"]
    put(folder / "class.txt", "yeast")
    assert open_data(folder).classes == ["background", "yeast"]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("b/masks/1.png", np.ones((16, 12), np.uint8), r"b/masks/1\.png is 12 x 16 pixels.*rotated by 90"),
        ("b/masks/1.png", b"none", r"masks/1\.png cannot be read"),
        ("b/images/b.png", b"none", r"images/b\.png cannot be read"),
    ],
)
def test_a_file_that_does_not_do_is_named(folder: Path, name: str, content: object, told: str) -> None:
    put(folder / name, content)
    with pytest.raises(DataError, match=told):
        check_data(open_data(folder))


def test_one_picture_a_folder_is_expected(folder: Path) -> None:
    put(folder / "c/images/other.png", filled(SIZE, ONE))
    with pytest.raises(DataError, match=r"c/images has 2 pictures: expected one"):
        MaskFilesFolder(folder)
