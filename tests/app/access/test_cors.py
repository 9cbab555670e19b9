from __future__ import annotations

import pytest
from calls import calls_of
from flask import Flask
from flask.testing import FlaskClient
from stub_segmenter import StubSegmenter
from werkzeug.test import TestResponse

from app import create_app
from app.configuration.settings import BadSetting, Settings

KEY = "a-key-of-at-least-16-characters"
FRIEND, STRANGER = "https://lab.example", "https://lab.example.evil"
VERTEX = {"health_route": "/health.state", "predict_route": "/models/7:infer"}
OURS = {"/", "/docs", "/static/style.css", "/livez", "/readyz", "/health", "/metrics"}
"""What no page of another origin needs: people's pages, and the platform's probes."""


def serving(*origins: str, **values: object) -> Flask:
    settings = Settings(cors_origins=origins, **values)  # type: ignore[arg-type]
    return create_app({"stub": StubSegmenter()}, settings)


def allowed_origin(response: TestResponse) -> str | None:
    return response.headers.get("Access-Control-Allow-Origin")


def preflight(client: FlaskClient, path: str, origin: str) -> TestResponse:
    wish = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,x-api-key,x-other",
    }
    return client.options(path, headers=wish)


def test_only_the_routes_of_programs_are_shared(png: bytes) -> None:
    app = serving(FRIEND, **VERTEX)
    client = app.test_client()
    for method, path in calls_of(app):
        response = client.open(path, method=method, headers={"Origin": FRIEND})
        assert allowed_origin(response) == (None if path in OURS else FRIEND), (method, path)
        assert allowed_origin(client.open(path, method=method, headers={"Origin": STRANGER})) is None
        assert "Access-Control-Allow-Credentials" not in response.headers


def test_by_default_nothing_is_shared(app: Flask) -> None:
    for method, path in calls_of(app):
        response = app.test_client().open(path, method=method, headers={"Origin": FRIEND})
        assert not [name for name in dict(response.headers) if name.startswith("Access-Control")]


def test_a_page_of_an_allowed_origin_may_see_what_an_answer_says_of_itself(png: bytes) -> None:
    client = serving(FRIEND).test_client()
    response = client.post("/api/v1/segment", data=png, content_type="image/png", headers={"Origin": FRIEND})
    assert response.status_code == 200
    exposed = set(response.headers["Access-Control-Expose-Headers"].split(", "))
    assert exposed == {
        "X-Request-Id",
        "X-Model",
        "X-Model-Version",
        "X-Model-Arm",
        "X-Segment-Count",
        "X-Segments-Found",
        "Server-Timing",
        "Retry-After",
        "Inference-Header-Content-Length",
    }


@pytest.mark.parametrize(
    "header",
    [
        "content-type",
        "content-encoding",
        "x-api-key",
        "x-request-id",
        "x-session",
        "inference-header-content-length",
        "traceparent",
        "tracestate",
        "baggage",
    ],
)
def test_a_page_may_send_what_its_libraries_put_on_a_request(header: str) -> None:
    wish = {
        "Origin": FRIEND,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": f"{header},x-other",
    }
    response = serving(FRIEND).test_client().options("/api/v1/segment", headers=wish)
    assert (response.status_code, response.headers["Access-Control-Allow-Headers"]) == (200, header)


@pytest.mark.parametrize("path", ["/api/v1/models/", "/openapi.json/", "/v2/", "/health.state/"])
def test_a_slash_at_the_end_is_shared_all_the_same(path: str) -> None:
    for route in ("/health.state", "/health.state/"):
        client = serving(FRIEND, health_route=route).test_client()
        response = client.get(path, headers={"Origin": FRIEND})
        assert (response.status_code, allowed_origin(response)) == (200, FRIEND)


