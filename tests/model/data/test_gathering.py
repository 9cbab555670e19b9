"""All invalid files and annotations of a data set are reported at once, and the rest is checked too."""

from __future__ import annotations

import io
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_formats import ALL, filled, put
from PIL import Image

from model.__main__ import main
from model.data import open_data
from model.data.gathering import InvalidData

SIZE = (40, 30)
BOX = (5, 5, 25, 20)
MANY = 23


def photo() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", SIZE).save(buffer, "JPEG")
    return buffer.getvalue()


def edit(path: Path, change: Callable[[Any], object]) -> None:
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def spoil_coco(folder: Path) -> None:
    def change(coco: Any) -> None:
        good = coco["annotations"][0]
        coco["annotations"] += [{**good, "id": 2 + n, "segmentation": [["x"]]} for n in range(MANY)]
        coco["annotations"].append({**good, "id": 99, "category_id": 9})
        coco["images"].append({**coco["images"][0], "id": 2, "file_name": "b.jpg"})

    edit(folder / "annotations.json", change)


def spoil_labelme(folder: Path) -> None:
    def change(document: Any) -> None:
        good = document["shapes"][0]
        document["shapes"] += [{**good, "points": [["x", 1]]}] * MANY + [{**good, "label": ""}]

    for name in ("b.jpg", "c.jpg"):
        text = (folder / "a.json").read_text().replace("a.jpg", name)
        put(folder / name.replace("jpg", "json"), text)
    edit(folder / "a.json", change)


def spoil_via(folder: Path) -> None:
    def change(document: Any) -> None:
        regions = document["a.jpg123"]["regions"]
        figure = {**regions[0]["shape_attributes"], "all_points_x": ["x"]}
        regions += [{**regions[0], "shape_attributes": figure}] * MANY + [{"region_attributes": {}}]
        document["b.jpg1"] = {"filename": "b.jpg", "regions": regions[:1]}

    edit(folder / "via_region_data.json", change)


def spoil_label_studio(folder: Path) -> None:
    def change(tasks: Any) -> None:
        results = tasks[0]["annotations"][0]["result"]
        bad = {**results[0], "value": {"rle": [1], "brushlabels": ["thing"]}}
        results += [{**bad, "id": str(n)} for n in range(MANY)]
        results.append({**results[0], "id": "y", "value": {}})
        good = {"annotations": [{"result": results[:1]}]}
        tasks += [{**good, "data": {"image": "b.jpg"}}, {**good, "data": {}}]

    edit(next(folder.glob("*.json")), change)


def spoil_supervisely(folder: Path) -> None:
    def change(document: Any) -> None:
        good = document["objects"][0]
        document["objects"] += [{**good, "bitmap": {"data": "!", "origin": [0, 0]}}] * MANY + [{}]

    annotations = folder / "ds 1/ann"
    put(annotations / "b.jpg.json", (annotations / "a.jpg.json").read_text())
    edit(annotations / "a.jpg.json", change)


def spoil_cvat(folder: Path) -> None:
    path = folder / "annotations.xml"
    shapes = '<mask label="thing" left="1" top="1" width="2" height="2" rle="0, 9"/>' * MANY
    more = f'<image name="b.jpg" width="{SIZE[0]}" height="{SIZE[1]}"/><image name="c.jpg"/>'
    text = path.read_text().replace("</image>", f'{shapes}<star label="thing"/></image>{more}')
    path.write_text(text)


def spoil_yolo(folder: Path) -> None:
    path = folder / "labels/a.txt"
    path.write_text(path.read_text() + "0 9 9 9 9 9 9\n" * MANY + "7 0 0 1 0 1 1\nx\n")


def spoil_voc(folder: Path) -> None:
    names = [f"b{number}" for number in range(MANY)]
    put(folder / "ImageSets/Segmentation/default.txt", "\n".join(["a", *names, "c"]))
    for name in names:
        put(folder / f"JPEGImages/{name}.jpg", photo())


