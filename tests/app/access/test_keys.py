from __future__ import annotations

import io
import json
import logging
from pathlib import Path

import pytest
from calls import calls_of
from flask import Flask
from flask.testing import FlaskClient
from server import UWSGI, running
from stub_segmenter import StubSegmenter

from app import create_app
from app.configuration.settings import BadSetting, Settings

OLD, NEW = "an old key of 22 chars", "a-new-key-of-24-chars-00"

OPEN_TO_GET = {
    "/",
    "/livez",
    "/readyz",
    "/health",
    "/metrics",
    "/docs",
    "/openapi.json",
    "/static/style.css",
    "/v2/health/live",
    "/v2/health/ready",
    "/v2/models/stub/ready",
    "/v2/models/stub/versions/1/ready",
}


@pytest.fixture
def app(segmenter: StubSegmenter) -> Flask:
    return create_app({"stub": segmenter}, Settings(api_keys=(OLD, NEW), max_bytes=200_000))


def segment(client: FlaskClient, png: bytes, key: str | None) -> int:
    headers = {} if key is None else {"X-API-Key": key}
    response = client.post("/api/v1/segment", data=png, content_type="image/png", headers=headers)
    return response.status_code


def test_every_route_but_those_that_show_nothing_needs_a_key(app: Flask) -> None:
    client = app.test_client()
    for method, path in calls_of(app):
        is_open = method == "OPTIONS" or (method in ("GET", "HEAD") and path in OPEN_TO_GET)
        for headers in ({}, {"X-API-Key": "wrong"}, {"X-API-Key": ""}, {"Authorization": f"Bearer {NEW}"}):
            refused = client.open(path, method=method, headers=headers).status_code == 401
            assert refused != is_open, (method, path, headers)
        for key in (OLD, NEW):
            assert client.open(path, method=method, headers={"X-API-Key": key}).status_code != 401


def test_no_route_answers_options_by_itself_where_no_key_is_asked_for(app: Flask) -> None:
    for rule in app.url_map.iter_rules():
        assert app.view_functions[rule.endpoint].__dict__.get("provide_automatic_options", True)
        assert rule.provide_automatic_options  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nowhere"),
        ("PUT", "/api/v1/segment"),
        ("POST", "/livez"),
        ("GET", "//api/v1/models"),
        ("GET", "/v2/health/../../api/v1/models"),
    ],
)
def test_what_there_is_not_needs_a_key_as_well(client: FlaskClient, method: str, path: str) -> None:
    assert client.open(path, method=method).status_code == 401


def test_the_refusal_is_a_problem_that_says_how_to_ask_and_not_what_was_sent(client: FlaskClient) -> None:
    response = client.get("/api/v1/models", headers={"X-API-Key": "guess-0815"})
    assert response.status_code == 401
    assert response.content_type == "application/problem+json"
    assert response.get_json()["type"] == "urn:maskserve:unauthorized"
    assert "X-API-Key" in response.headers["WWW-Authenticate"]
    assert "0815" not in response.text + str(response.headers)


def test_nothing_is_computed_without_a_key(client: FlaskClient, segmenter: StubSegmenter, png: bytes) -> None:
    assert [segment(client, png, key) for key in (None, "wrong", NEW + "x", NEW[:-1])] == [401] * 4
    assert segmenter.calls == []
    assert segment(client, png, NEW) == 200


def test_without_keys_everybody_may_ask(png: bytes) -> None:
    client = create_app({"stub": StubSegmenter()}, Settings()).test_client()
    assert segment(client, png, None) == 200
    assert segment(client, png, "whatever") == 200
    assert "api_key" not in client.get("/").text


def test_metrics_need_a_key_if_the_operator_says_so() -> None:
    settings = Settings(api_keys=(OLD, NEW), metrics="key")
    client = create_app({"stub": StubSegmenter()}, settings).test_client()
    refused = client.get("/metrics")
    assert refused.status_code == 401
    assert "maskserve" not in refused.text.replace("urn:maskserve:", "")
    assert client.get("/metrics", headers={"X-API-Key": "wrong"}).status_code == 401
    assert "maskserve_requests_total" in client.get("/metrics", headers={"X-API-Key": NEW}).text
    described = client.get("/openapi.json").get_json()["paths"]["/metrics"]["get"]
    assert described["security"] == [{"key": []}]


def test_metrics_for_holders_of_keys_take_keys() -> None:
    with pytest.raises(BadSetting, match="MASKSERVE_API_KEYS must have keys"):
        Settings.from_environment({"MASKSERVE_METRICS": "key"})


@pytest.mark.parametrize("offered", ["schlüssel-größer-als-alles", "ключ", "\ud800", "k" * 20_000])
def test_an_odd_key_is_a_wrong_key(client: FlaskClient, png: bytes, offered: str) -> None:
    on_the_wire = offered.encode("utf-8", "surrogatepass").decode("latin-1")
    assert segment(client, png, on_the_wire) == 401
    response = client.post("/", data={"api_key": on_the_wire, "image": (io.BytesIO(png), "a.png")})
    assert response.status_code == 401


