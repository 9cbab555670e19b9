"""COCO shards: the segments of a shard as a COCO data set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from pipelines.rows import Row


def rows_to_coco(rows: Iterable[Row], class_names: Sequence[str]) -> bytes:
    """A COCO data set as JSON, like `model.formats.coco`, of pictures that have been segmented.

    Args:
        rows: of the pictures; they become images 1, 2, 3…, with their addresses as file names.
        class_names: the model's class names by class id; entry 0 is the background.
    """
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for image_id, row in enumerate(rows, 1):
        images.append({"id": image_id, "file_name": row["uri"], **row["size"]})
        annotations += [
            {
                "id": len(annotations) + number,
                "image_id": image_id,
                "category_id": segment["class_id"],
                "bbox": segment["box"],
                "area": segment["area"],
                "iscrowd": 0,
                "score": segment["score"],
                "segmentation": segment["mask"],
            }
            for number, segment in enumerate(row["segments"], 1)
        ]
    categories = [{"id": number, "name": name} for number, name in enumerate(class_names) if number and name]
    return orjson.dumps(
        {"info": {}, "licenses": [], "images": images, "annotations": annotations, "categories": categories}
    )
