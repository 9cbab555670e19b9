"""The browser page: a viewer for several pictures, and a plain form for browsers without JavaScript.

The viewer is in static/viewer and calls /api/v1. The form is posted here and answered with a page.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from flask import Blueprint, Response, make_response, render_template, request, url_for

from app.access import keys, rate_limit
from app.access.headers import DEVICES
from app.answering.answers import timings_of
from app.answering.problems import problem_of
from app.answering.warnings import TRUNCATED, warnings_about
from app.errors import BadParameter
from app.monitoring.current_request import request_id
from app.requests.intake import receive_form
from app.requests.parameters import Parameters
from app.requests.wanted import Wanted
from app.service import current_service
from app.serving.reception import admitted, receiving
from app.versions.version import Version
from app.versions.versions import Loaded
from model.answers.finding import Finding
from model.formats.encode import encode_jpeg
from model.formats.label_map import segments_to_label_map
from model.formats.overlay import PALETTE, Colour, class_colour, draw_result
from model.formats.registry import FORMATS, OVERLAY, Options
from model.results.result import MOST_SEGMENTS
from model.storage.manifest import AUTO, Manifest

pages = Blueprint("pages", __name__)

# Name: (title, what its thumbnail shows). The files are drawn by scripts/draw_samples.py.
SAMPLES = {
    "fluorescence": ("Fluorescence", "Bright, blurred cell nuclei on a black background"),
    "tissue": ("Stained tissue", "Violet cell nuclei in pink tissue"),
}
_SAMPLE_FOLDER = Path(__file__).parents[1] / "static" / "samples"

_MODULES = sorted(path.name for path in (Path(__file__).parents[1] / "static" / "viewer").glob("*.js"))

# The page requests all objects with at least this score once, and then filters them by itself.
_LOWEST_THRESHOLD = 0.1

# The page runs its own modules, calls its own service, and shows pictures that the user chose.
_POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' data: blob:;"
    " style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_DEVICES = DEVICES.replace("camera=()", "camera=(self)")

_LARGEST_SIDE = 1600  # pixels of the picture on the page: sharp on a large screen, some 500 kB


@pages.get("/")
def index() -> Response:
    """The viewer, with the model that ?model= names chosen. Raises NotReady while the models load."""
    served = current_service().models.all().usual
    named = request.args.get("model")
    is_there = named in served or (named == AUTO and _automatic(served))
    return _index(chosen=named) if is_there else _index(unknown_model=named)


@pages.post("/")
def segment() -> str:
    """The answer to the form: a page with the picture, its objects and the time it took to find them."""
    service = current_service()
    with receiving():
        upload = receive_form(service.settings)
    if keys.awaits_form():
        keys.check_form(upload.fields)
        rate_limit.count_form()
    with receiving():
        image = _sample(upload.fields["sample"][0]) if "sample" in upload.fields else upload.one_image()
        data = service.sources.read(image)
    with admitted():
        service.await_models()
        parameters = Parameters(model=request.args.get("model") or _automatic(service.served))
        with service.segmented(data, parameters, Wanted(OVERLAY, Options())) as finding:
            with finding.stopwatch.measure("encode"):
                overlay = draw_result(finding.image, finding.result, finding.class_names)
                picture = encode_jpeg(_shrink(overlay))
            return _render("result.html", **_findings(finding), picture=_data_url(picture))


@pages.errorhandler(Exception)
def show_problem(error: Exception) -> Response:
    """The page with an error and the form to try again."""
    problem = problem_of(error)
    return _index(problem.status, dict(problem.headers), problem=problem, request_id=request_id())


def _index(
    status: int = 200,
    headers: Mapping[str, str] = MappingProxyType({}),
    *,
    chosen: str | None = None,
    **values: Any,
) -> Response:
    """The viewer, with a model chosen; it may tell a problem, so it reads nothing of the request."""
    loaded = current_service().models.versions.loaded
    page = _render(
        "index.html",
        page_data=_page_data(loaded, chosen) if loaded else None,
        modules=_MODULES,
        downloads=FORMATS.values(),
        **values,
    )
    policies = {"Content-Security-Policy": _POLICY, "Permissions-Policy": _DEVICES}
    return make_response(page, status, {**policies, **headers})


def _page_data(loaded: Loaded, chosen: str | None) -> dict[str, Any]:
    """The data that static/viewer reads as `page`."""
    settings = current_service().settings
    served = loaded.usual
    return {
        "segment_url": url_for("api.segment"),
        "render_url": url_for("render.render_objects"),
        "alive_url": url_for("operations.live"),
        "models": [
            {**_choice(version.manifest), "versions": list(loaded.versions[name])}
            for name, version in served.items()
        ],
        "automatic": _automatic(served),
        "chosen": chosen,
        "fetches_urls": settings.url_fetch != "off",
        "lowest_threshold": _LOWEST_THRESHOLD,
        "most_segments": settings.max_segments,
        "most_written": MOST_SEGMENTS,
        "max_bytes": settings.max_bytes,
        "key_header": keys.KEY_HEADER if settings.api_keys else None,
        "palette": [_hex(colour) for colour in PALETTE],
    }


def _automatic(served: Mapping[str, Version]) -> str | None:
    """The value of `model` for automatic choice; None if only one model is loaded."""
    return AUTO if len(served) > 1 else None


def _choice(manifest: Manifest) -> dict[str, Any]:
    """A model that can be chosen, as the page describes it."""
    return {
        "name": manifest.name,
        "version": manifest.version,
        "description": manifest.description,
        "task": manifest.task,
        "classes": manifest.classes[1:],
        "colours": [_hex(class_colour(class_id)) for class_id in range(1, len(manifest.classes))],
        "threshold": manifest.threshold,
        "quality": _quality(manifest),
        "licence": manifest.licence,
        "source": manifest.source,
    }


def _hex(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


def _quality(manifest: Manifest) -> str | None:
    """The model's measured quality, in one line."""
    measured = (manifest.quality or {}).get("all", {})
    if measured.get("image IoU") is not None:
        return f"IoU {measured['image IoU']:.2f} on {measured['images']} pictures"
    if "AP50" in measured:
        return f"AP50 {measured['AP50']:.2f} on {measured['images']} pictures that it was not trained on"
    return None


