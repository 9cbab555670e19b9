from __future__ import annotations

import pytest
from asking import assert_problem, post
from calls import calls_of
from flask.testing import FlaskClient

NOT_UTF8 = {
    "a lone byte": "\xac",
    "cut short": "\xc3",
    "a surrogate": "\xed\xa0\x80",
    "beyond Unicode": "\xf4\x90\x80\x80",
    "percent-encoded": "%AC",
    "half of it percent-encoded": "\xd9%28",
}
"""Of URLs as WSGI has them: a character for each byte."""


@pytest.mark.parametrize("odd", NOT_UTF8.values(), ids=NOT_UTF8.keys())
@pytest.mark.parametrize("query", ["mode{}=people", "model={}", "{}", "model=stub&{}"])
def test_a_query_that_is_not_utf8_is_refused_on_every_route_and_the_next_request_works(
    client: FlaskClient, png: bytes, odd: str, query: str
) -> None:
    for method, path in calls_of(client.application):
        answer = client.open(path, method=method, environ_overrides={"QUERY_STRING": query.format(odd)})
        assert answer.status_code == 400, (method, path)
    refused = client.post("/api/v1/segment", data=png, environ_overrides={"QUERY_STRING": query.format(odd)})
    assert "query of the URL is not UTF-8" in assert_problem(refused, 400)["detail"]
    assert post(client, png).status_code == 200


@pytest.mark.parametrize(
    "path", ["/api/v1/models/{}", "/v2/models/{}/infer", "/v1/models/{}:predict", "/static/{}", "/{}"]
)
def test_a_path_that_is_not_utf8_is_refused(client: FlaskClient, path: str) -> None:
    for odd in NOT_UTF8.values():
        if "%" not in odd:  # servers have undone the encoding of paths
            answer = client.post(environ_overrides={"PATH_INFO": path.format(odd)})
            assert answer.status_code == 400
            assert "path of the URL is not UTF-8" in answer.text


def test_the_refusal_names_the_byte(client: FlaskClient) -> None:
    answer = client.get("/livez", environ_overrides={"QUERY_STRING": "%C3%A9=\xac"})
    assert "byte 0xAC" in assert_problem(answer, 400)["detail"]


def test_text_of_other_scripts_is_welcome(client: FlaskClient, png: bytes) -> None:
    assert client.get("/livez?日本=é").status_code == 200
    assert "'日本'" in assert_problem(post(client, png, "?日本=1"), 400)["detail"]
