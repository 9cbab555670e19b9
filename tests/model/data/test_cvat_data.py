"""CVAT's XML for images: its shapes become objects, and what cannot be one is refused in words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from drawn_formats import put

from model.data import DataError, Reading, check_data, open_data
from model.data.sample import Sample

SIZE = (40, 30)
LABELS = "".join(
    f"<label><name>{name}</name><type>{kind}</type><attributes/></label>"
    for name, kind in [("person", "any"), ("cat", "polygon"), ("spot", "points"), ("background", "any")]
)


def write(folder: Path, *shapes: str, name: str = "a.png", labels: str = LABELS) -> Path:
    put(folder / "images/a.png", np.zeros(SIZE[::-1], np.uint8))
    image = f'<image id="0" name="{name}" width="40" height="30">{"".join(shapes)}</image>'
    put(
        folder / "annotations.xml",
        f"<annotations><version>1.1</version><meta><task><labels>{labels}</labels></task></meta>{image}"
        "</annotations>",
    )
    return folder


def shape(kind: str, numbers: str, label: str = "cat", group: int | None = None) -> str:
    in_group = "" if group is None else f' group_id="{group}"'
    return f'<{kind} label="{label}" source="manual" occluded="0" {numbers} z_order="0"{in_group}/>'


def drawn(sample: Sample, index: int = 0) -> np.ndarray:
    plane = np.zeros(sample.image.shape[:2], np.uint8)
    x1, y1, x2, y2 = sample.boxes[index]
    plane[y1:y2, x1:x2] = sample.masks[index]
    return plane


@pytest.mark.parametrize(
    ("kind", "numbers", "box", "area"),
    [
        ("polygon", 'points="5.0,4.0;15.0,4.0;15.0,10.0;5.0,10.0"', [5, 4, 15, 10], 60),
        ("polygon", 'points="35.0,20.0;60.0,20.0;60.0,25.0;35.0,25.0"', [35, 20, 40, 25], 25),  # clipped
        ("box", 'xtl="5" ytl="4" xbr="15" ybr="10"', [5, 4, 15, 10], 60),
        ("box", 'xtl="5" ytl="4" xbr="15" ybr="10" rotation="90"', [7, 2, 13, 12], 60),
        ("ellipse", 'cx="15" cy="15" rx="10" ry="5"', [5, 10, 25, 20], 157),
        ("ellipse", 'cx="15" cy="15" rx="10" ry="5" rotation="90.00"', [10, 5, 20, 25], 157),
        ("mask", 'rle="1, 2, 3" left="3" top="2" width="3" height="2"', [4, 2, 6, 3], 2),
    ],
)
def test_each_kind_of_shape_covers_its_pixels(
    tmp_path: Path, kind: str, numbers: str, box: list[int], area: int
) -> None:
    sample = open_data(write(tmp_path, shape(kind, numbers)))[0]
    assert np.abs(sample.boxes[0] - box).max() <= (kind == "ellipse")
    assert abs(int(sample.masks[0].sum()) - area) <= 0.05 * area


def test_classes_are_in_the_order_of_the_labels_and_a_group_is_one_object(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    square = 'xtl="{0}" ytl="1" xbr="{1}" ybr="3"'
    write(
        tmp_path,
        shape("box", square.format(1, 3), group=7),
        shape("box", square.format(11, 13), group=7),
        shape("box", square.format(21, 23), "person", group=7),
        shape("box", square.format(1, 30), "background"),
        shape("points", 'points="1,1"', "spot"),
        shape("box", square.format(1, 3), group=0),
        shape("box", square.format(4, 6), group=0),
    )
    data = open_data(tmp_path)
    assert data.classes == ["background", "person", "cat"]
    assert data[0].class_ids.tolist() == [2, 1, 2, 2]
    assert data[0].boxes[0].tolist() == [1, 1, 13, 3]
    assert drawn(data[0]).sum() == 8
    check_data(data)
    said = capsys.readouterr().err
    assert "left out: 1 point (it has no area): images/a.png (shape 5)" in said
    assert "left out: 1 shape of the background: images/a.png (shape 4)" in said
    swapped = open_data(tmp_path, Reading(classes=["background", "cat", "person"]))
    assert swapped[0].class_ids.tolist() == [1, 2, 1, 1]


def test_paths_of_windows_and_of_subsets_are_found(tmp_path: Path) -> None:
    square = shape("box", 'xtl="1" ytl="1" xbr="3" ybr="3"')
    assert open_data(write(tmp_path, square, name=r"C:\data\my task\a.png"))[0].boxes.shape == (1, 4)


@pytest.mark.parametrize(
    ("shapes", "told"),
    [
        ([shape("polygon", 'points="1,1;2"')], "shape 1 \\(cat\\) is not a valid polygon of CVAT"),
        ([shape("polygon", 'points="1,1;nan,2;3,3"')], "coordinates that cannot be pixels"),
        ([shape("box", 'xtl="1"')], "is not a valid box of CVAT"),
        ([shape("mask", 'rle="1, 2" left="0" top="0" width="3" height="2"')], "add up to 3 x 2 pixels"),
        ([shape("blob", "")], "is a blob: expected polygon, box, ellipse, mask; delete it"),
    ],
)
def test_an_invalid_shape_is_refused_by_name(tmp_path: Path, shapes: list[str], told: str) -> None:
    with pytest.raises(DataError, match=rf"annotations\.xml: a\.png: .*{told}"):
        open_data(write(tmp_path, *shapes))


def test_what_else_is_wrong_with_the_xml_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"lacks 1 of 1 pictures of annotations\.xml, b\.png: put"):
        open_data(write(tmp_path, name="b.png"))
    put(tmp_path / "annotations.xml", "<annotations><version>1.1</version><image")
    with pytest.raises(DataError, match="cannot be read as XML"):
        open_data(tmp_path)
    put(tmp_path / "annotations.xml", '<annotations><version>1.1</version><track id="0"/></annotations>')
    with pytest.raises(DataError, match=r"'CVAT for video'.*export as 'CVAT for images 1.1'"):
        open_data(tmp_path)
    put(tmp_path / "annotations.xml", "<annotations><version>1.1</version></annotations>")
    put(tmp_path / "b.xml", "<annotations><version>1.1</version></annotations>")
    with pytest.raises(DataError, match=r"has 2 XMLs of CVAT: name one of annotations\.xml, b\.xml"):
        open_data(tmp_path)
    with pytest.raises(DataError, match="has no images: in CVAT, export as"):
        open_data(tmp_path / "b.xml")


def test_a_picture_of_another_size_is_refused(tmp_path: Path) -> None:
    write(tmp_path, shape("box", 'xtl="1" ytl="1" xbr="3" ybr="3"'))
    put(tmp_path / "images/a.png", np.zeros((40, 30), np.uint8))
    with pytest.raises(DataError, match=r"is 30 x 40 pixels, but annotations\.xml says 40 x 30"):
        check_data(open_data(tmp_path))
