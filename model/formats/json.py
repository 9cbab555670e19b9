"""The `segments` list of the HTTP contract, ready for any JSON encoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from model.masks import to_rle
from model.segments import Segments

MaskFormat = Literal["rle", "none"]


def segments_to_json(
    segments: Segments, class_names: Sequence[str], *, mask_format: MaskFormat = "rle"
) -> list[dict[str, Any]]:
    """One dict a segment, best score first, of plain Python values only.

    Args:
        segments: what the model answered.
        class_names: the model's, by class id; entry 0 is the background's.
        mask_format: "rle" gives `mask` as COCO's compressed RLE of the whole image, "none" leaves it out.

    Returns:
        Dicts with id (from 1), class, class_id, score (0 to 1, 4 digits), box [x, y, width, height] and
        area in pixels, and mask.
    """
    areas = segments.areas()
    encoded: list[dict[str, Any]] = []
    for index, (x1, y1, x2, y2) in enumerate(segments.boxes.tolist()):
        class_id = int(segments.class_ids[index])
        segment = {
            "id": index + 1,
            "class": class_names[class_id],
            "class_id": class_id,
            "score": round(float(segments.scores[index]), 4),
            "box": [x1, y1, x2 - x1, y2 - y1],
            "area": int(areas[index]),
        }
        if mask_format == "rle":
            segment["mask"] = to_rle(segments.masks[index], segments.boxes[index], segments.size)
        encoded.append(segment)
    return encoded
