"""What the internet sends under the name of a picture; after each the service still answers."""

from __future__ import annotations

import io
import zipfile
import zlib

import numpy as np
import pytest
from encoded import encode
from flask.testing import FlaskClient
from PIL import Image
from stub_segmenter import StubSegmenter

from app import create_app
from app.configuration.settings import Settings

PNG, JPEG = encode(64, 48, "PNG"), encode(320, 240, "JPEG")


def png_of(width: int, height: int) -> bytes:
    """A small PNG whose header claims this size."""
    header = b"IHDR" + width.to_bytes(4) + height.to_bytes(4) + PNG[24:29]
    return PNG[:12] + header + zlib.crc32(header).to_bytes(4) + PNG[33:]


def flat(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), "grey").save(buffer, "PNG")
    return buffer.getvalue()


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("photo.jpg", JPEG)
    return buffer.getvalue()


# Name of the file, bytes, statuses of which one is right.
ODD = {
    "a good one": ("photo.png", PNG, {200}),
    "a wrong extension": ("photo.jpg", PNG, {200}),
    "no extension and a path": ("../../etc/passwd", PNG, {200}),
    "a name that is HTML": ('<img src=x onerror="alert(1)">.png', PNG, {200}),
    "8 x 8": ("dot.png", flat(8, 8), {200}),
    "20,000 x 100": ("panorama.png", flat(20_000, 100), {200}),
    "a zero-byte file": ("photo.png", b"", {400}),
    "a truncated PNG": ("photo.png", PNG[: len(PNG) // 2], {422}),
    "a truncated JPEG": ("photo.jpg", JPEG[: len(JPEG) // 2], {422}),
    "a header alone": ("photo.png", PNG[:33], {422}),
    "an HTML page": ("photo.png", b"<!doctype html><script>alert(1)</script>", {415}),
    "an SVG": ("photo.png", b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', {415}),
    "a zip": ("photo.jpg", zipped(), {415}),
    "a PNG bomb": ("photo.png", png_of(50_000, 50_000), {413}),
    "a PNG of no pixels": ("photo.png", png_of(0, 0), {422}),
    **{
        f"a JPEG with bit {bit} flipped": (
            "photo.jpg",
            JPEG[: bit // 8] + bytes([JPEG[bit // 8] ^ 1 << bit % 8]) + JPEG[bit // 8 + 1 :],
            {200, 413, 415, 422},
        )
        for bit in np.random.default_rng(0).integers(0, 8 * len(JPEG), 20).tolist()
    },
}


@pytest.fixture(scope="module")
def client() -> FlaskClient:
    return create_app({"stub": StubSegmenter()}, Settings()).test_client()


@pytest.mark.parametrize(("name", "data", "statuses"), ODD.values(), ids=ODD.keys())
def test_an_odd_upload_is_answered_for_what_it_is_and_the_next_request_works(
    client: FlaskClient, name: str, data: bytes, statuses: set[int]
) -> None:
    response = client.post("/api/v1/segment", data={"image": (io.BytesIO(data), name)})
    assert response.status_code in statuses
    assert name not in response.text
    page = client.post("/", data={"image": (io.BytesIO(data), name)})
    assert page.status_code == response.status_code
    assert "alert(1)" not in page.text
    assert client.post("/api/v1/segment", data=PNG, content_type="image/png").status_code == 200