def _render(template: str, **values: Any) -> str:
    service = current_service()
    loaded = service.models.versions.loaded
    return render_template(
        template,
        # Empty while the models load.
        manifests=[version.manifest for version in (loaded.usual.values() if loaded else ())],
        samples=SAMPLES,
        key_field=keys.KEY_FIELD if service.settings.api_keys else None,
        max_megabytes=service.settings.max_bytes // 2**20,
        percent=_percent,
        **values,
    )


def _sample(name: str) -> bytes:
    if name not in SAMPLES:
        raise BadParameter(f"sample must be one of: {', '.join(SAMPLES)}.")
    return (_SAMPLE_FOLDER / f"{name}.png").read_bytes()


def _findings(finding: Finding) -> dict[str, Any]:
    """The values for result.html, except the picture."""
    segments = finding.segments
    names = [finding.class_names[class_id] for class_id in segments.class_ids]
    areas = segments.areas().tolist()
    width, height = segments.size
    return {
        "tells_pixels": finding.manifest.task == "semantic",
        "objects": list(zip(names, segments.scores.tolist(), areas, strict=True)),
        "class_counts": Counter(names).most_common(),
        "shares": sorted(
            ((name, area / (width * height)) for name, area in zip(names, areas, strict=True)),
            key=lambda share: -share[1],
        ),
        "covered": np.count_nonzero(segments_to_label_map(segments)) / (width * height),
        "mean_area": sum(areas) / len(areas) if areas else 0,
        "width": width,
        "height": height,
        "reason": _reason(finding),
        "warnings": [
            warning["message"]
            for warning in warnings_about(finding)
            if warning["code"] != TRUNCATED  # the page says it already, and its form has no parameters
        ],
        "total": finding.result.found,
        "timings": timings_of(finding),
        "finding": finding,
    }


def _reason(finding: Finding) -> str | None:
    """Why this model answered, if it was chosen automatically; static/viewer/words.js says the same."""
    name, verdict = finding.manifest.name, finding.verdict
    if verdict is None or not _automatic(current_service().served):
        return None
    if finding.chosen_by == "default":
        return f"No loaded model recognises such pictures, so {name} answered."
    if verdict.label in finding.class_names:
        return f"Chosen automatically: {name}, which found “{verdict.label}”."
    return f"Chosen automatically: {name}, for a picture of the kind “{verdict.label}”."


def _percent(part: float) -> str:
    """A share (0 to 1) as text: "31 %", or "0.4 %" if it is small."""
    return f"{100 * part:.{0 if part >= 0.0995 else 1}f} %"


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
