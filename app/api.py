"""The REST interface, /api/v1: segment a picture, describe the models."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request

from app.errors import UnknownModel
from app.intake import receive
from app.parameters import Parameters, parse_parameters
from app.service import Segmentation, current_service
from app.tracing import request_id
from model.formats.encode import FileFormat, encode_jpeg, encode_png
from model.formats.json import MaskFormat, segments_to_json
from model.formats.overlay import draw_overlay
from model.segmenter import Segmenter

api = Blueprint("api", __name__, url_prefix="/api/v1")

_OVERLAYS: dict[str, FileFormat] = {"image/png": "png", "image/jpeg": "jpeg"}
_JSON = "application/json"
_DESCRIPTION = ("name", "version", "task", "classes", "licence", "quality", "input")


@api.post("/segment")
def segment() -> Response:
    """One picture in; its segments out, as JSON or drawn over the picture."""
    service = current_service()
    with service.workers.upload():
        upload = receive(service.settings)
    parameters = parse_parameters(dict(request.args.lists()), upload.fields)
    overlay_format = _wanted_overlay(parameters)
    with service.workers.admit():
        data, shown = upload.one_image(), overlay_format is not None
        segmentation = service.segment(data, parameters, overlay_format, shown=shown)
        if overlay_format is None:
            response = _json_answer(segmentation, parameters.mask_format)
        else:
            response = _overlay_answer(segmentation, overlay_format)
    timings = segmentation.timings_ms()
    response.headers["X-Model"] = segmentation.segmenter.bundle.manifest.name
    response.headers["X-Segment-Count"] = str(len(segmentation.segments))
    response.headers["Server-Timing"] = ", ".join(f"{stage};dur={ms}" for stage, ms in timings.items())
    return response


@api.get("/models")
def list_models() -> dict[str, Any]:
    """The loaded models; the first is the default."""
    return {"models": [_description(segmenter) for segmenter in current_service().segmenters.values()]}


@api.get("/models/<name>")
def describe_model(name: str) -> dict[str, Any]:
    """One loaded model."""
    segmenters = current_service().segmenters
    if name not in segmenters:
        raise UnknownModel(f"There is no such model; there are: {', '.join(segmenters)}.")
    return _description(segmenters[name])


def _wanted_overlay(parameters: Parameters) -> FileFormat | None:
    """The overlay to answer with, or None for JSON: as the parameters say, else Accept, else JSON or PNG."""
    if parameters.output == "json":
        return None
    if parameters.output is None:
        accepted = request.accept_mimetypes.best_match([_JSON, *_OVERLAYS], default=_JSON)
        if accepted == _JSON:
            return None
    if parameters.image_format is not None:
        return parameters.image_format
    return _OVERLAYS[request.accept_mimetypes.best_match(_OVERLAYS, default="image/png")]


def _overlay_answer(segmentation: Segmentation, file_format: FileFormat) -> Response:
    with segmentation.stopwatch.measure("encode"):
        overlay = draw_overlay(segmentation.image, segmentation.segments, segmentation.class_names)
        encoded = encode_png(overlay) if file_format == "png" else encode_jpeg(overlay)
    return Response(encoded, content_type=f"image/{file_format}")


def _json_answer(segmentation: Segmentation, mask_format: MaskFormat) -> Response:
    segmenter = segmentation.segmenter
    manifest = segmenter.bundle.manifest
    width, height = segmentation.segments.size
    with segmentation.stopwatch.measure("encode"):
        segments = segments_to_json(segmentation.segments, segmentation.class_names, mask_format=mask_format)
    return jsonify(
        request_id=request_id(),
        model={
            "name": manifest.name,
            "version": manifest.version,
            "engine": segmenter.engine,
            "precision": segmenter.precision,
        },
        image={"width": width, "height": height},
        segments=segments,
        timings_ms=segmentation.timings_ms(),
    )


def _description(segmenter: Segmenter) -> dict[str, Any]:
    """A model as its bundle describes it; `class_id` in an answer is an index into `classes`."""
    manifest = segmenter.bundle.manifest
    return {name: getattr(manifest, name) for name in _DESCRIPTION}