def test_a_key_may_be_of_any_letters(png: bytes) -> None:
    key = "ключ-от-всех-дверей"
    client = create_app({"stub": StubSegmenter()}, Settings(api_keys=(key,))).test_client()
    assert segment(client, png, key.encode().decode("latin-1")) == 200
    form = {"api_key": key, "image": (io.BytesIO(png), "a.png")}
    assert client.post("/", data=form).status_code == 200


def test_the_page_takes_the_key_in_its_form(client: FlaskClient, png: bytes) -> None:
    page = client.get("/").text
    assert 'name="api_key" type="password" autocomplete="current-password"' in page
    assert page.count('form="upload" formnovalidate') == 2  # each sample is sent with the key
    for key in (OLD, NEW):
        response = client.post("/", data={"api_key": key, "image": (io.BytesIO(png), "a.png")})
        assert response.status_code == 200
        assert "2 objects" in response.text
        assert key not in response.text


def test_the_page_takes_the_key_in_the_header(client: FlaskClient, png: bytes) -> None:
    form = {"image": (io.BytesIO(png), "a.png")}
    assert client.post("/", data=form, headers={"X-API-Key": NEW}).status_code == 200


@pytest.mark.parametrize("key", [None, "", "guess-0815"])
def test_a_wrong_key_shows_the_page_again_and_computes_nothing(
    client: FlaskClient, segmenter: StubSegmenter, png: bytes, key: str | None
) -> None:
    form = {"image": (io.BytesIO(png), "a.png")} | ({} if key is None else {"api_key": key})
    response = client.post("/", data=form)
    assert response.status_code == 401
    assert response.mimetype == "text/html"
    assert "WWW-Authenticate" in response.headers
    assert "API key" in response.text and 'name="api_key"' in response.text
    assert "0815" not in response.text
    assert segmenter.calls == []


def test_a_sample_needs_the_key_too(client: FlaskClient) -> None:
    form = {"sample": "tissue"}
    assert client.post("/", data=form, content_type="multipart/form-data").status_code == 401


def test_a_health_route_of_vertex_ai_needs_no_key_to_be_read() -> None:
    app = create_app({"stub": StubSegmenter()}, Settings(api_keys=(NEW,), health_route="/vertex/health"))
    if not any(rule.rule == "/vertex/health" for rule in app.url_map.iter_rules()):
        app.add_url_rule("/vertex/health", view_func=lambda: "well", methods=["GET", "POST"])
    assert app.test_client().get("/vertex/health").status_code == 200
    assert app.test_client().post("/vertex/health").status_code == 401


def test_short_keys_are_warned_of_and_none_is_ever_logged(
    png: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        client = create_app({"stub": StubSegmenter()}, Settings(api_keys=("s3cret", NEW))).test_client()
        assert "1 of 2 keys have fewer than 16 characters" in caplog.text
        segment(client, png, "s3cret")
        segment(client, png, "guess-0815")
        client.post("/", data={"api_key": "guess-0815", "image": (io.BytesIO(png), "a.png")})
    assert not any(key in caplog.text for key in ("s3cret", NEW, "0815"))


def test_long_keys_are_not_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    create_app({"stub": StubSegmenter()}, Settings(api_keys=(OLD, NEW)))
    assert "MASKSERVE_API_KEYS" not in caplog.text


@pytest.mark.parametrize("text", ["good-key-0815,bad\x07key-0815", "tab\tkey-0815", "\ud800key-0815", " , "])
def test_a_key_that_cannot_be_typed_is_no_key_and_is_not_shown(text: str) -> None:
    with pytest.raises(BadSetting, match="MASKSERVE_API_KEYS must be one or more keys") as raised:
        Settings.from_environment({"MASKSERVE_API_KEYS": text})
    assert "0815" not in str(raised.value)


def test_the_line_end_of_a_mounted_secret_is_not_part_of_the_key() -> None:
    assert Settings.from_environment({"MASKSERVE_API_KEYS": f"{OLD}, {NEW}\n"}).api_keys == (OLD, NEW)


@pytest.mark.skipif(not UWSGI.exists(), reason="uWSGI is not installed")
@pytest.mark.timeout(120)
def test_a_large_upload_without_a_key_reads_its_refusal(tmp_path: Path, png: bytes) -> None:
    large = b"x" * 8_000_000
    form = (
        b'--B\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
        + large
        + b"\r\n--B--\r\n"
    )
    with running(tmp_path / "log", seconds=0, MASKSERVE_API_KEYS=NEW) as server:
        for _ in range(3):
            status, headers, body = server.segment(large)
            assert status == json.loads(body)["status"] == 401
            assert headers["Content-Type"] == "application/problem+json"
        status, headers, body = server.request("POST", "/", form, "multipart/form-data; boundary=B")
        assert (status, headers["Content-Type"]) == (401, "text/html; charset=utf-8")
        assert b"API key" in body
        assert server.request("GET", "/livez")[0] == 200
    assert NEW not in (tmp_path / "log").read_text()
