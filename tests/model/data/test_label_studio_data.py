"""Label Studio's JSON: regions in per cent become objects, and what cannot be one is refused in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_formats import brushed, put

from model.data import DataError, check_data, open_data
from model.data.formats.label_studio_brush import alpha_of

SIZE = (40, 20)
MASK = np.zeros((20, 40), np.uint8)
MASK[5:9, 10:13] = 1


def region(kind: str, label: str | None = "cat", *, id: str = "r1", **value: Any) -> dict[str, Any]:
    labels = {} if label is None else {f"{kind}labels" if kind != "labels" else "labels": [label]}
    return {
        "id": id,
        "type": f"{kind}labels" if kind != "labels" else "labels",
        "original_width": SIZE[0],
        "original_height": SIZE[1],
        "image_rotation": 0,
        "value": {**value, **labels},
    }


def task(*results: Any, picture: str = "/data/upload/1/0a1b2c3d-a.png", **more: Any) -> dict[str, Any]:
    annotation = {"id": 1, "was_cancelled": False, "result": list(results)}
    return {"id": 3, "data": {"image": picture}, "annotations": [annotation], "predictions": [], **more}


def write(folder: Path, *tasks: Any, name: str = "a.png") -> Path:
    put(folder / "images" / name, np.zeros(SIZE[::-1], np.uint8))
    put(folder / "export.json", list(tasks))
    return folder


SQUARE = {"points": [[25, 25], [50, 25], [50, 50], [25, 50]]}


@pytest.mark.parametrize(
    ("result", "box", "area"),
    [
        (region("polygon", **SQUARE), [10, 5, 20, 10], 50),
        (region("rectangle", x=25, y=25, width=25, height=25, rotation=0), [10, 5, 20, 10], 50),
        # A quarter turn around its upper left corner at (20, 5), and in pixels, not in per cent.
        (region("rectangle", x=50, y=25, width=25, height=25, rotation=90), [15, 5, 20, 15], 50),
        (region("ellipse", x=50, y=50, radiusX=25, radiusY=25, rotation=0), [10, 5, 30, 15], 157),
        (region("brush", format="rle", rle=brushed(MASK)), [10, 5, 13, 9], 12),
    ],
)
def test_each_kind_of_region_covers_its_pixels(
    tmp_path: Path, result: dict[str, Any], box: list[int], area: int
) -> None:
    sample = open_data(write(tmp_path, task(result)))[0]
    assert np.abs(sample.boxes[0] - box).max() <= (area == 157)
    assert abs(int(sample.masks[0].sum()) - area) <= 0.05 * area


def test_a_brush_with_literal_values_is_unpacked() -> None:
    """As Label Studio's own encoder writes single values: not equal, width 3, length 1."""
    values = [0, 0, 0, 0, 9, 8, 7, 200]  # two pixels
    bits = f"{len(values):032b}{7:05b}{2:04b}{3:04b}{7:04b}{15:04b}" + f"1{0:02b}{3:03b}{0:08b}"
    bits += f"0{0:02b}{3:03b}" + "".join(f"{value:08b}" for value in values[4:])
    bits += "0" * (-len(bits) % 8)
    rle = [int(bits[place : place + 8], 2) for place in range(0, len(bits), 8)]
    assert alpha_of(rle, (2, 1)).tolist() == [[0, 200]]


def test_a_shape_and_its_labels_may_be_two_results_of_one_region(tmp_path: Path) -> None:
    shape = {**region("polygon", None, **SQUARE), "type": "polygon"}
    other = {"id": "c", "type": "choices", "from_name": "sharp", "value": {"choices": ["yes"]}}
    data = open_data(write(tmp_path, task(shape, region("labels", "dog", **SQUARE), other)))
    assert data.classes == ["background", "dog"]
    assert len(data[0]) == 1


