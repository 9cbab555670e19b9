"""Pascal VOC's maps in palettes, grey and colours, with borders, names and lists of pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from drawn_formats import put
from PIL import Image

from model.data import DataError, Reading, check_data, check_objects, open_data
from model.data.formats.voc_maps import palette

CLASS_MAP = np.array(
    [
        [0, 255, 255, 255, 0, 0],
        [0, 255, 2, 255, 0, 0],
        [0, 255, 255, 255, 1, 1],
        [0, 0, 0, 0, 1, 1],
    ],
    np.uint8,
)
OBJECTS = np.where(CLASS_MAP == 2, 1, np.where(CLASS_MAP == 1, 2, CLASS_MAP)).astype(np.uint8)
LABEL_MAP = "# label:color_rgb:parts:actions\nbackground:0,0,0::\ncat:250,50,83::\ndog:61,61,245::\n"
COLOURS = np.zeros((256, 3), np.uint8)
COLOURS[[1, 2, 255]] = [(250, 50, 83), (61, 61, 245), (224, 224, 192)]


def with_palette(numbers: np.ndarray, colours: np.ndarray | None = None) -> Image.Image:
    picture = Image.fromarray(numbers, "P")
    codes = [(code >> 16, code >> 8 & 255, code & 255) for code in palette()]
    picture.putpalette(np.ravel(codes if colours is None else colours).astype(np.uint8).tobytes())
    return picture


def write(
    folder: Path,
    classes: np.ndarray | Image.Image = CLASS_MAP,
    objects: np.ndarray | Image.Image | None = OBJECTS,
    id: str = "a b",
) -> Path:
    put(folder / f"JPEGImages/{id}.jpg", np.zeros((4, 6), np.uint8))
    for name, numbers in (("SegmentationClass", classes), ("SegmentationObject", objects)):
        if numbers is not None:
            (folder / name).mkdir(exist_ok=True)
            picture = Image.fromarray(numbers) if isinstance(numbers, np.ndarray) else numbers
            picture.save(folder / name / f"{id}.png")
    return folder


def test_its_palette_is_vocs() -> None:
    assert [palette()[number] for number in (0, 1, 2, 15, 20, 255)] == [
        0,
        0x800000,
        0x008000,
        0xC08080,
        0x004080,
        0xE0E0C0,
    ]


@pytest.mark.parametrize(
    ("classes", "objects", "names"),
    [
        (with_palette(CLASS_MAP), with_palette(OBJECTS), "classes.txt"),
        (CLASS_MAP, OBJECTS, "classes.txt"),
        (CLASS_MAP, OBJECTS, "labelmap.txt"),
        # CVAT and Datumaro save colours.
        (COLOURS[CLASS_MAP], with_palette(OBJECTS).convert("RGB"), "labelmap.txt"),
        (with_palette(CLASS_MAP, COLOURS), with_palette(OBJECTS), "labelmap.txt"),
        (with_palette(CLASS_MAP).convert("RGBA"), with_palette(OBJECTS).convert("RGB"), "classes.txt"),
    ],
)
def test_objects_classes_and_borders_are_read(
    tmp_path: Path, classes: np.ndarray, objects: np.ndarray, names: str
) -> None:
    write(tmp_path, classes, objects)
    put(tmp_path / names, LABEL_MAP if names == "labelmap.txt" else "background\ncat\ndog")
    data = open_data(tmp_path)
    sample = data[0]
    assert (data.format_name, data.classes, data.ids) == (
        "Pascal VOC",
        ["background", "cat", "dog"],
        ["a b"],
    )
    found = {
        (class_id, tuple(box))
        for class_id, box in zip(sample.class_ids.tolist(), sample.boxes.tolist(), strict=True)
    }
    assert found == {(2, (2, 1, 3, 2)), (1, (4, 2, 6, 4))}
    assert sample.unknown is not None
    assert np.array_equal(sample.unknown, CLASS_MAP == 255)
    assert sorted(data.class_ids(0)) == [1, 2]


def test_a_given_order_of_classes_counts(tmp_path: Path) -> None:
    put(write(tmp_path) / "classes.txt", "cat\ndog")
    assert open_data(tmp_path, Reading(classes=["background", "dog", "cat"])).class_ids(0) == [1, 2]


def test_class_maps_alone_suit_pixels_but_not_objects(tmp_path: Path) -> None:
    put(write(tmp_path, objects=None) / "classes.txt", "cat\ndog")
    data = open_data(tmp_path)
    assert not data.has_objects
    assert data.class_ids(0) == [1, 2]
    with pytest.raises(DataError, match=r"Pascal VOC without objects.*Put label maps"):
        check_objects(data)


def test_without_names_they_are_vocs_own_unless_the_annotations_have_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path)
    put(tmp_path / "Annotations/a b.xml", "<annotation><object><name>bicycle</name></object></annotation>")
    data = open_data(tmp_path)
    assert data.classes[:3] == ["background", "aeroplane", "bicycle"]
    check_data(data)
    assert "no labelmap.txt or classes.txt: VOC's own 20 classes are assumed" in capsys.readouterr().err
    put(tmp_path / "Annotations/a b.xml", "<annotation><object><name>yak</name></object></annotation>")
    with pytest.raises(DataError, match=r"of the classes yak in Annotations/.* write a classes\.txt"):
        open_data(tmp_path)


def test_a_list_of_several_must_be_named(tmp_path: Path) -> None:
    write(write(tmp_path), id="c")
    put(tmp_path / "ImageSets/Segmentation/train.txt", "a b\r\n")
    assert open_data(tmp_path).ids == ["a b"]
    put(tmp_path / "ImageSets/Segmentation/val.txt", "c\n\n")
    with pytest.raises(DataError, match=r"has several lists of pictures: name one of .*train\.txt, .*val"):
        open_data(tmp_path)
    assert open_data(tmp_path / "ImageSets/Segmentation/val.txt").ids == ["c"]
    put(tmp_path / "ImageSets/Segmentation/val.txt", "d")
    with pytest.raises(DataError, match=r"lacks SegmentationClass/d\.png: expected a map for each of 1"):
        open_data(tmp_path / "ImageSets/Segmentation/val.txt")
    put(tmp_path / "ImageSets/Segmentation/val.txt", "\n")
    with pytest.raises(DataError, match=r"val\.txt is empty: expected the name of a picture"):
        open_data(tmp_path / "ImageSets/Segmentation/val.txt")


@pytest.mark.parametrize(
    ("classes", "objects", "told"),
    [
        (
            CLASS_MAP * 1 + (CLASS_MAP == 1) * np.uint8(6),
            OBJECTS,
            r"has the class 7 that classes\.txt does not",
        ),
        (np.full((4, 6, 3), 9, np.uint8), OBJECTS, r"has a colour that classes\.txt does not name: add it"),
        (np.zeros((4, 6), np.uint8), OBJECTS, "most pixels of an object are background in SegmentationClass"),
        (CLASS_MAP, OBJECTS[:2], "SegmentationObject/a b.png is 6 x 2 pixels, its SegmentationClass 6 x 4"),
        (
            CLASS_MAP[:3],
            OBJECTS[:3],
            "SegmentationClass/a b.png is 6 x 3 pixels, JPEGImages/a b.jpg is 6 x 4",
        ),
    ],
)
def test_a_map_that_cannot_be_used_is_named(
    tmp_path: Path, classes: np.ndarray, objects: np.ndarray, told: str
) -> None:
    put(write(tmp_path, classes, objects) / "classes.txt", "cat\ndog")
    with pytest.raises(DataError, match=told):
        check_data(open_data(tmp_path))


def test_a_picture_that_is_missing_is_named(tmp_path: Path) -> None:
    (write(tmp_path) / "JPEGImages/a b.jpg").unlink()
    with pytest.raises(DataError, match=r"lacks 1 of 1 pictures, a b\.jpg: put them there"):
        open_data(tmp_path)
    put(tmp_path / "labelmap.txt", "background:0,0,0::\ncat;1;2;3\n")
    with pytest.raises(DataError, match="the line 'cat;1;2;3' is not name:red,green,blue::"):
        open_data(tmp_path)
