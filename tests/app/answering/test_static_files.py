from __future__ import annotations

import re

from flask.testing import FlaskClient

STYLE = re.compile(r'href="(/static/@\w+/)style\.css"')


def test_browsers_keep_what_the_page_loads_for_good(client: FlaskClient) -> None:
    page = client.get("/").text
    assert not re.findall(r'(?:src|href|data-file)="/static/[^@]', page)
    (root,) = STYLE.findall(page)
    for name in ("style.css", "viewer/main.js", "samples/tissue.png"):
        answer = client.get(root + name)
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.data == client.get(f"/static/{name}").data


def test_files_of_another_version_or_none_are_asked_for_again(client: FlaskClient) -> None:
    for root in ("/static/", "/static/@0123456789abcdef/"):
        answer = client.get(f"{root}style.css")
        assert answer.status_code == 200 and answer.headers["Cache-Control"] == "no-cache"
        etag = answer.headers["ETag"]
        assert client.get(f"{root}style.css", headers={"If-None-Match": etag}).status_code == 304


def test_only_the_folder_is_served(client: FlaskClient) -> None:
    for name in ("@x/../../../pyproject.toml", "@x", "@", "@x/", "@x/nothing.css", "@x//etc/passwd"):
        assert client.get(f"/static/{name}").status_code == 404
