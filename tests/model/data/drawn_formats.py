"""One photo of a bright rectangle, with the rectangle annotated in each format that is read."""

from __future__ import annotations

import json
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
    "CVAT": cvat,
}
"""Formats that tell the size of the picture that was annotated."""
ALL: dict[str, Write] = {**SIZED, "VIA": via, "YOLO": yolo}
