"""Bodies that are compressed as a whole (Content-Encoding), on every kind of route."""

from __future__ import annotations

import base64
import gzip
import json
import zlib

import pytest
from asking import URL, assert_problem
from flask.testing import FlaskClient

from app.errors import BadBody
from app.requests.codings import decoded

FORM = "multipart/form-data; boundary=b"


def bare(data: bytes) -> bytes:
    """Deflate without zlib's header, as some clients send it."""
    compress = zlib.compressobj(wbits=-15)
    return compress.compress(data) + compress.flush()


def form(png: bytes) -> bytes:
    head = b'--b\r\nContent-Disposition: form-data; name="image"; filename="x"\r\n\r\n'
    return head + png + b"\r\n--b--\r\n"


def as_json(png: bytes) -> bytes:
    return json.dumps({"image": base64.b64encode(png).decode()}).encode()


CODINGS = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip in capitals": ("X-GZIP", gzip.compress),
    "deflate": ("deflate", zlib.compress),
    "deflate, strong": ("deflate", lambda data: zlib.compress(data, 9)),
    "deflate without a header": ("deflate", bare),
    "none": ("identity", bytes),
    "gzip and none": ("identity, gzip", gzip.compress),
}


@pytest.mark.parametrize(("coding", "compress"), CODINGS.values(), ids=CODINGS.keys())
def test_a_compressed_body_is_read_as_the_plain_one(
    client: FlaskClient, png: bytes, coding: str, compress: type[bytes]
) -> None:
    headers = {"Content-Encoding": coding}
    for kind, body in (("image/png", png), (FORM, form(png)), ("application/json", as_json(png))):
        response = client.post(URL, data=compress(body), content_type=kind, headers=headers)
        assert response.status_code == 200, response.text
    batch = compress(b'{"images": [%b]}' % as_json(png))
    response = client.post("/api/v1/batch", data=batch, content_type="application/json", headers=headers)
    assert len(response.get_json()["results"][0]["segments"]) == 2


def padded(png: bytes, size: int) -> bytes:
    return png + b"\0" * (size - len(png))  # what follows a PNG's end is ignored


def test_the_limit_is_of_the_body_as_it_was(client: FlaskClient, png: bytes) -> None:
    headers = {"Content-Encoding": "gzip"}
    for body, status in ((padded(png, 200_000), 200), (padded(png, 200_001), 413)):
        response = client.post(URL, data=gzip.compress(body), content_type="image/png", headers=headers)
        assert response.status_code == status
    assert "200,000 bytes once its gzip is decompressed" in response.get_json()["detail"]


def test_a_body_that_compressing_has_made_longer_is_read(client: FlaskClient, png: bytes) -> None:
    body = gzip.compress(padded(png, 200_000), 0)
    assert len(body) > 200_000
    headers = {"Content-Encoding": "gzip"}
    assert client.post(URL, data=body, content_type="image/png", headers=headers).status_code == 200


def test_a_bomb_is_413_before_it_is_large() -> None:
    bomb = gzip.compress(bytes(100_000_000))
    first = next(decoded(iter([bomb]), "gzip"))
    assert len(first) <= 65536


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
@pytest.mark.parametrize("step", [2, 7, 100_000])
def test_pieces_of_any_size_are_put_together(coding: str, step: int) -> None:
    data = bytes(range(256)) * 2048  # more than one piece of what comes out
    sent = gzip.compress(data) if coding == "gzip" else zlib.compress(data)
    pieces = (sent[at : at + step] for at in range(0, len(sent), step))
    assert b"".join(decoded(pieces, coding)) == data


@pytest.mark.parametrize("step", [1, 7, 100_000])
def test_gzip_in_several_streams_with_zeros_at_its_end_is_read(step: int) -> None:
    sent = gzip.compress(b"one, ") + gzip.compress(b"") + gzip.compress(b"two") + bytes(20)
    pieces = (sent[at : at + step] for at in range(0, len(sent), step))
    assert b"".join(decoded(pieces, "gzip")) == b"one, two"


GZIPPED = gzip.compress(bytes(1000))
BAD = {
    "not gzip": ("gzip", b"hello", "not gzip"),
    "not deflate": ("deflate", b"\xff\xff", "not deflate"),
    "gzip in name only": ("gzip", zlib.compress(b"x"), "not gzip"),
    "breaks off": ("gzip", GZIPPED[:-9], "is incomplete"),
    "a checksum that does not fit": ("gzip", GZIPPED[:-8] + bytes(8), "not gzip"),
    "goes on": ("gzip", GZIPPED + b"more", "continues after"),
    "too many streams": ("gzip", gzip.compress(b"") * 1001, "continues after"),
    "a second stream that breaks off": ("gzip", GZIPPED + GZIPPED[:-9], "is incomplete"),
    "a second stream of deflate": ("deflate", zlib.compress(bytes(1000)) * 2, "continues after"),
}


@pytest.mark.parametrize(("coding", "body", "detail"), BAD.values(), ids=BAD.keys())
def test_a_body_that_is_not_compressed_as_it_says_is_400(
    client: FlaskClient, coding: str, body: bytes, detail: str
) -> None:
    headers = {"Content-Encoding": coding}
    problem = assert_problem(client.post(URL, data=body, content_type="image/png", headers=headers), 400)
    assert detail in problem["detail"]
    with pytest.raises(BadBody):
        list(decoded(iter([body]), coding))


@pytest.mark.parametrize("coding", ["br", "zstd", "compress", "gzip, gzip", "br, gzip", "nonsense"])
def test_another_coding_is_415_and_named(client: FlaskClient, png: bytes, coding: str) -> None:
    headers = {"Content-Encoding": coding}
    response = client.post(URL, data=png, content_type="image/png", headers=headers)
    problem = assert_problem(response, 415)
    assert coding in problem["detail"] and "gzip" in problem["detail"]
    assert response.headers["Accept-Encoding"] == "gzip, deflate"
