"""JSON of the HTTP contract: a finding as plain Python values, for any JSON encoder."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, Literal

from model.answers.finding import Finding
from model.formats.encode import encode_mask
from model.measures import Measures
from model.results.masks import to_rle
from model.results.polygons import to_rings
from model.results.segments import Segments

MaskFormat = Literal["rle", "polygon", "png", "none"]


def finding_to_json(finding: Finding, *, mask_format: MaskFormat = "rle") -> dict[str, Any]:
    """The segments, the model and the image, as in `model.formats.schemas.Found`, as plain Python values.

    The arguments and errors are those of `segments_to_json`.
    """
    manifest = finding.manifest
    return {
        "model": {
            "name": manifest.name,
            "version": manifest.version,
            "task": manifest.task,
            "engine": finding.engine,
            "precision": finding.precision,
            "chosen_by": finding.chosen_by,
            **({} if finding.arm is None else {"arm": finding.arm}),
        },
        **_gate(finding),
        "image": _image(finding),
        **_truncated(finding),
        **_measured(finding),
        "segments": segments_to_json(
            finding.segments, finding.class_names, mask_format=mask_format, measures=finding.measures
        ),
    }


def _image(finding: Finding) -> dict[str, Any]:
    origin = finding.origin
    width, height = finding.segments.size
    image: dict[str, Any] = {"width": width, "height": height, "pages": origin.pages}
    if origin.page is None:
        image["projection"] = origin.projection
    else:
        image["page"] = origin.page
    image["channels"] = origin.channels
    if origin.pixel_size is not None:
        image["pixel_size"] = dict(zip("xy", origin.pixel_size, strict=True))
    if origin.axes.of_pages:
        image["axes"] = [{"name": name, "size": size} for name, size in origin.axes.of_pages]
    if origin.axes.channel_names:
        image["channel_names"] = list(origin.axes.channel_names)
    return image


def _gate(finding: Finding) -> dict[str, Any]:
    verdict = finding.verdict
    return {} if verdict is None else {"gate": {"label": verdict.label, "score": verdict.score}}


def _truncated(finding: Finding) -> dict[str, Any]:
    return {"truncated": True, "found": finding.result.found} if finding.result.left_out else {}


def _measured(finding: Finding) -> dict[str, Any]:
    measures = finding.measures
    if measures is None:
        return {}
    measured: dict[str, Any] = {"unit": measures.unit}
    if measures.pixel_size is not None:
        measured["pixel_size"] = dict(zip("xy", measures.pixel_size, strict=True))
    return {"measured": measured}


def segments_to_json(
    segments: Segments,
    class_names: Sequence[str],
    *,
    mask_format: MaskFormat = "rle",
    measures: Measures | None = None,
) -> list[dict[str, Any]]:
    """One dict per segment, best score first, with plain Python values.

    Args:
        segments: the model's answer.
        class_names: the model's class names by class id; entry 0 is the background.
        mask_format: the form of `mask`:
            "rle": COCO's compressed RLE of the whole image, {"size": [height, width], "counts": "..."};
            "polygon": rings [x1, y1, x2, y2, ...] as in COCO's polygons, in pixels of the whole image, along
                the edges of pixels and not closed; holes are rings too. With the even-odd rule they enclose
                exactly the mask's pixels. COCO's tools unite rings, which fills the holes;
            "png": a PNG file in base64 of only the box, one bit per pixel, white for the object;
            "none": `mask` is absent.
        measures: those of the segments.

    Returns:
        Dicts with id (from 1), class, class_id, score (0 to 1, cut to 4 digits), box [x, y, width, height]
        and area in pixels, measures if there are any, mask, and edited if it is true.

    Raises:
        CannotEncode: a box has a side of more than a million pixels, for "png".
    """
    areas = segments.areas()
    scores = segments.written_scores()
    edited = segments.are_edited()
    ids = segments.ids()
    encoded: list[dict[str, Any]] = []
    for index, (x1, y1, x2, y2) in enumerate(segments.boxes.tolist()):
        class_id = int(segments.class_ids[index])
        segment: dict[str, Any] = {
            "id": ids[index],
            "class": class_names[class_id],
            "class_id": class_id,
            "score": scores[index],
            "box": [x1, y1, x2 - x1, y2 - y1],
            "area": int(areas[index]),
        }
        if edited[index]:
            segment["edited"] = True
        if measures is not None:
            segment["measures"] = measures.values[index]
        mask, box = segments.masks[index], segments.boxes[index]
        match mask_format:
            case "rle":
                segment["mask"] = to_rle(mask, box, segments.size)
            case "polygon":
                segment["mask"] = [ring.ravel().tolist() for ring in to_rings(mask, box)]
            case "png":
                segment["mask"] = base64.b64encode(encode_mask(mask)).decode("ascii")
        encoded.append(segment)
    return encoded
