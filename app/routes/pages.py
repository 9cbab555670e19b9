"""The browser page: a form that takes a picture, and the page that shows what was found. No JavaScript."""

from __future__ import annotations

import base64
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from flask import Blueprint, Response, make_response, render_template

from app.access import keys, rate_limit
from app.errors import BadParameter, problem_of
from app.intake import receive_form
from app.monitoring.tracing import request_id
from app.parameters import Parameters
from app.service import Segmentation, current_service
from model.formats.encode import encode_jpeg
from model.formats.label_map import segments_to_label_map
from model.formats.overlay import draw_overlay

pages = Blueprint("pages", __name__)

# Name: (title, what its thumbnail shows). The files are drawn by scripts/draw_samples.py.
SAMPLES = {
    "fluorescence": ("Fluorescence", "Bright, blurred cell nuclei on a black background"),
    "tissue": ("Stained tissue", "Violet cell nuclei in pink tissue"),
}
_SAMPLE_FOLDER = Path(__file__).parents[1] / "static" / "samples"

_LARGEST_SIDE = 1600  # pixels of the picture on the page: sharp on a large screen, some 500 kB


@pages.get("/")
def index() -> str:
    """The form. Raises NotReady while the models load."""
    current_service().default_segmenter()
    return _render("index.html")


@pages.post("/")
def segment() -> str:
    """The form, sent: a page with the picture, its objects and what they took to find."""
    service = current_service()
    with service.workers.upload():
        upload = receive_form(service.settings)
    if keys.awaits_form():
        keys.check_form(upload.fields)
        rate_limit.count_form()
    with service.workers.upload():
        image = _sample(upload.fields["sample"][0]) if "sample" in upload.fields else upload.one_image()
        data = service.sources.read(image)
    with service.workers.admit():
        segmentation = service.segment(data, Parameters())
        with segmentation.stopwatch.measure("encode"):
            overlay = draw_overlay(segmentation.image, segmentation.segments, segmentation.class_names)
            picture = encode_jpeg(_shrink(overlay))
    return _render("result.html", **_findings(segmentation), picture=_data_url(picture))


@pages.errorhandler(Exception)
def show_problem(error: Exception) -> Response:
    """An error, on the page, with the form to try again."""
    problem = problem_of(error)
    page = _render("index.html", problem=problem, request_id=request_id())
    return make_response(page, problem.status, dict(problem.headers))


def _render(template: str, **values: Any) -> str:
    service = current_service()
    return render_template(
        template,
        # None while the models load
        manifest=service.models.loaded and service.default_segmenter().bundle.manifest,
        samples=SAMPLES,
        key_field=keys.KEY_FIELD if service.settings.api_keys else None,
        max_megabytes=service.settings.max_bytes // 2**20,
        **values,
    )


def _sample(name: str) -> bytes:
    if name not in SAMPLES:
        raise BadParameter(f"sample must be one of: {', '.join(SAMPLES)}.")
    return (_SAMPLE_FOLDER / f"{name}.png").read_bytes()


def _findings(segmentation: Segmentation) -> dict[str, Any]:
    """What result.html shows of a segmentation, apart from the picture."""
    segments = segmentation.segments
    names = [segmentation.class_names[class_id] for class_id in segments.class_ids]
    areas = segments.areas().tolist()
    width, height = segments.size
    return {
        "objects": list(zip(names, segments.scores.tolist(), areas, strict=True)),
        "class_counts": Counter(names).most_common(),
        "covered": np.count_nonzero(segments_to_label_map(segments)) / (width * height),
        "mean_area": sum(areas) / len(areas) if areas else 0,
        "width": width,
        "height": height,
        "timings": segmentation.timings_ms(),
        "segmenter": segmentation.segmenter,
    }


def _shrink(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """`picture`, uint8 (height, width, 3), at most _LARGEST_SIDE pixels high and wide."""
    height, width = picture.shape[:2]
    scale = _LARGEST_SIDE / max(height, width)
    if scale >= 1:
        return picture
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _data_url(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")
