"""A folder for each class is read as pictures with classes, and any other layout is refused in words."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_formats import ALL, put
from PIL import Image

from model.data import DataError, open_data
from model.data.classified import is_classified, open_classified

PICTURE = np.zeros((4, 6), np.uint8)
TWO: dict[str, Any] = {"cat/1.png": PICTURE, "cat/2.png": PICTURE, "dog/1.png": PICTURE}


def fill(folder: Path, files: dict[str, Any]) -> Path:
    for name, content in files.items():
        put(folder / name, content)
    return folder


def turned(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[274] = orientation
    buffer = io.BytesIO()
    Image.new("RGB", (6, 4)).save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def test_each_folder_is_a_class_in_alphabetical_order(tmp_path: Path) -> None:
    data = open_classified(fill(tmp_path, {"dog/1.png": PICTURE, "cat/b/2.png": PICTURE, "cat/1.JPG": b""}))
    assert data.classes == ["cat", "dog"]
    assert data.ids == ["cat/1.JPG", "cat/b/2.png", "dog/1.png"]
    assert data.class_ids == [0, 0, 1]
    assert len(data) == 3
    assert data[2].image.shape == (4, 6, 3)
    assert (data[2].id, data[2].class_id) == ("dog/1.png", 1)


def test_classes_txt_gives_the_order_and_a_background_is_a_class_like_any_other(tmp_path: Path) -> None:
    fill(tmp_path, {**TWO, "background/1.png": PICTURE, "classes.txt": "dog\nbackground\ncat"})
    assert open_classified(tmp_path).classes == ["dog", "background", "cat"]
    assert open_classified(tmp_path).class_ids == [0, 1, 2, 2]


def test_validation_data_are_numbered_as_the_training_data_and_may_lack_a_class(tmp_path: Path) -> None:
    data = open_classified(fill(tmp_path, {"dog/1.png": PICTURE}), ["bird", "cat", "dog"])
    assert data.classes == ["bird", "cat", "dog"]
    assert data.class_ids == [2]
    assert [str(finding) for finding in data.findings()] == ["2 classes have no picture: bird, cat"]


def test_a_photo_is_turned_upright_and_that_is_a_finding(tmp_path: Path) -> None:
    data = open_classified(fill(tmp_path, {**TWO, "dog/1.jpg": turned(6), "dog/notes.txt": "x"}))
    assert data[data.ids.index("dog/1.jpg")].image.shape == (6, 4, 3)
    said = [str(finding) for finding in data.findings()]
    assert said[0] == "1 photo is stored rotated; its EXIF orientation is applied: dog/1.jpg"
    assert said[1] == "1 file in the class folders is not a picture and is ignored: dog/notes.txt"


def test_a_picture_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    data = open_classified(fill(tmp_path, {**TWO, "dog/1.png": b"no picture"}))
    (finding,) = data.findings()
    assert finding.refused
    assert "dog/1.png cannot be read" in str(finding)
    with pytest.raises(DataError, match=r"dog/1\.png cannot be read"):
        data[2]


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({}, "has no folder: expected a folder for each class"),
        ({"a.png": PICTURE}, "has 1 picture without a class: expected a folder for each class"),
        ({"cat/1.png": PICTURE}, "has one class, cat: a classifier needs at least two"),
        ({**TWO, "bird/.DS_Store": b""}, "has class folders without a picture, bird: add pictures"),
        ({**TWO, "a.png": PICTURE}, r"has pictures beside its class folders, a\.png: move each"),
        (
            {f"{split}/{name}": PICTURE for split in ("train", "test") for name in TWO},
            "has the folders test, train, which are splits and not classes: name one of them, for example",
        ),
        ({**TWO, "classes.txt": "cat"}, r"has the folders dog, but classes\.txt names cat: rename"),
        ({**TWO, "classes.txt": "cat\ndog\nbird"}, "names bird, for which there is no folder: add one"),
        ({**TWO, "classes.txt": '["cat", "dog"]'}, "write one name per line"),
        (
            {**TWO, "a.png": PICTURE, "bird/.DS_Store": b"", "classes.txt": "cat\nbird"},
            r"beside its class folders, a\.png(.|\n)*without a picture, bird(.|\n)*has the folders dog, but",
        ),
    ],
)
def test_any_other_layout_is_refused_with_what_to_do(
    tmp_path: Path, files: dict[str, Any], told: str
) -> None:
    with pytest.raises(DataError, match=told):
        open_classified(fill(tmp_path, files))


@pytest.mark.parametrize("name", ALL)
def test_data_for_segmentation_are_refused_by_name(tmp_path: Path, name: str) -> None:
    ALL[name](tmp_path, b"", (8, 8), (1, 1, 4, 4))
    with pytest.raises(DataError, match=f"is in the format {name}, for segmentation|without a class"):
        open_classified(tmp_path)


def test_a_folder_that_is_not_there_or_of_other_classes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist: name a folder"):
        open_classified(tmp_path / "none")
    with pytest.raises(DataError, match="has the folders dog, but the classes are cat, bird: rename"):
        open_classified(fill(tmp_path, TWO), ["cat", "bird"])


@pytest.mark.parametrize(
    ("files", "told"),
    [
        (
            {**TWO, "bird/.DS_Store": b""},
            "has class folders without a picture, bird: add pictures, or remove",
        ),
        (
            {"cat/1.png": PICTURE, "a.png": PICTURE},
            r"for classification, a folder for each class.*found a\.png",
        ),
        (
            {"cat/1.png": PICTURE, "dog/.DS_Store": b""},
            "for classification, a folder for each class.*found cat/",
        ),
    ],
)
def test_what_is_nearly_classified_is_refused_with_the_layout_of_classes(
    tmp_path: Path, files: dict[str, Any], told: str
) -> None:
    with pytest.raises(DataError, match=told):
        open_data(fill(tmp_path, files))


def test_it_is_recognised_by_looking(tmp_path: Path) -> None:
    assert is_classified(fill(tmp_path / "a", TWO))
    assert not is_classified(fill(tmp_path / "b", {f"train/{name}": PICTURE for name in TWO}))
    assert not is_classified(fill(tmp_path / "c", {"cat/1.png": PICTURE}))
    assert not is_classified(fill(tmp_path / "d", {"images/1.png": PICTURE, "masks/1.png": PICTURE}))
    assert not is_classified(fill(tmp_path / "f", {"obj.names": "cat", **TWO}))
    with pytest.raises(DataError, match="has folders of classes in test and train: name one of these"):
        open_data(
            fill(tmp_path / "e", {f"{split}/{name}": PICTURE for split in ("train", "test") for name in TWO})
        )
    with pytest.raises(DataError, match=r"has a folder for each class, .* \(--task classify\)"):
        open_data(tmp_path / "a")
