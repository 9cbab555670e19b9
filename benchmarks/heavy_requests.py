"""Heavy requests: the largest pictures with all formats and outputs, the largest batches, hostile files."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from urllib.parse import urlencode

from benchmarks.heavy_pictures import FORMATS, HOSTILE, MOST_BYTES, noisy, nuclei, rubbish
from benchmarks.kinds import Ask, form

Asks = Mapping[str, Callable[[], Ask]]
"""Name of a request → function that makes it."""

_BATCH, _BATCH_BYTES = 16, 64 * 2**20
_ENVELOPE_BYTES = 4096

_OUTPUTS: dict[str, dict[str, str]] = {
    "json": {},
    "json, polygon": {"mask_format": "polygon"},
    "json, png": {"mask_format": "png"},
    "json, parts": {"split": "parts", "mask_format": "polygon", "max_segments": "1000"},
    "json with overlay and picture": {"include": "overlay,picture", "mask_format": "none"},
    "overlay, png": {"output": "overlay"},
    "overlay, webp": {"output": "overlay", "image_format": "webp"},
    "labelmap": {"output": "labelmap"},
    "cutouts": {"output": "cutouts"},
    "coco": {"output": "coco", "mask_format": "polygon"},
    "geojson": {"output": "geojson"},
    "probability": {"output": "probability"},
}


def of_formats() -> Asks:
    """A picture in each format, with an output that needs all its pixels."""
    query = {"model": "people", "output": "overlay", "image_format": "jpeg"}
    return {name: partial(_segment, make, query) for name, make in FORMATS.items()}


def of_outputs() -> Asks:
    """All outputs for a noisy picture of a person, and some for a picture full of nuclei."""
    people = {
        f"people: {name}": partial(_segment, noisy, {"model": "people", **query})
        for name, query in _OUTPUTS.items()
    }
    many = {
        f"nuclei: {name}": partial(_segment, nuclei, {"max_segments": "1000", **_OUTPUTS[name]})
        for name in ("json, polygon", "overlay, png", "cutouts")
    }
    return {**people, **many, "page": _page, "overlay of JSON": _json}


def of_batches() -> Asks:
    """The most pictures per request, with the largest total size."""
    included = "?model=people&mask_format=none&include=overlay,picture"
    return {
        "batch of flat pictures": lambda: _batch([FORMATS["PNG"]()] * _BATCH, "?model=people"),
        "batch, pictures included": lambda: _batch([noisy(_BATCH_BYTES // _BATCH - 1000)] * _BATCH, included),
        "batch of rubbish": rubbish_batch,
    }


def of_hostile() -> Asks:
    """Files that cost more than their headers suggest."""
    query = {"model": "people", "output": "overlay"}
    return {
        name: partial(_segment, make, {**query, "page": str(page)}) for name, (make, page) in HOSTILE.items()
    }


def rubbish_batch() -> Ask:
    """A batch of the largest size whose files are not pictures."""
    whole = rubbish(MOST_BYTES - _ENVELOPE_BYTES)
    rest = rubbish(_BATCH_BYTES - 3 * len(whole) - _ENVELOPE_BYTES)
    return _batch([whole, whole, whole, rest])


def unread() -> Ask:
    """A small request with a large answer."""
    return _segment(partial(noisy, 4 * 2**20), {"model": "people", "output": "overlay"})


def _segment(make: Callable[[], bytes], query: Mapping[str, str]) -> Ask:
    return Ask("segment", f"/api/v1/segment?{urlencode(query)}", make())


def _batch(files: Sequence[bytes], query: str = "") -> Ask:
    return Ask("batch", f"/api/v1/batch{query}", *form(files))


def _page() -> Ask:
    return Ask("page", "/", *form([noisy()]))


def _json() -> Ask:
    document = {"image": base64.b64encode(noisy()).decode(), "model": "people", "output": "overlay"}
    return Ask("JSON", "/api/v1/segment", json.dumps(document).encode(), "application/json")
