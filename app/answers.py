"""Answers: a segmentation in the form that its caller asked for."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Response, jsonify, request

from app.errors import BadParameter
from app.monitoring.tracing import request_id
from app.parameters import Output, Parameters
from app.service import Segmentation
from app.warnings import warnings_about
from model.formats.coco import segments_to_coco
from model.formats.cutouts import segments_to_zip
from model.formats.encode import FileFormat, encode, encode_png
from model.formats.geojson import segments_to_geojson
from model.formats.json import segments_to_json
from model.formats.label_map import segments_to_label_map
from model.formats.overlay import draw_overlay
from model.formats.rois import segments_to_rois
from model.formats.table import segments_to_csv

_JSON = "application/json"
_OVERLAYS: dict[str, FileFormat] = {"image/png": "png", "image/jpeg": "jpeg", "image/webp": "webp"}
_OTHERS: dict[str, Output] = {"text/csv": "csv", "application/geo+json": "geojson"}
"""What an Accept asks for that names one of them; zip files are of two kinds, and must be named."""


@dataclass(frozen=True)
class Wanted:
    """What the answer is to be.

    Attributes:
        output: of which kind.
        image_format: of the overlay or picture, if it has one.
        included: what the JSON carries too, "overlay" or "picture".
    """

    output: Output
    image_format: FileFormat
    included: tuple[str, ...] = ()

    @property
    def shows_picture(self) -> bool:
        """Whether the picture itself is in the answer."""
        return bool(self.included) or self.output in ("overlay", "cutouts")

    @property
    def file_format(self) -> FileFormat | None:
        """The kind of file that holds the whole picture, if any does."""
        if self.output == "labelmap":
            return "png"
        return self.image_format if self.output == "overlay" or self.included else None


def wanted_by(parameters: Parameters) -> Wanted:
    """What the running request wants: as its parameters say, else its Accept, else JSON, and PNG."""
    accepted = request.accept_mimetypes.best_match(_OVERLAYS, default="image/png")
    return _wanted(parameters, _accepted_output(), _OVERLAYS[accepted])


def wanted_as_overlay(parameters: Parameters) -> Wanted:
    """What /predict/upload wants: a PNG of the overlay, whatever Accept says, but for its parameters."""
    return _wanted(parameters, "overlay", "png")


def wanted_of_several(parameters: Parameters) -> Wanted:
    """What a request with several images wants: they are answered in one JSON. Raises BadParameter."""
    if parameters.output not in (None, "json"):
        raise BadParameter(f"output must be json where there are several images, not {parameters.output}.")
    return _wanted(parameters, "json", "png")


def _wanted(parameters: Parameters, output: Output, image_format: FileFormat) -> Wanted:
    """What the parameters say, and where they leave it open, this output and format."""
    output = parameters.output or output
    included = tuple(parameters.include) if output == "json" else ()
    return Wanted(output, parameters.image_format or image_format, included)


def _accepted_output() -> Output:
    accepted = request.accept_mimetypes.best_match([_JSON, *_OVERLAYS, *_OTHERS], default=_JSON)
    if accepted in _OTHERS:
        return _OTHERS[accepted]
    return "json" if accepted == _JSON else "overlay"


def respond(segmentation: Segmentation, parameters: Parameters, wanted: Wanted) -> Response:
    """The answer to a request with one image."""
    response = _WRITERS[wanted.output](segmentation, parameters, wanted)
    timings = segmentation.timings_ms()
    response.headers["X-Model"] = segmentation.segmenter.bundle.manifest.name
    response.headers["X-Segment-Count"] = str(len(segmentation.segments))
    response.headers["Server-Timing"] = ", ".join(f"{stage};dur={ms}" for stage, ms in timings.items())
    return response


def to_json(segmentation: Segmentation, parameters: Parameters, wanted: Wanted) -> dict[str, Any]:
    """The JSON answer for one image."""
    segmenter = segmentation.segmenter
    manifest = segmenter.bundle.manifest
    width, height = segmentation.segments.size
    answer: dict[str, Any] = {
        "request_id": request_id(),
        "model": {
            "name": manifest.name,
            "version": manifest.version,
            "engine": segmenter.engine,
            "precision": segmenter.precision,
        },
        "image": {"width": width, "height": height},
    }
    with segmentation.stopwatch.measure("encode"):
        answer["segments"] = segments_to_json(
            segmentation.segments, segmentation.class_names, mask_format=parameters.mask_format
        )
        for name in wanted.included:
            picture = _DRAWN[name](segmentation, wanted.image_format)
            answer[name] = base64.b64encode(picture).decode("ascii")
        if warnings := warnings_about(segmentation):
            answer["warnings"] = warnings
    answer["timings_ms"] = segmentation.timings_ms()
    return answer


def _json_response(segmentation: Segmentation, parameters: Parameters, wanted: Wanted) -> Response:
    return jsonify(to_json(segmentation, parameters, wanted))


def _overlay_response(segmentation: Segmentation, parameters: Parameters, wanted: Wanted) -> Response:
    with segmentation.stopwatch.measure("encode"):
        return _file(_draw(segmentation, wanted.image_format), wanted.image_format, "overlay")


def _label_map_response(segmentation: Segmentation, parameters: Parameters, wanted: Wanted) -> Response:
    with segmentation.stopwatch.measure("encode"):
        return _file(encode_png(segments_to_label_map(segmentation.segments)), "png", "labelmap")


def _cutouts_response(segmentation: Segmentation, parameters: Parameters, wanted: Wanted) -> Response:
    with segmentation.stopwatch.measure("encode"):
        cutouts = segments_to_zip(segmentation.image, segmentation.segments, segmentation.class_names)
    return _to_keep(Response(cutouts, content_type="application/zip"), "cutouts.zip")


def _coco_response(segmentation: Segmentation, parameters: Parameters, wanted: Wanted) -> Response:
    with segmentation.stopwatch.measure("encode"):
        coco = segments_to_coco(
            segmentation.segments, segmentation.class_names, mask_format=parameters.mask_format
        )
        return _to_keep(jsonify(coco), "coco.json")


def _csv_response(segmentation: Segmentation, parameters: Parameters, wanted: Wanted) -> Response:
    with segmentation.stopwatch.measure("encode"):
        table = segments_to_csv(
            segmentation.segments, segmentation.class_names, pixel_size=parameters.pixel_size
        )
    return _to_keep(Response(table, content_type="text/csv; charset=utf-8"), "segments.csv")


def _rois_response(segmentation: Segmentation, parameters: Parameters, wanted: Wanted) -> Response:
    with segmentation.stopwatch.measure("encode"):
        rois = segments_to_rois(segmentation.segments, segmentation.class_names)
    return _to_keep(Response(rois, content_type="application/zip"), "rois.zip")


def _geojson_response(segmentation: Segmentation, parameters: Parameters, wanted: Wanted) -> Response:
    with segmentation.stopwatch.measure("encode"):
        response = jsonify(segments_to_geojson(segmentation.segments, segmentation.class_names))
    response.content_type = "application/geo+json"
    return _to_keep(response, "segments.geojson")


_WRITERS: dict[Output, Callable[[Segmentation, Parameters, Wanted], Response]] = {
    "json": _json_response,
    "overlay": _overlay_response,
    "labelmap": _label_map_response,
    "cutouts": _cutouts_response,
    "coco": _coco_response,
    "csv": _csv_response,
    "rois": _rois_response,
    "geojson": _geojson_response,
}


def _draw(segmentation: Segmentation, file_format: FileFormat) -> bytes:
    overlay = draw_overlay(segmentation.image, segmentation.segments, segmentation.class_names)
    return encode(overlay, file_format)


def _picture(segmentation: Segmentation, file_format: FileFormat) -> bytes:
    return encode(segmentation.image, file_format)


_DRAWN = {"overlay": _draw, "picture": _picture}


def _to_keep(response: Response, name: str) -> Response:
    """The response as a file that a browser saves; its name never comes from the upload."""
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _file(data: bytes, file_format: FileFormat, name: str) -> Response:
    response = Response(data, content_type=f"image/{file_format}")
    # Shown where it can be; its name when it is kept never comes from the upload.
    response.headers["Content-Disposition"] = f'inline; filename="{name}.{file_format}"'
    return response
