"""A service with a model that finds the same two cells in every picture, and pictures to send it."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping

import pytest
from encoded import encode
from flask import Flask
from flask.testing import FlaskClient
from server import Server, running
from stub_internet import HOST, PUBLIC, Internet, Serve
from stub_origin import Answer, Authority, Origin
from stub_segmenter import StubSegmenter

from app import create_app
from app.configuration.settings import Settings


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
def plain_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real server at the defaults, whose model takes no time. Tests share it: leave it as it was."""
    with running(tmp_path_factory.mktemp("server") / "log", seconds=0) as server:
        yield server


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority()
