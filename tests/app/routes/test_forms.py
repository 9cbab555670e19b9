"""Forms as clients really write them: every part is read, or the refusal says which and why."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from asking import URL, assert_problem
from encoded import encode
from flask.testing import FlaskClient
from stub_segmenter import StubSegmenter

from model.results.result import Wishes

BATCH = "/api/v1/batch"
PNG, JPEG, SMALL = encode(64, 48, "PNG"), encode(320, 240, "JPEG"), encode(16, 16, "PNG")
TYPE = "multipart/form-data; boundary=b"


def part(disposition: str | bytes, data: bytes, *headers: str, end: bytes = b"\r\n") -> bytes:
    """A part of a form: its Content-Disposition after `form-data; `, other headers, data."""
    disposition = disposition.encode() if isinstance(disposition, str) else disposition
    lines = [
        b"--b",
        b"Content-Disposition: form-data; " + disposition,
        *(header.encode() for header in headers),
    ]
    return b"".join(line + end for line in lines) + end + data + end


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--b--\r\n"


def post(client: FlaskClient, body: bytes, route: str = URL, content_type: str = TYPE) -> Any:
    return client.post(route, data=body, content_type=content_type)


NAMES = {
    "UTF-8": 'filename="Zellen-\u7d30\u80de.png"'.encode(),
    "Latin-1": 'filename="Zell\u00e9n.png"'.encode("latin-1"),
    "Shift-JIS": 'filename="\u7d30\u80de.png"'.encode("shift-jis"),
    "Shift-JIS that ends like an escape": 'filename="\u8868"'.encode("shift-jis"),
    "GBK": 'filename="\u7ec6\u80de.png"'.encode("gbk"),
    "UTF-16": b'filename="' + "cells.png".encode("utf-16-le") + b'"',
    "RFC 5987": b"filename*=UTF-8''%e7%b4%b0%e8%83%9e.png",
    "RFC 5987 beside a plain one": b"filename=\"x.png\"; filename*=UTF-8''%e7%b4%b0.png",
    "RFC 5987 in Shift-JIS": b"filename*=Shift_JIS''%8d%d7%96E.png",
    "RFC 2231 in pieces": b"filename*0*=UTF-8''%e7%b4; filename*1=b0.png",
    "RFC 2047": b'filename="=?utf-8?B?57Sw6IOe?="',
    "a path of Windows": b'filename="C:\\pictures\\cells.png"',
    "a folder of Windows": b'filename="C:\\pictures\\"',
    "a path": b'filename="/home/me/cells.png"',
    "quotes": b'filename="my \\"cells\\".png"',
    "quotes as browsers send them": b'filename="my %22cells%22.png"',
    "a semicolon": b'filename="a;b=c.png"',
    "no quotes": b"filename=cells.png",
    "spaces without quotes": b"filename=my cells.png",
    "empty": b'filename=""',
    "long": b'filename="' + b"x" * 5000 + b'.png"',
    "controls": b'filename="a\0\x1b[31m\x7f.png"',
    "none": b"",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
def test_a_file_is_read_whatever_its_name(client: FlaskClient, name: bytes) -> None:
    for disposition in (b'name="image"; ' + name, name + b'; name="image"', b"name=image;" + name):
        response = post(client, form(part(disposition.strip(b"; "), PNG)))
        assert response.status_code == 200, response.text


FIELDS = [
    "image",
    "images",
    "file",
    "files",
    "image[]",
    "images[]",
    "file[]",
    "files[]",
    "images[0]",
    "Image",
]


@pytest.mark.parametrize("field", FIELDS)
def test_a_picture_is_found_in_each_field_that_clients_use(client: FlaskClient, field: str) -> None:
    for disposition in (f'name="{field}"; filename="x.png"', f'name="{field}"'):
        assert post(client, form(part(disposition, PNG))).status_code == 200


LAYOUTS = {
    "LF alone": part('name="image"; filename="x"', PNG, end=b"\n") + b"--b--\n",
    "no line end after the last": part('name="image"; filename="x"', PNG) + b"--b--",
    "a preamble": b"This is a message of many parts.\r\n" + form(part('name="image"; filename="x"', PNG)),
    "an epilogue": form(part('name="image"; filename="x"', PNG)) + b"more\r\n" * 30_000,
    "spaces after the boundary": form(part('name="image"; filename="x"', PNG)).replace(
        b"--b\r\n", b"--b  \r\n"
    ),
    "headers in other capitals": form(part('name="image"; filename="x"', PNG)).replace(
        b"Content-Disposition: form-data", b"CONTENT-DISPOSITION:Form-Data"
    ),
    "a folded header": form(part('name="image";\r\n filename="x"', PNG)),
    "many headers": form(part('name="image"; filename="x"', PNG, *[f"X-{i}: y" for i in range(100)])),
    "a header that is none": form(part('name="image"; filename="x"', PNG, "nonsense")),
    "a Content-Length": form(part('name="image"; filename="x"', PNG, f"Content-Length: {len(PNG)}")),
    "a wrong type": form(part('name="image"; filename="x"', PNG, "Content-Type: text/plain")),
    "no useful type": form(part('name="image"; filename="x"', PNG, "Content-Type: nonsense")),
    "binary": form(part('name="image"; filename="x"', PNG, "Content-Transfer-Encoding: binary")),
    "base64": form(
        part('name="image"; filename="x"', base64.encodebytes(PNG), "Content-Transfer-Encoding: BASE64")
    ),
    "an input that was left empty": form(
        part('name="file"; filename=""', b"", "Content-Type: application/octet-stream"),
        part('name="image"; filename="x"', PNG),
    ),
}


@pytest.mark.parametrize("body", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_a_form_is_read_however_it_is_laid_out(client: FlaskClient, body: bytes) -> None:
    response = post(client, body)
    assert response.status_code == 200, response.text
    assert response.get_json()["image"].items() >= {"width": 64, "height": 48}.items()


@pytest.mark.parametrize(
    "content_type",
    [
        'multipart/form-data; boundary="b"',
        "Multipart/Form-Data; charset=utf-8; Boundary=b",
        "multipart/form-data;boundary=b",
    ],
)
def test_the_boundary_is_found_however_it_is_written(client: FlaskClient, content_type: str) -> None:
    assert post(client, form(part('name="image"', PNG)), content_type=content_type).status_code == 200


def test_a_boundary_may_have_what_boundaries_may_have(client: FlaskClient) -> None:
    boundary = "'()+_,-./:=? (b)"
    body = form(part('name="image"', PNG)).replace(b"--b", b"--" + boundary.encode())
    assert post(client, body, content_type=f'multipart/form-data; boundary="{boundary}"').status_code == 200


PARAMETERS = {
    "text": part('name="threshold"', b"0.5"),
    "text with a type": part('name="threshold"', b"0.5", "Content-Type: text/plain; charset=utf-8"),
    "a Blob": part('name="threshold"; filename="blob"', b"0.5", "Content-Type: application/octet-stream"),
    "a Blob of text": part('name="threshold"; filename="blob"', b"0.5", "Content-Type: text/plain"),
    "JSON": part('name="threshold"', b"0.5", "Content-Type: application/json"),
    "a Blob of JSON": part('name="threshold"; filename="blob"', b" 0.5 ", "Content-Type: application/json"),
    "a file": part('name="threshold"; filename="threshold.txt"', b"0.5", "Content-Type: text/plain"),
}


@pytest.mark.parametrize("parameter", PARAMETERS.values(), ids=PARAMETERS.keys())
def test_a_parameter_counts_however_it_is_sent(
    client: FlaskClient, segmenter: StubSegmenter, parameter: bytes
) -> None:
    picture = part('name="image"; filename="x"', PNG)
    for route in (URL, BATCH):
        for body in (form(parameter, picture), form(picture, parameter)):
            response = post(client, body, route)
            assert response.status_code == 200, response.text
    assert [Wishes(**call).threshold for call in segmenter.calls] == [0.5] * 4


def test_a_list_may_come_as_json(client: FlaskClient, segmenter: StubSegmenter) -> None:
    names = part('name="classes"; filename="blob"', b'["cell"]', "Content-Type: application/json")
    response = post(client, form(part('name="image"', PNG), names))
    assert response.status_code == 200, response.text


IMAGE = part('name="image"; filename="cells.png"', PNG)
BAD = {
    "two files in one field": (form(IMAGE, IMAGE), "2 images"),
    "two files in two fields": (form(IMAGE, part('name="file"; filename="b"', PNG)), "2 images"),
    "an empty file beside one": (form(part('name="image"; filename="e.png"', b""), IMAGE), "2 images"),
    "an empty file": (form(part('name="image"; filename="e.png"', b"")), "no image"),
    "a plain part beside a file": (form(IMAGE, part('name="images"', PNG)), "2 images"),
    "a second file in a field for nothing": (
        form(IMAGE, part('name="mask"; filename="m.png"', PNG)),
        "'mask'",
    ),
    "a file in a field for nothing": (form(part('name="photo"; filename="p.png"', PNG)), "'photo'"),
    "text in the field": (form(part('name="image"', b"cells.png")), "holds text"),
    "an empty plain field": (form(part('name="image"', b"")), "holds text"),
    "no part": (b"--b--\r\n", "no image"),
    "an input that was left empty": (form(part('name="image"; filename=""', b"")), "no image"),
    "no name": (form(part('filename="x"', PNG)), "no name"),
    "no disposition": (
        b"--b\r\nContent-Type: image/png\r\n\r\n" + PNG + b"\r\n--b--\r\n",
        "Content-Disposition",
    ),
    "no last boundary": (IMAGE, "breaks off"),
    "cut off in the file": (form(IMAGE)[:-100], "breaks off"),
    "cut off in the head": (form(IMAGE)[:30], "breaks off"),
    "a last boundary without hyphens": (IMAGE + b"--b\r\n", "breaks off"),
    "another boundary": (form(IMAGE).replace(b"--b", b"--c"), "--b"),
    "another boundary, large": (bytes(150_000) + form(IMAGE).replace(b"--b", b"--c"), "--b"),
    "no form": (PNG, "--b"),
    "parts within a part": (
        form(part('name="image"', b"--c\r\n\r\nx\r\n--c--", "Content-Type: multipart/mixed; boundary=c")),
        "multipart/mixed",
    ),
    "quoted-printable": (
        form(part('name="image"; filename="x"', b"=89PNG", "Content-Transfer-Encoding: quoted-printable")),
        "quoted-printable",
    ),
    "base64 that is none": (
        form(part('name="image"; filename="x"', b"eHh4e", "Content-Transfer-Encoding: base64")),
        "not base64",
    ),
    "JSON that is none": (
        form(IMAGE, part('name="threshold"', b"{", "Content-Type: application/json")),
        "'threshold' is not JSON",
    ),
    "JSON of another kind": (
        form(IMAGE, part('name="threshold"', b'"0.5"', "Content-Type: application/json")),
        "threshold must be",
    ),
    "a parameter twice": (form(IMAGE, PARAMETERS["text"], PARAMETERS["text"]), "2 times"),
    "a parameter as text and JSON": (form(IMAGE, PARAMETERS["text"], PARAMETERS["JSON"]), "twice"),
    "a parameter as JSON and text": (form(IMAGE, PARAMETERS["JSON"], PARAMETERS["a Blob"]), "twice"),
    "a parameter as JSON twice": (form(IMAGE, PARAMETERS["JSON"], PARAMETERS["JSON"]), "twice"),
    "a name in no encoding": (form(IMAGE, part(b'name="\xff"', b"x")), "no parameter"),
}


@pytest.mark.parametrize(("body", "detail"), BAD.values(), ids=BAD.keys())
def test_a_form_that_cannot_be_read_is_400_and_says_why(
    client: FlaskClient, body: bytes, detail: str
) -> None:
    problem = assert_problem(post(client, body), 400)
    assert detail in problem["detail"]
    assert post(client, form(IMAGE)).status_code == 200


@pytest.mark.parametrize("content_type", ["multipart/form-data", "multipart/form-data; boundary="])
def test_a_missing_boundary_is_400_and_named(client: FlaskClient, content_type: str) -> None:
    for route in (URL, BATCH):
        problem = assert_problem(post(client, form(IMAGE), route, content_type), 400)
        assert "names no boundary" in problem["detail"]


def test_a_part_that_is_compressed_is_415(client: FlaskClient) -> None:
    body = form(part('name="image"; filename="x"', PNG, "Content-Encoding: gzip"))
    assert "whole body" in assert_problem(post(client, body), 415)["detail"]


def test_a_file_that_is_too_large_is_named(client: FlaskClient) -> None:
    large = part('name="image"; filename="large.png"', PNG + bytes(200_000))
    for route in (URL, BATCH):
        problem = assert_problem(post(client, form(large), route), 413)
        assert "large.png has more than 200,000 bytes" in problem["detail"]


def test_a_batch_takes_its_pictures_from_all_fields_in_order(client: FlaskClient) -> None:
    body = form(
        part('name="images"; filename="a"', PNG),
        part('name="image"; filename="b"', JPEG),
        part('name="threshold"', b"0.5"),
        part('name="files[]"; filename="c"', SMALL),
        part('name="images"', PNG),
        part('name="image"; filename="e"', JPEG),
    )
    results = post(client, body, BATCH).get_json()["results"]
    assert [result["image"]["width"] for result in results] == [64, 320, 16, 64, 320]


def test_what_is_wrong_in_a_batch_names_its_file(client: FlaskClient) -> None:
    body = form(
        part('name="image"; filename="good.png"', PNG),
        part('name="image"; filename="C:\\cut\\\u7d30.jpg"', JPEG[: len(JPEG) // 2]),
        part('name="images"; filename="notes.txt"', b"hello"),
        part('name="images"; filename="none.png"', b""),
        part(b'name="images"; filename="\x1b\xe2\x80\xae.png"', b"hello"),
        part('name="images"', JPEG[:100]),
    )
    results = post(client, body, BATCH).get_json()["results"]
    details = [result.get("error", {}).get("detail", "") for result in results]
    assert details[0] == ""
    assert details[1].startswith("\u7d30.jpg: ")
    assert details[2].startswith("notes.txt: ")
    assert details[3].startswith("none.png: ")
    assert details[4].startswith(".png: ")  # what would change the line that it stands in is left out
    assert details[5] and not details[5].startswith(":")


def test_a_form_may_have_as_much_text_as_it_may_and_no_more(client: FlaskClient) -> None:
    def fields(size: int) -> bytes:
        return form(IMAGE, *[part('name="classes"', b"x" * (size // 8)) for _ in range(8)])

    assert_problem(post(client, fields(40_000)), 400)  # no such class
    assert_problem(post(client, fields(300_000)), 413)
