"""The page and what it loads are compressed for browsers that accept it; nothing else is."""

from __future__ import annotations

import gzip

import pytest
from flask.testing import FlaskClient

GZIP = {"Accept-Encoding": "gzip, deflate, br"}
STYLE = "/static/viewer/looks/frame.css"


@pytest.mark.parametrize("path", ["/", "/docs", STYLE, "/static/viewer/stage.js"])
def test_text_for_browsers_is_compressed_if_they_accept_it(client: FlaskClient, path: str) -> None:
    plain, compressed = client.get(path), client.get(path, headers=GZIP)
    assert "Content-Encoding" not in plain.headers
    assert compressed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(compressed.data) == plain.data
    assert int(compressed.headers["Content-Length"]) == len(compressed.data) < len(plain.data) / 2
    for answer in (plain, compressed):
        assert "Accept-Encoding" in answer.headers["Vary"]
    assert client.get(path, headers={"Accept-Encoding": "gzip;q=0"}).data == plain.data


def test_a_compressed_file_that_a_browser_has_is_not_sent_again(client: FlaskClient) -> None:
    etag = client.get(STYLE, headers=GZIP).headers["ETag"]
    assert etag.startswith("W/")
    assert client.get(STYLE, headers={**GZIP, "If-None-Match": etag}).status_code == 304


def test_a_part_of_a_file_and_data_are_sent_as_they_are(client: FlaskClient, png: bytes) -> None:
    part = client.get(STYLE, headers={**GZIP, "Range": "bytes=0-9"})
    assert part.status_code == 206 and len(part.data) == 10
    for answer in (
        client.get("/openapi.json", headers=GZIP),
        client.post("/api/v1/segment", data=png, content_type="image/png", headers=GZIP),
    ):
        assert "Content-Encoding" not in answer.headers