@pytest.mark.parametrize(
    ("picture", "file"),
    [
        ("/data/upload/1/0a1b2c3d-a.png", "a.png"),
        ("/data/upload/1/0a1b2c3d-a.png", "0a1b2c3d-a.png"),
        ("/data/local-files/?d=set%201/a.png", "set 1/a.png"),
        ("s3://bucket/my%20set/a.png", "a.png"),
        ("https://example.org/x/a%20b.png?X-Amz-Signature=1", "a b.png"),
        (r"C:\pictures\a.png", "a.png"),
        ("../../a.png", "a.png"),
    ],
)
def test_pictures_are_found_by_upload_path_or_url(tmp_path: Path, picture: str, file: str) -> None:
    write(tmp_path, task(region("polygon", **SQUARE), picture=picture), name=file)
    assert len(open_data(tmp_path / "export.json")[0]) == 1


def test_which_annotation_is_read_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = region("polygon", "cat", **SQUARE), region("polygon", "dog", **SQUARE)
    two = [{"result": [first]}, {"result": [second], "ground_truth": True}, {"was_cancelled": True}]
    empty = {"id": 5, "data": {"image": "a.png"}, "annotations": [{"result": []}]}
    data = open_data(
        write(
            tmp_path,
            {**task(), "annotations": two},
            {**task(), "id": 4, "annotations": [{"was_cancelled": True, "result": [first]}]},
            empty,
            task(region("keypoint", "spot", id="r0", x=1, y=1, width=1), first, id=6),
        )
    )
    assert data.ids == ["3", "5", "6"]
    assert data.classes == ["background", "cat", "dog"]
    assert [data[index].class_ids.tolist() for index in range(3)] == [[2], [], [1]]
    check_data(data)
    said = capsys.readouterr().err
    assert "1 task has several annotations: the ground truth is read, else the first one: task 3" in said
    assert "1 task has no annotation and is ignored, as not annotated yet: task 4" in said
    assert "1 picture has no object" in said
    assert "left out: 1 key point (it has no area): images/a.png (region 1)" in said


TURNED = {**region("polygon", **SQUARE), "image_rotation": 90}


@pytest.mark.parametrize(
    ("results", "told"),
    [
        ([region("polygon", None, **SQUARE)], "region 1 has no label: give it one label"),
        (
            [region("polygon", **SQUARE), region("labels", "dog", **SQUARE)],
            "region 1 has the labels cat, dog: give it one label",
        ),
        ([TURNED], "was rotated in Label Studio by 90°: rotate its picture file"),
        ([region("polygon", points=[[1]])], r"region 1 \(cat\) is not a valid polygon of Label Studio"),
        ([region("rectangle", x=1)], "is not a valid rectangle"),
        ([region("ellipse", x=1, y=1, radiusX="nan", radiusY=1)], "cannot be pixels|not a valid ellipse"),
        ([region("brush", rle=brushed(MASK[:5]))], "have 800 values, a picture of 40 x 20 has 3200"),
        ([region("brush", rle=brushed(MASK)[:-3])], "its run lengths end too early"),
        ([region("brush", rle=[-1])], "is not a valid brush"),
        ([{**region("polygon", **SQUARE), "original_width": None}], "has no 'original_width'"),
        (["text"], "a result of its annotation is not an object"),
    ],
)
def test_an_invalid_region_is_refused_by_name(tmp_path: Path, results: list[Any], told: str) -> None:
    with pytest.raises(DataError, match=rf"export\.json: task 3.*{told}"):
        open_data(write(tmp_path, task(*results)))


def test_what_else_is_wrong_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no annotation in any of its 1 tasks: annotate and submit"):
        open_data(write(tmp_path, {**task(), "annotations": []}))
    with pytest.raises(DataError, match="task 3 names no picture in its 'data': expected"):
        open_data(write(tmp_path, {**task(), "data": {"text": "hello"}}))
    square = region("polygon", **SQUARE)
    with pytest.raises(DataError, match=r"pictures of export\.json, https://x\.org/b\.png: download"):
        open_data(write(tmp_path, task(square, picture="https://x.org/b.png")))
    write(tmp_path, task(square))
    put(tmp_path / "images/a.png", np.zeros(SIZE, np.uint8))
    with pytest.raises(DataError, match=r"is 20 x 40 pixels, but export\.json says 40 x 20"):
        check_data(open_data(tmp_path))
