"""A service with a model that finds the same two cells in every picture, and pictures to send it."""

from __future__ import annotations

import io
import re
import ssl
from collections.abc import Iterator, Mapping

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from stub_internet import HOST, PUBLIC, Internet, Serve
from stub_origin import Answer, Authority, Origin
from stub_segmenter import StubSegmenter

from app import create_app
from app.settings import Settings


@pytest.fixture
def segmenter() -> StubSegmenter:
    return StubSegmenter()


@pytest.fixture
def app(segmenter: StubSegmenter) -> Flask:
    return create_app({"stub": segmenter}, Settings(max_bytes=200_000, max_pixels=1_000_000, queue=1))


@pytest.fixture
def client(app: Flask) -> Iterator[FlaskClient]:
    with app.test_client() as client:
        yield client


@pytest.fixture(scope="session")
def png() -> bytes:
    """A picture of 64 x 48 pixels."""
    return encode(64, 48, "PNG")


@pytest.fixture(scope="session")
def jpeg() -> bytes:
    """A picture of 320 x 240 pixels with enough in it to cut short."""
    return encode(320, 240, "JPEG")


@pytest.fixture
def serve() -> Iterator[Serve]:
    origins = []

    def start(answers: Mapping[str, Answer], tls: ssl.SSLContext | None = None) -> Internet:
        origins.append(Origin(answers, tls))
        return Internet(origins[-1], {HOST: [[PUBLIC]], "other.example": [["1.1.1.1"]]})

    yield start
    for origin in origins:
        origin.stop()


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority()


def encode(width: int, height: int, file_format: str) -> bytes:
    noise = np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, file_format)
    return buffer.getvalue()


_PARTS = {"filename": "style.css", "name": "stub", "version": "1"}


def calls_of(app: Flask) -> list[tuple[str, str]]:
    """Each method and path that `app` routes, whatever is in a path's place for a name."""
    return [
        (method, re.sub(r"<(\w+:)?(\w+)>", lambda part: _PARTS[part[2]], rule.rule))
        for rule in app.url_map.iter_rules()
        for method in sorted(rule.methods or ())
    ]
