"""One photo of a bright rectangle, with the rectangle annotated in each format that is read."""

from __future__ import annotations

import base64
import io
import itertools
import json
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

Box = tuple[int, int, int, int]
Size = tuple[int, int]
Write = Callable[[Path, bytes, Size, Box], None]


def corners(box: Box) -> tuple[list[int], list[int]]:
    x1, y1, x2, y2 = box
    return [x1, x2, x2, x1], [y1, y1, y2, y2]


def polygon(box: Box) -> list[int]:
    return [value for point in zip(*corners(box), strict=True) for value in point]


def filled(size: Size, box: Box, value: int = 1) -> np.ndarray:
    """A map of this size with the box filled."""
    labels = np.zeros(size[::-1], np.uint8)
    labels[box[1] : box[3], box[0] : box[2]] = value
    return labels


def put(path: Path, content: bytes | str | np.ndarray | object) -> Path:
    """Bytes, text, pixels, or anything as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, str):
        path.write_text(content)
    elif isinstance(content, np.ndarray):
        Image.fromarray(content).save(path)
    else:
        path.write_text(json.dumps(content))
    return path


def label_maps(folder: Path, photo: bytes, size: Size, box: Box) -> None:
    put(folder / "images/a.jpg", photo)
    put(folder / "labels/a.png", filled(size, box))


def class_maps(folder: Path, photo: bytes, size: Size, box: Box) -> None:
    put(folder / "images/a.jpg", photo)
    put(folder / "masks/a.png", filled(size, box))
    put(folder / "classes.txt", "thing")


def mask_files(folder: Path, photo: bytes, size: Size, box: Box) -> None:
    put(folder / "a/images/a.jpg", photo)
    put(folder / "a/masks/1.png", filled(size, box, 255))


def coco(folder: Path, photo: bytes, size: Size, box: Box) -> None:
    put(folder / "a.jpg", photo)
    put(
        folder / "annotations.json",
        {
            "images": [{"id": 1, "file_name": "a.jpg", "width": size[0], "height": size[1]}],
            "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": [polygon(box)]}],
            "categories": [{"id": 1, "name": "thing"}],
        },
    )


def labelme(folder: Path, photo: bytes, size: Size, box: Box) -> None:
    put(folder / "a.jpg", photo)
    points = np.reshape(polygon(box), (-1, 2)).tolist()
    put(
        folder / "a.json",
        {
            "version": "5.4.1",
            "flags": {},
            "shapes": [{"label": "thing", "points": points, "group_id": None, "shape_type": "polygon"}],
            "imagePath": "a.jpg",
            "imageData": None,
            "imageHeight": size[1],
            "imageWidth": size[0],
        },
    )


def via(folder: Path, photo: bytes, size: Size, box: Box) -> None:
    """VIA tells no size; the rectangle alone can."""
    put(folder / "a.jpg", photo)
    xs, ys = corners(box)
    figure = {"name": "polygon", "all_points_x": xs, "all_points_y": ys}
    region = {"shape_attributes": figure, "region_attributes": {"kind": "thing"}}
    put(
        folder / "via_region_data.json", {"a.jpg123": {"filename": "a.jpg", "size": 123, "regions": [region]}}
    )


def cvat(folder: Path, photo: bytes, size: Size, box: Box) -> None:
    put(folder / "images/a.jpg", photo)
    width, height = box[2] - box[0], box[3] - box[1]
    put(
        folder / "annotations.xml",
        '<?xml version="1.0" encoding="utf-8"?>\n<annotations><version>1.1</version><meta><task><labels>'
        "<label><name>thing</name><type>any</type></label></labels></task></meta>"
        f'<image id="0" name="a.jpg" width="{size[0]}" height="{size[1]}">'
        f'<mask label="thing" left="{box[0]}" top="{box[1]}" width="{width}" height="{height}" '
        f'rle="0, {width * height}"/></image></annotations>',
    )


def bitmap(mask: np.ndarray) -> str:
    """As Supervisely writes a mask: a PNG, compressed once more, in base64."""
    buffer = io.BytesIO()
    Image.fromarray(mask * 255).save(buffer, "PNG")
    return base64.b64encode(zlib.compress(buffer.getvalue())).decode()


def supervisely(folder: Path, photo: bytes, size: Size, box: Box) -> None:
    put(folder / "meta.json", {"classes": [{"title": "thing", "shape": "bitmap", "color": "#FF0000"}]})
    put(folder / "ds 1/img/a.jpg", photo)
    mask = np.ones((box[3] - box[1], box[2] - box[0]), np.uint8)
    thing = {
        "classTitle": "thing",
        "geometryType": "bitmap",
        "bitmap": {"data": bitmap(mask), "origin": box[:2]},
    }
    put(
        folder / "ds 1/ann/a.jpg.json",
        {"size": {"width": size[0], "height": size[1]}, "objects": [thing], "tags": []},
    )


def voc(folder: Path, photo: bytes, size: Size, box: Box) -> None:
    put(folder / "JPEGImages/a.jpg", photo)
    put(folder / "SegmentationClass/a.png", filled(size, box))
    put(folder / "SegmentationObject/a.png", filled(size, box))
    put(folder / "ImageSets/Segmentation/default.txt", "a\n")
    put(folder / "classes.txt", "thing")


def brushed(mask: np.ndarray) -> list[int]:
    """As Label Studio writes a mask: run lengths of RGBA, in bits, of which the alpha is the mask."""
    rgba = np.repeat(np.where(mask, 255, 0).astype(np.uint8).ravel(), 4)
    bits = f"{len(rgba):032b}{8 - 1:05b}{3 - 1:04b}{4 - 1:04b}{8 - 1:04b}{16 - 1:04b}"
    starts = [0, *(np.flatnonzero(np.diff(rgba)) + 1), len(rgba)]
    for start, end in itertools.pairwise(starts):
        bits += f"1{3:02b}{end - start - 1:016b}{rgba[start]:08b}"
    bits += "0" * (-len(bits) % 8)
    return [int(bits[place : place + 8], 2) for place in range(0, len(bits), 8)]


def label_studio(folder: Path, photo: bytes, size: Size, box: Box) -> None:
    put(folder / "images/a.jpg", photo)
    region = {
        "id": "x1",
        "type": "brushlabels",
        "original_width": size[0],
        "original_height": size[1],
        "image_rotation": 0,
        "value": {"format": "rle", "rle": brushed(filled(size, box)), "brushlabels": ["thing"]},
    }
    task = {
        "id": 7,
        "data": {"image": "/data/upload/1/0a1b2c3d-a.jpg"},
        "annotations": [{"result": [region]}],
    }
    put(folder / "project-1-at-2026-11-30.json", [task])


def yolo(folder: Path, photo: bytes, size: Size, box: Box) -> None:
    """YOLO's coordinates are fractions, which fit any size."""
    put(folder / "images/a.jpg", photo)
    fractions = [value / size[axis % 2] for axis, value in enumerate(polygon(box))]
    put(folder / "labels/a.txt", f"0 {' '.join(map(str, fractions))}\n")
    put(folder / "classes.txt", "thing")


SIZED: dict[str, Write] = {
    "label maps": label_maps,
    "class maps": class_maps,
    "mask files": mask_files,
    "COCO": coco,
    "LabelMe": labelme,
    "Label Studio": label_studio,
    "CVAT": cvat,
    "Pascal VOC": voc,
    "Supervisely": supervisely,
}
"""Formats that tell the size of the picture that was annotated."""
ALL: dict[str, Write] = {**SIZED, "VIA": via, "YOLO": yolo}
