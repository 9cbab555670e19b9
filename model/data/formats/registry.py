"""The supported formats of data sets. To add one, write a module with a FORMAT and list it here."""

from __future__ import annotations

from model.data.formats import (
    class_maps,
    coco,
    cvat,
    label_maps,
    label_studio,
    labelme,
    mask_files,
    supervisely,
    via,
    voc,
    yolo,
)
from model.data.formats.data_format import DataFormat
from model.data.formats.place import Place

FORMATS: tuple[DataFormat, ...] = (
    label_maps.FORMAT,
    class_maps.FORMAT,
    mask_files.FORMAT,
    coco.FORMAT,
    via.FORMAT,
    labelme.FORMAT,
    label_studio.FORMAT,
    cvat.FORMAT,
    supervisely.FORMAT,
    voc.FORMAT,
    yolo.FORMAT,
)
"""In the order in which they are tried."""


def format_of(place: Place) -> DataFormat | None:
    """The format of the data at a place; None if no format recognises it."""
    return next((one for one in FORMATS if one.recognises(place)), None)
