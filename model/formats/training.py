"""Training data: a picture and its segments for `python -m model train`, and a note of what was corrected."""

from __future__ import annotations

from collections.abc import Iterator

import orjson

from model.answers.finding import Finding
from model.formats.coco import segments_to_coco
from model.formats.encode import encode_png
from model.formats.label_map import result_to_label_map
from model.results.corrections import write_corrections

PICTURE = "image.png"


def finding_to_training(finding: Finding) -> Iterator[tuple[str, bytes]]:
    """File name and content of each file of a data set of one picture.

    Yields:
        "image.png", the picture as the model saw it;
        "annotations.json", a COCO data set that names this picture, with run lengths, which are exact;
        "labelmap/image.png", the label map. It is in a folder of its own, so that the data set is read as
            COCO, which has the classes;
        "corrections.json": the model, the width and height of a pixel in micrometres if they are known, the
            number of corrections of each kind, and all of them in order, each with the objects before and
            after it.

    Raises:
        CannotEncode: the picture is too large for a PNG.
    """
    yield PICTURE, encode_png(finding.image)
    coco = segments_to_coco(finding.segments, finding.class_names)
    coco["images"][0]["file_name"] = PICTURE
    yield "annotations.json", orjson.dumps(coco)
    yield f"labelmap/{PICTURE}", encode_png(result_to_label_map(finding.result))
    manifest = finding.manifest
    note = {
        "model": {"name": manifest.name, "version": manifest.version},
        **({"pixel_size": dict(zip("xy", size, strict=True))} if (size := finding.origin.pixel_size) else {}),
        **write_corrections(finding.corrections),
    }
    yield "corrections.json", orjson.dumps(note, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