def spoil_label_maps(folder: Path) -> None:
    for number in range(MANY):
        put(folder / f"images/b{number}.jpg", photo())
    put(folder / "images/c.jpg", photo())
    put(folder / "labels/c.png", np.zeros((*SIZE[::-1], 3), np.uint8))


def spoil_class_maps(folder: Path) -> None:
    for number in range(MANY):
        put(folder / f"images/b{number}.jpg", photo())
    put(folder / "images/c.jpg", photo())
    put(folder / "masks/c.png", filled(SIZE, BOX, 7))


def spoil_mask_files(folder: Path) -> None:
    for name in "bcde":  # from the first ones the format is recognised
        shutil.copytree(folder / "a", folder / name)
    for number in range(MANY):
        shutil.copytree(folder / "a", folder / f"f{number}")
        put(folder / f"f{number}/images/2.jpg", photo())
    put(folder / "a/masks/2.png", b"no picture")


MANY_ALIKE = rf"Must be fixed: {MANY} problems alike:\n(    .*\n){{20}}    and 3 more\n"
SPOILT: dict[str, tuple[Callable[[Path], None], list[str]]] = {
    "COCO": (spoil_coco, [MANY_ALIKE, "has category 9", r"lacks 1 of 2 images of annotations.json: b\.jpg"]),
    "LabelMe": (
        spoil_labelme,
        [MANY_ALIKE, "shape 25 has no 'label'", r"of 2 of 3 JSONs, b\.jpg of b\.json, c\.jpg of c\.json:"],
    ),
    "VIA": (
        spoil_via,
        [MANY_ALIKE, "region 25 of a.jpg has no 'shape_a", r"lacks 1 of 2 pictures of .*b\.jpg"],
    ),
    "Label Studio": (
        spoil_label_studio,
        [MANY_ALIKE, "region 25 has no label", "task 3 names no picture", r"lacks 1 of 2 pictures .*b\.jpg"],
    ),
    "Supervisely": (spoil_supervisely, [MANY_ALIKE, "object 25 has no", r"pictures of 1 of 2 JSONs, b\.jpg"]),
    "CVAT": (
        spoil_cvat,
        [
            MANY_ALIKE,
            r"is a star",
            r"c\.jpg has no width",
            r"lacks 1 of 2 pictures of annotations.xml, b\.jpg",
        ],
    ),
    "YOLO": (spoil_yolo, [MANY_ALIKE, "line 25 has the class 7", "line 26, is not YOLO's"]),
    "Pascal VOC": (
        spoil_voc,
        [
            r"lacks 1 of 25 pictures, c\.jpg",
            r"lacks SegmentationClass/b0\.png, .*SegmentationClass/c\.png: exp",
            r"lacks SegmentationObject/b0\.png, .*SegmentationObject/c\.png: exp",
        ],
    ),
    "label maps": (spoil_label_maps, [r"23 of the 25 images have no label map", r"c\.png has 3 channels"]),
    "class maps": (spoil_class_maps, [r"23 of the 25 images have no class map", r"c\.png has the class 7"]),
    "mask files": (spoil_mask_files, [MANY_ALIKE, r"mask cannot be read: masks/2\.png"]),
}
"""By format: what is done to a sound data set, and what the check then says."""


@pytest.mark.parametrize("name", ALL)
def test_a_check_lists_all_that_is_invalid_and_counts_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    ALL[name](tmp_path, photo(), SIZE, BOX)
    spoil, told = SPOILT[name]
    spoil(tmp_path)

    assert main(["data", "check", str(tmp_path)]) == 1

    said = capsys.readouterr().out
    assert f"{tmp_path}: {name}, " in said
    assert "Ready" not in said
    for pattern in told:
        assert re.search(pattern, said), f"{pattern}\n{said}"
    with pytest.raises(InvalidData):
        open_data(tmp_path)  # the rest of it is never trained with
