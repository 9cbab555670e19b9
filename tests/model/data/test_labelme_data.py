"""Data of LabelMe: a JSON a picture."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_formats import put
from PIL import Image

from model.data import DataError, LabelMeFolder, Reading, Sample, check_data, open_data

SIZE = (40, 30)
SQUARE = [[2, 3], [12, 3], [12, 13], [2, 13]]


def picture(colour: str = "black", kind: str = "PNG", size: tuple[int, int] = SIZE) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, kind)
    return buffer.getvalue()


def in_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def shape(points: Any, kind: str | None = "polygon", label: Any = "cat", **more: Any) -> dict[str, Any]:
    return {"label": label, "points": points, "group_id": None, "shape_type": kind, "flags": {}, **more}


def document(*shapes: Any, **more: Any) -> dict[str, Any]:
    about = {"imagePath": "a.png", "imageData": None, "imageHeight": SIZE[1], "imageWidth": SIZE[0]}
    return {"version": "5.4.1", "flags": {}, "shapes": list(shapes), **about, **more}


def write(folder: Path, content: Any, where: str = "a.png") -> Path:
    put(folder / where, picture())
    put(folder / "a.json", content)
    return folder


def first(folder: Path) -> Sample:
    return open_data(folder)[0]


def mask_shape() -> dict[str, Any]:
    """A mask of 4 x 3 pixels from (5, 6) on, its corner missing."""
    mask = np.ones((3, 4), bool)
    mask[0, 0] = False
    buffer = io.BytesIO()
    Image.fromarray(mask).save(buffer, "PNG")
    return shape([[5, 6], [8, 8]], "mask", mask=in_base64(buffer.getvalue()))


@pytest.mark.parametrize(
    ("drawn", "box", "area"),
    [
        (shape(SQUARE), [2, 3, 12, 13], 100),
        (shape(SQUARE, None), [2, 3, 12, 13], 100),  # of an early version
        (shape([[30, 11], [20, 5]], "rectangle"), [20, 5, 30, 11], 60),  # from the lower right corner
        (shape(SQUARE, "rectangle"), [2, 3, 12, 13], 100),  # four corners, as other tools write it
        (shape(SQUARE, "rotation"), [2, 3, 12, 13], 100),
        (shape(SQUARE, "oriented_rectangle"), [2, 3, 12, 13], 100),
        (shape([[20, 15], [20, 7]], "circle"), [12, 7, 28, 23], np.pi * 64),
        (mask_shape(), [5, 6, 9, 9], 11),
    ],
)
def test_every_shape_with_an_area_is_an_object(
    tmp_path: Path, drawn: dict[str, Any], box: list[int], area: float
) -> None:
    sample = first(write(tmp_path, document(drawn)))
    assert sample.boxes.tolist() == [box]
    assert sample.masks[0].sum() == pytest.approx(area, rel=0.05)


def test_parts_of_a_group_are_one_object_and_others_are_not(tmp_path: Path) -> None:
    right, low = [[30, 3], [35, 3], [35, 8], [30, 8]], [[2, 20], [8, 20], [8, 26], [2, 26]]
    sample = first(
        write(
            tmp_path,
            document(
                shape(SQUARE, group_id=1),
                shape(low, group_id=2),
                shape(right, group_id=1),
                shape(right, label="dog", group_id=1),
                shape(low),
            ),
        )
    )
    assert sample.boxes.tolist() == [
        [2, 3, 35, 13],
        [2, 20, 8, 26],
        [30, 3, 35, 8],
        [2, 20, 8, 26],
    ]
    assert sample.class_ids.tolist() == [1, 1, 2, 1]
    assert int(sample.masks[0].sum()) == 100 + 25


def test_shapes_without_an_area_are_left_out_and_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shapes = [
        shape([[1, 1]], "point"),
        shape([[1, 1], [5, 5]], "line"),
        shape([[1, 1], [5, 5], [9, 5]], "linestrip"),
        shape([[1, 1], [5, 5]]),
        shape(SQUARE, label="_background_"),
        shape(SQUARE),
    ]
    data = open_data(write(tmp_path, document(*shapes)))
    check_data(data)
    said = capsys.readouterr().err
    assert len(data[0]) == 1
    for told in (
        "left out: 1 point (it has no area): a.json (shape 1)",
        "left out: 1 line (",
        "left out: 1 linestrip (",
        "left out: 1 polygon of fewer than three points",
        "left out: 1 shape labelled _background_: a.json (shape 5)",
    ):
        assert told in said


def test_what_is_to_be_ignored_is_neither_an_object_nor_background(tmp_path: Path) -> None:
    shapes = [
        shape([[20, 5], [30, 11]], "rectangle"),
        shape(SQUARE, label="__ignore__"),
        shape(SQUARE, label="dog"),
    ]
    sample = first(write(tmp_path, document(*shapes)))
    assert sample.class_ids.tolist() == [1, 2]
    assert sample.crowd_boxes.tolist() == [[2, 3, 12, 13]] * 2
    assert sample.crowd_class_ids.tolist() == [1, 2]


def test_the_picture_in_the_json_is_the_one_that_was_annotated(tmp_path: Path) -> None:
    put(tmp_path / "a.png", picture("red"))
    put(tmp_path / "a.json", document(shape(SQUARE), imageData=in_base64(picture("blue"))))
    assert first(tmp_path).image[0, 0].tolist() == [0, 0, 255]
    (tmp_path / "a.png").unlink()
    assert first(tmp_path).image.shape == (30, 40, 3)


@pytest.mark.parametrize(
    ("where", "named"),
    [
        ("a.png", "a.png"),
        ("a.png", "C:\\Users\\me\\a.png"),
        ("a.png", ""),
        ("../pictures/a.png", "..\\pictures\\a.png"),
        ("images/a.png", "a.png"),
        ("a.jpg", "renamed.png"),
    ],
)
def test_the_picture_is_found_where_it_lies(tmp_path: Path, where: str, named: str) -> None:
    folder = tmp_path / "labelled"
    write(folder, document(shape(SQUARE), imagePath=named), where)
    assert first(folder).boxes.tolist() == [[2, 3, 12, 13]]


@pytest.mark.parametrize("labels", ["annotations", "labels"])
def test_jsons_may_lie_in_a_folder_beside_images(tmp_path: Path, labels: str) -> None:
    put(tmp_path / "images/a.png", picture())
    put(tmp_path / labels / "a.json", document(shape(SQUARE), imagePath="../images/a.png"))
    assert isinstance(open_data(tmp_path), LabelMeFolder)


def test_a_json_without_a_size_and_one_without_shapes_are_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, document(shape(SQUARE), imageHeight=None, imageWidth=None))
    put(tmp_path / "b.png", picture())
    put(tmp_path / "b.json", document(imagePath="b.png"))
    put(tmp_path / "c.png", picture())
    data = open_data(tmp_path)
    check_data(data)
    said = capsys.readouterr().err
    assert [len(data[index]) for index in range(2)] == [1, 0]
    assert "1 picture has no object" in said
    assert f"1 picture has no JSON and is ignored, as not annotated yet: {tmp_path.name}/c.png" in said


def test_classes_come_in_the_order_of_labels_txt(tmp_path: Path) -> None:
    write(tmp_path, document(shape(SQUARE, label="dog"), shape(SQUARE)))
    assert open_data(tmp_path).classes == ["background", "cat", "dog"]
    put(tmp_path / "labels.txt", "__ignore__\n_background_\nhorse\ndog\ncat\n")
    assert open_data(tmp_path).classes == ["background", "horse", "dog", "cat"]
    with pytest.raises(DataError, match="have the classes dog, but the model, or --data, has only cat"):
        open_data(tmp_path, Reading(classes=["background", "cat"]))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (
            document(shape(SQUARE), imagePath="b.png"),
            "lacks the pictures of 1 of 1 JSONs, b.png of a.js",
        ),
        (document(shape(None)), "a.json: shape 1 has no 'points'"),
        (document(shape(SQUARE, label=None)), "a.json: shape 1 has no 'label'"),
        (document(shape([[1, 2, 3]])), r"a.json: shape 1 \(cat\) is not a valid polygon"),
        (document(shape([[1, 2]], "rectangle")), r"a.json: shape 1 \(cat\) is not a valid rectangle"),
        (
            document(shape([[1, 1], [2, 2]], "mask", mask="AAAA")),
            r"a.json: shape 1 \(cat\) is not a valid mask",
        ),
        (document(shape([[1, 2], [3, float("inf")], [4, 5]])), "coordinates that cannot be pixels"),
        (document(shape([[1, 1]], "point")), "have no class"),
    ],
)
def test_what_is_not_as_labelme_writes_it_is_refused_by_name(tmp_path: Path, content: Any, told: str) -> None:
    put(tmp_path / "a.json", content)
    if "imagePath='b.png'" not in str(content) and content["imagePath"] == "a.png":
        put(tmp_path / "a.png", picture())
    with pytest.raises(DataError, match=told):
        open_data(tmp_path)


def test_a_labels_txt_in_another_encoding_is_named(tmp_path: Path) -> None:
    write(tmp_path, document(shape(SQUARE)))
    put(tmp_path / "labels.txt", "zèbre".encode("latin-1"))
    told = r"labels\.txt is not in UTF-8 and was read as Latin-1 .* zèbre: if .* save the file in UTF-8"
    with pytest.raises(DataError, match=told):
        open_data(tmp_path)


def test_a_broken_picture_in_a_json_is_named(tmp_path: Path) -> None:
    put(tmp_path / "a.json", document(shape(SQUARE), imageData="no base64!"))
    with pytest.raises(DataError, match=r"a\.json \(imageData\) cannot be read"):
        check_data(open_data(tmp_path))


def test_one_json_may_be_named(tmp_path: Path) -> None:
    assert len(open_data(write(tmp_path, document(shape(SQUARE))) / "a.json")) == 1
