"""Kinds of requests: pictures in many formats and sizes, with many parameters, and invalid requests."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import cv2
import numpy as np
import numpy.typing as npt
import pillow_heif
from PIL import Image

from benchmarks.pictures import SAMPLE
from model.pictures import read

_BOUNDARY = "--------a-boundary"
_SMALLEST, _LARGEST, _USUALLY_AT_MOST = 40, 3500, 1400  # pixels per side
_LARGE_SHARE = 0.08

_QUERIES: tuple[dict[str, Any], ...] = (
    {},
    {"mask_format": "polygon"},
    {"mask_format": "png", "max_segments": 1000},
    {"mask_format": "none", "threshold": 0.1},
    {"include": "overlay"},
    {"include": "overlay,picture", "image_format": "jpeg"},
    {"output": "overlay"},
    {"output": "overlay", "image_format": "jpeg"},
    {"output": "overlay", "image_format": "webp"},
    {"output": "labelmap"},
    {"output": "cutouts"},
    {"output": "coco", "mask_format": "polygon"},
    {"output": "csv", "pixel_size": 0.5},
    {"output": "rois"},
    {"output": "geojson"},
    {"model": "auto", "channel": 1},
    {"model": "people"},
    {"model": "people", "output": "overlay"},
    {"model": "people", "output": "probability"},
    {"model": "people", "output": "labelmap"},
    {"model": "people", "split": "parts", "min_area": 20},
    # Invalid.
    {"model": "nobody"},
    {"threshold": 2},
    {"classes": "unicorn"},
    {"page": 7},
    {"anything": "else"},
)


@dataclass(frozen=True)
class Ask:
    """A request.

    Attributes:
        name: the name of its kind.
        path: the path with the query.
        body: the body; empty for GET.
        content_type: the media type of the body.
    """

    name: str
    path: str
    body: bytes = b""
    content_type: str = "application/octet-stream"

    @property
    def method(self) -> str:
        return "POST" if self.body else "GET"


def form(files: Sequence[bytes], field: str = "image", **fields: str) -> tuple[bytes, str]:
    """A multipart body of image files and text fields, and its Content-Type."""
    parts = [
        *(f'name="{name}"\r\n\r\n'.encode() + value.encode() for name, value in fields.items()),
        *(f'name="{field}"; filename="a"\r\n\r\n'.encode() + data for data in files),
    ]
    head = f"--{_BOUNDARY}\r\nContent-Disposition: form-data; ".encode()
    body = b"".join(head + part + b"\r\n" for part in parts) + f"--{_BOUNDARY}--\r\n".encode()
    return body, f"multipart/form-data; boundary={_BOUNDARY}"


def kinds(count: int, seed: int = 0) -> list[Ask]:
    """`count` different requests; the same ones for the same seed."""
    rng = np.random.default_rng(seed)
    sample = read(SAMPLE)
    return [_kind(rng, sample) for _ in range(count)]


def _kind(rng: np.random.Generator, sample: npt.NDArray[np.uint8]) -> Ask:
    width, height = _size(rng)
    name, options = list(_FORMATS.items())[rng.integers(len(_FORMATS))]
    data = _file(_tiled(sample, width, height), **options)
    query = dict(_QUERIES[rng.integers(len(_QUERIES))])
    broken = rng.random() < 0.05
    if broken:
        data = data[: int(rng.integers(len(data)))]
    if options.get("save_all") and rng.random() < 0.5:
        query["page"] = 1
    titled = f"{name} {width} x {height}{' cut off' if broken else ''}, {urlencode(query)}"
    text = base64.b64encode(data).decode()
    json_query = {key: value.split(",") if key == "include" else value for key, value in query.items()}
    draw = rng.random()
    if draw < 0.5:
        return Ask(titled, f"/api/v1/segment?{urlencode(query)}", data)
    if draw < 0.65:
        fields = {key: str(value) for key, value in query.items()}
        return Ask(f"{titled}, form", "/api/v1/segment", *form([data], **fields))
    if draw < 0.75:
        return _json(f"{titled}, JSON", "/api/v1/segment", {"image": text, **json_query})
    if draw < 0.8:
        return Ask(f"{titled}, batch", "/api/v1/batch", *form([data, data[: len(data) // 2], data]))
    if draw < 0.84:
        return _json(f"{titled}, KServe V1", "/v1/models/nuclei:predict", {"instances": [{"b64": text}] * 2})
    if draw < 0.88:
        tensor = {"name": "image", "datatype": "BYTES", "shape": [1], "data": [text]}
        return _json(f"{titled}, KServe V2", "/v2/models/people/infer", {"inputs": [tensor]})
    if draw < 0.92:
        return Ask(f"{titled}, upload", "/predict/upload", *form([data], "file"))
    if draw < 0.96:
        return Ask(f"{titled}, page", "/", *form([data]))
    pages = ("/", "/docs", "/openapi.json", "/metrics", "/readyz", "/api/v1/models", f"/none/{width}")
    return Ask("a page", str(rng.choice(pages)))


def _json(name: str, path: str, document: dict[str, Any]) -> Ask:
    return Ask(name, path, json.dumps(document).encode(), "application/json")


def _size(rng: np.random.Generator) -> tuple[int, int]:
    largest = _LARGEST if rng.random() < _LARGE_SHARE else _USUALLY_AT_MOST
    width, height = np.exp(rng.uniform(np.log(_SMALLEST), np.log(largest), 2))
    return round(width), round(height)


def _tiled(sample: npt.NDArray[np.uint8], width: int, height: int) -> npt.NDArray[np.uint8]:
    """The sample, repeated to fill the size."""
    copies = -(-height // sample.shape[0]), -(-width // sample.shape[1]), 1
    return np.ascontiguousarray(np.tile(sample, copies)[:height, :width])


_FORMATS: dict[str, dict[str, Any]] = {
    "JPEG": {"file_format": "JPEG"},
    "progressive JPEG": {"file_format": "JPEG", "progressive": True},
    "CMYK JPEG": {"file_format": "JPEG", "mode": "CMYK"},
    "PNG": {"file_format": "PNG"},
    "RGBA PNG": {"file_format": "PNG", "mode": "RGBA"},
    "grey PNG": {"file_format": "PNG", "mode": "L"},
    "16-bit PNG": {"file_format": "16-bit", "suffix": ".png"},
    "WebP": {"file_format": "WEBP"},
    "AVIF": {"file_format": "AVIF", "speed": 10},
    "HEIC": {"file_format": "HEIC"},
    "TIFF": {"file_format": "TIFF"},
    "LZW TIFF": {"file_format": "TIFF", "compression": "tiff_lzw"},
    "16-bit TIFF": {"file_format": "16-bit", "suffix": ".tiff"},
    "TIFF of pages": {"file_format": "TIFF", "save_all": True},
    "BMP": {"file_format": "BMP"},
    "GIF": {"file_format": "GIF"},
    "animated GIF": {"file_format": "GIF", "save_all": True},
    "animated WebP": {"file_format": "WEBP", "save_all": True},
}


def _file(
    pixels: npt.NDArray[np.uint8], file_format: str, mode: str = "RGB", suffix: str = "", **options: Any
) -> bytes:
    if file_format == "16-bit":
        return cv2.imencode(suffix, pixels.astype(np.uint16) * 200)[1].tobytes()
    image = Image.fromarray(pixels).convert(mode)
    if options.get("save_all"):
        options["append_images"] = [Image.fromarray(255 - pixels)]
    file = io.BytesIO()
    if file_format == "HEIC":
        pillow_heif.from_pillow(image).save(file)
    else:
        image.save(file, file_format, **options)
    return file.getvalue()
