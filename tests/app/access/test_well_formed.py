from __future__ import annotations

import pytest
from flask import request
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

MODELS = "/api/v1/models"


def assert_refused(response: TestResponse, word: str) -> None:
    assert response.status_code == 400
    assert response.mimetype == "application/problem+json"
    assert word in response.get_json()["detail"]
    assert "Location" not in response.headers


@pytest.mark.parametrize(
    "target", ["?x", "?x=//evil", "#a", "", "api/v1/models", "*", "evil.example:80", "ftp://x/"]
)
def test_a_target_that_is_no_path_is_refused_and_redirects_nowhere(client: FlaskClient, target: str) -> None:
    path = target.partition("?")[0].partition("#")[0]
    environ = {"REQUEST_URI": target, "PATH_INFO": path, "HTTP_HOST": "evil.example"}
    assert_refused(client.get("/", environ_overrides=environ), "path")


def test_no_route_redirects(client: FlaskClient) -> None:
    for rule in client.application.url_map.iter_rules():
        path = (
            rule.rule.replace("<name>", "stub")
            .replace("<path:filename>", "style.css")
            .replace("<version>", "1")
        )
        for near in (path, path + "/", "/" + path, path.rstrip("/")):
            answer = client.get("/", environ_overrides={"REQUEST_URI": near or "x", "PATH_INFO": near})
            assert not 300 <= answer.status_code < 400, near


@pytest.mark.parametrize(
    "target", ["http://other.example" + MODELS, "HTTPS://other.example:8443" + MODELS + "?a=b"]
)
def test_a_whole_url_is_answered_as_its_path(client: FlaskClient, target: str) -> None:
    # As servers hand it on: the path is what is before the question mark, decoded.
    environ = {"REQUEST_URI": target, "PATH_INFO": target.partition("?")[0], "HTTP_HOST": "x"}
    assert client.get("/", environ_overrides=environ).get_json() == client.get(MODELS).get_json()


def test_the_host_of_a_whole_url_is_the_one_that_counts(client: FlaskClient) -> None:
    seen = []
    client.application.before_request(lambda: seen.append((request.host, request.path)))
    for target in ("http://other.example/livez", "http://other.example", "http://other.example/%6Civez"):
        client.get("/", environ_overrides={"REQUEST_URI": target, "PATH_INFO": target, "HTTP_HOST": "x"})
    hosts, paths = zip(*seen, strict=True)
    assert set(hosts) == {"other.example"}
    assert paths == ("/livez", "/", "/livez")


def test_a_path_that_only_looks_like_a_url_stays_one(client: FlaskClient) -> None:
    environ = {"REQUEST_URI": "/http://x/livez", "PATH_INFO": "/http://x/livez"}
    assert client.get("/", environ_overrides=environ).status_code == 404
    assert_refused(
        client.get("/", environ_overrides={"REQUEST_URI": "http%3A//x/", "PATH_INFO": "http://x/"}), "path"
    )


@pytest.mark.parametrize(
    "host", ["x, x", "x, y", "x y", "", "x\ny", "user@x", "x/y", "[::1", "x:port", "\u00e9"]
)
def test_a_host_that_is_none_or_two_is_refused(client: FlaskClient, host: str) -> None:
    assert_refused(client.get(MODELS, environ_overrides={"HTTP_HOST": host}), "Host")


@pytest.mark.parametrize(
    "host", ["x", "example.com:8080", "10.0.0.1:80", "[::1]", "[2001:db8::1]:8080", "a_b-c", "x:"]
)
def test_a_host_is_a_name_or_an_address_with_a_port_or_without(client: FlaskClient, host: str) -> None:
    assert client.get(MODELS, environ_overrides={"HTTP_HOST": host}).status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        {"HTTP_A": "x\nB: y"},  # a line that ends with LF alone
        {"HTTP_A": "x\r\n y"},  # a line that goes on in the next
        {"HTTP_A": "x\0y"},
        {"HTTP_A ": "x"},  # a space before the colon
        {"HTTP_CONTENT_LENGTH ": "5"},
        {"HTTP_A\nB": "x"},
        {"HTTP_": "x"},
    ],
)
def test_a_header_with_what_no_header_has_is_refused(client: FlaskClient, header: dict[str, str]) -> None:
    assert_refused(client.get(MODELS, environ_overrides=header), "header")


def test_a_header_may_have_tabs_and_letters_of_latin_1(client: FlaskClient) -> None:
    assert client.get(MODELS, environ_overrides={"HTTP_A": "x\ty \xe9"}).status_code == 200


@pytest.mark.parametrize("length", ["-3", "+3", "3, 4", "3, 3", "3,3", "0x3", "3.0", " 3", "\u0663", "many"])
def test_a_length_that_is_not_one_number_is_refused(client: FlaskClient, png: bytes, length: str) -> None:
    environ = {"CONTENT_LENGTH": length}
    response = client.post("/api/v1/segment", data=png, content_type="image/png", environ_overrides=environ)
    assert_refused(response, "Content-Length")


def test_a_length_beside_chunks_is_refused(client: FlaskClient, png: bytes) -> None:
    headers = {"Transfer-Encoding": "chunked"}
    response = client.post("/api/v1/segment", data=png, content_type="image/png", headers=headers)
    assert_refused(response, "Transfer-Encoding")


@pytest.mark.parametrize("line", ["/a\nb", "/a\x01"])
def test_a_request_line_with_control_characters_is_refused(client: FlaskClient, line: str) -> None:
    assert_refused(client.get(MODELS, environ_overrides={"REQUEST_URI": line}), "request line")