def test_a_preflight_needs_no_key_and_counts_for_nothing(png: bytes) -> None:
    client = serving(FRIEND, api_keys=(KEY,), rate_limit="1/hour").test_client()
    for _ in range(3):
        response = preflight(client, "/api/v1/segment", FRIEND)
        assert response.status_code == 200
        assert allowed_origin(response) == FRIEND
        assert response.headers["Access-Control-Allow-Headers"] == "content-type, x-api-key"
        assert "POST" in response.headers["Access-Control-Allow-Methods"]
    assert allowed_origin(preflight(client, "/api/v1/segment", STRANGER)) is None
    headers = {"Origin": FRIEND, "X-API-Key": KEY}
    post = {"data": png, "content_type": "image/png", "headers": headers}
    assert client.post("/api/v1/segment", **post).status_code == 200
    refused = client.post("/api/v1/segment", **post)
    assert (refused.status_code, allowed_origin(refused)) == (429, FRIEND)


@pytest.mark.parametrize(
    ("call", "status"), [("/api/v1/models", 401), ("/api/v1/nowhere", 401), ("/api/v1/models/none", 401)]
)
def test_an_allowed_page_can_read_an_error(call: str, status: int) -> None:
    client = serving(FRIEND, api_keys=(KEY,)).test_client()
    response = client.get(call, headers={"Origin": FRIEND})
    assert (response.status_code, allowed_origin(response)) == (status, FRIEND)
    response = client.get("/api/v1/nowhere", headers={"Origin": FRIEND, "X-API-Key": KEY})
    assert (response.status_code, allowed_origin(response)) == (404, FRIEND)


@pytest.mark.parametrize("path", ["/healthXstate", "/models/7:infer/more", "/v2x", "/openapi.json/more"])
def test_what_only_begins_like_a_shared_route_is_not(path: str) -> None:
    response = serving(FRIEND, **VERTEX).test_client().get(path, headers={"Origin": FRIEND})
    assert allowed_origin(response) is None


def test_everybody_is_a_star() -> None:
    response = serving("*").test_client().get("/api/v1/models", headers={"Origin": STRANGER})
    assert allowed_origin(response) == "*"
    assert "Origin" not in response.vary


@pytest.mark.parametrize("headers", [{}, {"Origin": FRIEND}, {"Origin": STRANGER}])
def test_a_cache_is_told_that_answers_differ_by_origin(headers: dict[str, str]) -> None:
    assert "Origin" in serving(FRIEND).test_client().get("/api/v1/models", headers=headers).vary


@pytest.mark.parametrize(
    ("origin", "near"),
    [
        (FRIEND, "https://lab-example"),  # the dot is a dot
        (FRIEND, "http://lab.example"),
        (FRIEND, "https://lab.example:8443"),
        (FRIEND, "https://evil.lab.example"),
        (FRIEND, "https://lab.example\n"),
        (FRIEND, "null"),
        ("http://[::1]:3000", "http://1:3000"),  # the brackets are brackets
    ],
)
def test_an_origin_is_exactly_itself(origin: str, near: str) -> None:
    client = serving(origin, "https://other.example").test_client()
    assert allowed_origin(client.get("/api/v1/models", headers={"Origin": origin})) == origin
    environ = {"HTTP_ORIGIN": near}
    assert allowed_origin(client.get("/api/v1/models", environ_base=environ)) is None


@pytest.mark.parametrize(
    "text",
    [
        "*",
        "https://example.com",
        "http://localhost:3000, https://a-b.example.com",
        "http://[::1]:3000",
        "chrome-extension://abcdefgh",
    ],
)
def test_origins_are_as_browsers_send_them(text: str) -> None:
    origins = Settings.from_environment({"MASKSERVE_CORS_ORIGINS": text}).cors_origins
    assert list(origins) == text.split(", ")


@pytest.mark.parametrize(
    "text",
    [
        "https://example.com/",
        "https://example.com/app",
        "https://example.com?x",
        "example.com",
        "https://Example.com",  # browsers send lower case
        "https://example.com:443",  # and leave out the usual port
        "http://example.com:80",
        "https://*.example.com",
        "*, https://example.com",
        "null",
        "https://bücher.example",  # and write this as xn--
    ],
)
def test_an_origin_that_no_browser_sends_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(BadSetting, match=r"such as https://example\.com or .* without path, trailing slash"):
        Settings.from_environment({"MASKSERVE_CORS_ORIGINS": text})
