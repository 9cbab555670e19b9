from __future__ import annotations

import io

import pytest
from calls import calls_of
from flask import Flask
from flask.testing import FlaskClient
from server import UWSGI, Server
from stub_segmenter import StubSegmenter
from werkzeug.test import TestResponse

from app import create_app
from app.configuration.settings import Settings

KEY = "a-key-of-at-least-16-characters"


def with_settings(**values: object) -> FlaskClient:
    return create_app({"stub": StubSegmenter()}, Settings(**values)).test_client()  # type: ignore[arg-type]


def answers(app: Flask, png: bytes) -> list[TestResponse]:
    """Of every route by every method; of some that there are not; with a picture and without."""
    client = app.test_client()
    calls = [*calls_of(app), ("GET", "/nowhere"), ("PUT", "/"), ("POST", "/livez")]
    picture = {"data": png, "content_type": "image/png"}
    return [
        *(client.open(path, method=method) for method, path in calls),
        *(client.open(path, method=method, **picture) for method, path in calls if method == "POST"),
        client.post("/api/v1/segment?output=overlay", **picture),
        client.post("/", data={"image": (io.BytesIO(png), "a.png")}),
    ]


def test_every_answer_is_what_it_says_it_is_and_runs_nothing(app: Flask, png: bytes) -> None:
    for response in answers(app, png):
        policy = response.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; ") and "frame-ancestors 'none'" in policy
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_no_answer_leaves_a_cookie_or_names_its_server(app: Flask, png: bytes) -> None:
    for response in answers(app, png):
        assert not {"Set-Cookie", "Server", "X-Powered-By"} & set(response.headers.keys())


def test_only_pages_are_html(app: Flask, png: bytes) -> None:
    for response in answers(app, png):
        if response.mimetype == "text/html" and response.data:
            assert response.request.path in ("/", "/docs")


@pytest.mark.parametrize("keys", [(), (KEY,)])
def test_no_answer_to_a_post_is_stored(keys: tuple[str, ...], png: bytes) -> None:
    app = create_app({"stub": StubSegmenter()}, Settings(api_keys=keys))
    for response in answers(app, png):
        if response.request.method == "POST":
            assert response.headers["Cache-Control"] == "no-store"


def test_what_needs_a_key_is_not_stored() -> None:
    client = with_settings(api_keys=(KEY,))
    for key in (KEY, "wrong"):
        response = client.get("/api/v1/models", headers={"X-API-Key": key})
        assert response.headers["Cache-Control"] == "no-store"
    assert "no-store" not in client.get("/static/style.css").headers.get("Cache-Control", "")
    assert "no-store" not in with_settings().get("/api/v1/models").headers.get("Cache-Control", "")


def test_a_page_keeps_to_itself_and_asks_for_no_device(client: FlaskClient, png: bytes) -> None:
    for response in (
        client.get("/"),
        client.post("/"),
        client.post("/", data={"image": (io.BytesIO(png), "a")}),
    ):
        assert response.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        # The viewer may ask for the camera, when the user wants to take a picture.
        assert response.headers["Permissions-Policy"].startswith("camera=")
        assert "microphone=()" in response.headers["Permissions-Policy"]
        assert "form-action 'self'" in response.headers["Content-Security-Policy"]


def test_a_view_may_bring_a_policy_of_its_own(app: Flask) -> None:
    own = {"Content-Security-Policy": "default-src 'self'", "Permissions-Policy": "camera=(self)"}
    app.add_url_rule("/own", view_func=lambda: ("<p>", own))
    assert own.items() <= dict(app.test_client().get("/own").headers).items()


def test_only_the_viewer_may_ask_for_the_camera(client: FlaskClient, png: bytes) -> None:
    assert "camera=(self)" in client.get("/").headers["Permissions-Policy"]
    for other in (client.get("/docs"), client.post("/", data={"image": (io.BytesIO(png), "a")})):
        assert "camera=()" in other.headers["Permissions-Policy"]


@pytest.mark.parametrize(
    ("trusted", "forwarded", "strict"),
    [
        (0, "https", False),  # anybody can say so
        (1, "https", True),
        (1, "http", False),
        (2, "https", True),  # Google's balancer: two addresses, one protocol
        (1, "https, http", False),  # the last is from the nearest proxy
        (1, None, False),
    ],
)
def test_only_a_trusted_proxy_makes_https_lasting(trusted: int, forwarded: str | None, strict: bool) -> None:
    headers = {"X-Forwarded-For": "198.51.100.1, 192.0.2.1"}
    if forwarded:
        headers["X-Forwarded-Proto"] = forwarded
    response = with_settings(trusted_proxies=trusted).get("/", headers=headers)
    assert ("Strict-Transport-Security" in response.headers) == strict


@pytest.mark.skipif(not UWSGI.exists(), reason="uWSGI is not installed")
@pytest.mark.timeout(120)
def test_the_real_server_names_itself_nowhere_and_believes_nobody(plain_server: Server) -> None:
    forged = {"X-Forwarded-Proto": "https", "X-Forwarded-SSL": "on", "X-Forwarded-For": "192.0.2.1"}
    for path in ("/", "/livez", "/nowhere", "/static/style.css"):
        _, headers, _ = plain_server.request("GET", path, headers=forged)
        assert not {"Server", "Set-Cookie", "Strict-Transport-Security"} & set(headers)
        assert headers["X-Content-Type-Options"] == "nosniff"
