"""Supervisely's projects: shapes become objects, and what cannot be one is refused in words."""

from __future__ import annotations

import base64
import io
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_formats import bitmap, put
from PIL import Image

from model.data import DataError, Reading, check_data, open_data

CLASSES = [
    {"title": "dog", "shape": "any"},
    {"title": "cat", "shape": "polygon"},
    {"title": "spot", "shape": "point"},
]
SIZE = {"width": 40, "height": 30}


def write(folder: Path, *objects: Any, part: str = "ds", **more: Any) -> Path:
    put(folder / "meta.json", {"classes": CLASSES, "tags": []})
    put(folder / part / "img/a 1.png", np.zeros((30, 40), np.uint8))
    put(folder / part / "ann/a 1.png.json", {"size": SIZE, "objects": list(objects), **more})
    return folder


def thing(kind: str, label: str = "cat", **content: Any) -> dict[str, Any]:
    return {"classTitle": label, "geometryType": kind, "tags": [], **content}


def points(exterior: list, interior: list | None = None) -> dict[str, Any]:
    return {"points": {"exterior": exterior, "interior": interior or []}}


def written_by_the_sdk(mask: np.ndarray) -> str:
    """As the SDK does: a palette of two colours, of which the first is transparent."""
    picture = Image.fromarray(mask, "L").convert("P")
    picture.putdata(mask.ravel().tolist())
    picture.putpalette([0, 0, 0, 255, 255, 255])
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", transparency=0)
    return base64.b64encode(zlib.compress(buffer.getvalue())).decode()


SQUARE = [[5, 4], [15, 4], [15, 10], [5, 10]]
HOLE = [[7, 5], [9, 5], [9, 8], [7, 8]]
RING = np.array([[1, 1, 1], [1, 0, 1]], np.uint8)


@pytest.mark.parametrize(
    ("shape", "box", "area"),
    [
        (thing("polygon", **points(SQUARE)), [5, 4, 15, 10], 60),
        (thing("polygon", **points(SQUARE, [HOLE])), [5, 4, 15, 10], 54),
        (thing("polygon", **points([[35, 20], [60, 20], [60, 25], [35, 25]])), [35, 20, 40, 25], 25),
        (thing("rectangle", **points([[5, 4], [14, 9]])), [5, 4, 15, 10], 60),
        (thing("rectangle", **points([[14, 9], [5, 4]])), [5, 4, 15, 10], 60),
        (thing("bitmap", bitmap={"data": bitmap(RING), "origin": [3, 2]}), [3, 2, 6, 4], 5),
        (thing("bitmap", bitmap={"data": written_by_the_sdk(RING), "origin": [3, 2]}), [3, 2, 6, 4], 5),
    ],
)
def test_each_kind_of_shape_covers_its_pixels(
    tmp_path: Path, shape: dict[str, Any], box: list[int], area: int
) -> None:
    sample = open_data(write(tmp_path, shape))[0]
    assert sample.boxes.tolist() == [box]
    assert int(sample.masks[0].sum()) == area


def test_classes_are_in_the_order_of_meta_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, thing("polygon", **points(SQUARE)), thing("point", "spot", **points([[1, 1]])))
    data = open_data(tmp_path)
    assert data.classes == ["background", "dog", "cat"]
    assert data[0].class_ids.tolist() == [2]
    assert data.ids == ["ds/a 1.png"]
    check_data(data)
    assert "left out: 1 point (it has no area): img/a 1.png (object 2)" in capsys.readouterr().err
    swapped = open_data(tmp_path / "ds", Reading(classes=["background", "cat", "dog"]))
    assert swapped[0].class_ids.tolist() == [1]
    assert swapped.ids == ["a 1.png"]


def test_data_sets_are_read_as_one_unless_they_are_splits(tmp_path: Path) -> None:
    square = thing("polygon", **points(SQUARE))
    write(tmp_path / "a", square, part="monday")
    write(tmp_path / "a", square, part="monday/datasets/tuesday")
    assert open_data(tmp_path / "a").ids == ["monday/a 1.png", "monday/datasets/tuesday/a 1.png"]
    write(tmp_path / "b", square, part="train")
    write(tmp_path / "b", square, part="val")
    with pytest.raises(DataError, match=r"has the data sets train, val, of which some are splits: name one"):
        open_data(tmp_path / "b")
    assert len(open_data(tmp_path / "b/val")) == 1


@pytest.mark.parametrize(
    ("shape", "told"),
    [
        ({"geometryType": "polygon"}, "object 1 has no 'classTitle'"),
        (thing("polygon"), r"object 1 \(cat\) is not a valid polygon of Supervisely"),
        (thing("polygon", **points([[1, 1e9], [2, 2], [3, 3]])), "cannot be pixels of a picture"),
        (thing("rectangle", **points([[1, 1]])), "not a valid rectangle"),
        (thing("bitmap", bitmap={"data": "?", "origin": [0, 0]}), "not a valid bitmap"),
        (
            thing("bitmap", bitmap={"data": bitmap(np.ones((99, 9), np.uint8)), "origin": [0, 0]}),
            "it is 9 x 99 pixels, the picture 40 x 30",
        ),
        (thing("cloud"), "is a cloud: expected polygon, rectangle, bitmap"),
    ],
)
def test_an_invalid_shape_is_refused_by_name(tmp_path: Path, shape: dict[str, Any], told: str) -> None:
    with pytest.raises(DataError, match=rf"ann/a 1\.png\.json: .*{told}"):
        open_data(write(tmp_path, shape))


def test_what_else_is_wrong_is_said(tmp_path: Path) -> None:
    write(tmp_path, thing("polygon", **points(SQUARE)))
    put(tmp_path / "ds/img/a 1.png", np.zeros((40, 30), np.uint8))
    with pytest.raises(DataError, match=r"is 30 x 40 pixels, but its JSON says 40 x 30.*rotated by 90°"):
        check_data(open_data(tmp_path))
    put(tmp_path / "ds/ann/b.png.json", {"size": SIZE, "objects": []})
    with pytest.raises(DataError, match=r"lacks the pictures of 1 of 2 JSONs, b\.png: in Superv"):
        open_data(tmp_path)
    put(tmp_path / "ds/ann/b.png.json", {"objects": []})
    with pytest.raises(DataError, match=r"b\.png\.json is not a JSON of Supervisely: expected 'size'"):
        open_data(tmp_path)
    put(tmp_path / "ds/ann/b.png.json", {"size": {"width": 3}, "objects": []})
    with pytest.raises(DataError, match="has no size: expected"):
        open_data(tmp_path)
    put(tmp_path / "meta.json", "{")
    with pytest.raises(DataError):
        open_data(tmp_path)
