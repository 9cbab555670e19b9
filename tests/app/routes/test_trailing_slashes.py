"""A slash at the end of a path is left out: it answers as without it, and no body is lost to a redirect."""

from __future__ import annotations

import base64

import pytest
from calls import calls_of
from flask.testing import FlaskClient
from stub_segmenter import StubSegmenter

from app import create_app
from app.configuration.settings import Settings

KEY = "a-key-of-at-least-16-characters"
ROUTES = {"health_route": "/v1/endpoints/7", "predict_route": "/v1/endpoints/7:predict"}


@pytest.mark.parametrize("settings", [Settings(**ROUTES), Settings(api_keys=(KEY,))], ids=["open", "keys"])
def test_every_route_answers_as_without_it(settings: Settings) -> None:
    app = create_app({"stub": StubSegmenter()}, settings)
    client = app.test_client()
    for method, path in calls_of(app):
        if path == "/":
            continue
        plain, slashed = (client.open(way, method=method) for way in (path, f"{path}/"))
        assert slashed.status_code == plain.status_code, (method, path)
        assert slashed.content_type == plain.content_type
        assert "Location" not in slashed.headers
        assert slashed.headers.get("Allow") == plain.headers.get("Allow")


@pytest.mark.parametrize("path", ["/api/v1/segment/", "/api/v1/segment/?threshold=0.5"])
def test_a_body_arrives(client: FlaskClient, png: bytes, path: str) -> None:
    response = client.post(path, data=png, content_type="image/png")
    assert response.status_code == 200
    assert len(response.get_json()["segments"]) == 2


@pytest.mark.parametrize("route", ["/vertex", "/vertex/"])
@pytest.mark.parametrize("path", ["/vertex", "/vertex/"])
def test_a_route_of_vertex_ai_may_end_with_one(png: bytes, route: str, path: str) -> None:
    settings = Settings(predict_route=route, health_route=route)
    client = create_app({"stub": StubSegmenter()}, settings).test_client()
    body = {"instances": [{"b64": base64.b64encode(png).decode()}]}
    assert client.get(path).status_code == 200
    assert client.post(path, json=body).get_json()["predictions"][0]["segments"]


@pytest.mark.parametrize("path", ["/api/v1/segment//", "/api//v1/segment", "/nowhere/"])
def test_what_is_not_there_is_not_there(client: FlaskClient, png: bytes, path: str) -> None:
    assert client.post(path, data=png, content_type="image/png").status_code == 404
