"""What is refused, in which words, each time followed by a request that works."""

from __future__ import annotations

import base64
import io
import re
import socket
import threading
import time
import zlib
from typing import Any

import cv2
import numpy as np
import pytest
from asking import URL, assert_problem, post
from encoded import encode
from flask.testing import FlaskClient
from stub_segmenter import StubSegmenter
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.serving import make_server
from werkzeug.test import TestResponse, encode_multipart

from app import create_app
from app.configuration.settings import Settings
from model.formats.encode import encode_png
from model.results.result import UnsuitablePicture


def form(*parts: tuple[str, bytes | str]) -> tuple[str, bytes]:
    """Content-Type and body of a form: bytes are files, text is text."""
    values = MultiDict(
        (name, FileStorage(io.BytesIO(value), "x") if isinstance(value, bytes) else value)
        for name, value in parts
    )
    boundary, body = encode_multipart(values)
    return f"multipart/form-data; boundary={boundary}", body


def png_that_claims(width: int, height: int) -> bytes:
    """A small PNG whose header gives another size."""
    header = b"IHDR" + width.to_bytes(4) + height.to_bytes(4) + PNG[24:29]
    return PNG[:12] + header + zlib.crc32(header).to_bytes(4) + PNG[33:]


PNG = encode(16, 16, "PNG")
JPEG = encode(320, 240, "JPEG")
FIELD = b'--b\r\nContent-Disposition: form-data; name="image"; filename="x"\r\n\r\n'

BAD_UPLOADS = {
    "nothing at all": (None, b"", 400, "no image"),
    "an empty image": ("image/png", b"", 400, "no image"),
    "a form without files": (*form(("threshold", "0.5")), 400, "no image"),
    "an empty file": (*form(("image", b"")), 400, "no image"),
    "a file in another field": (*form(("photo", PNG)), 400, "not in the field 'image'"),
    "text in the image field": (*form(("image", "x")), 400, "as a file"),
    "two images in one field": (*form(("image", PNG), ("image", PNG)), 400, "2 images"),
    "two images in two fields": (*form(("image", PNG), ("file", PNG)), 400, "2 images"),
    "a form without a boundary": ("multipart/form-data", PNG, 400, "boundary"),
    "a form cut short": ("multipart/form-data; boundary=b", FIELD + PNG, 400, "breaks off"),
    "a form of 65 fields": (*form(*[(f"f{n}", "") for n in range(65)]), 413, "parts"),
    "a part without a name": (
        "multipart/form-data; boundary=b",
        b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n",
        400,
        "no name",
    ),
    "a part with an empty name": (*form(("", "x")), 400, "no name"),
    "a urlencoded body": ("application/x-www-form-urlencoded", b"image=x", 415, "octet-stream"),
    "text": ("text/plain", b"x", 415, "octet-stream"),
    "10,000 form fields": (*form(*[(f"f{n}", "") for n in range(10_000)]), 413, "more than"),
    "a form field of a megabyte": (
        *form(("threshold", "1" * 150_000), ("classes", "x" * 150_000)),
        413,
        "more than",
    ),
    "a body of no type": (None, b"x", 415, "octet-stream"),
    "text that says it is an image": ("image/png", b"hello", 415, "JPEG"),
    "a PDF": ("application/octet-stream", b"%PDF-1.7 ...", 415, "JPEG"),
    "a truncated JPEG": ("image/jpeg", JPEG[: len(JPEG) // 2], 422, "truncated"),
    "a corrupt PNG": ("image/png", PNG[:50] + b"x" * 99, 422, "corrupt"),
    "one byte too many": ("image/png", b"x" * 200_001, 413, "200,000"),
    "more than twice the bytes": ("image/png", b"x" * 900_000, 413, "200,000"),
    "one byte too many in a form": (*form(("image", b"x" * 200_001)), 413, "200,000"),
    "too many pixels": ("image/png", png_that_claims(1001, 1000), 413, "1,000,000"),
    "a decompression bomb": ("image/png", png_that_claims(2**31 - 1, 2**31 - 1), 413, "1,000,000"),
}


@pytest.mark.parametrize(
    ("content_type", "body", "status", "detail"), BAD_UPLOADS.values(), ids=BAD_UPLOADS.keys()
)
def test_a_bad_upload_is_a_problem_and_the_next_request_works(
    client: FlaskClient, png: bytes, content_type: str | None, body: bytes, status: int, detail: str
) -> None:
    problem = assert_problem(client.post(URL, data=body, content_type=content_type), status)
    assert detail in problem["detail"]
    assert post(client, png).status_code == 200


class DrippingBody(io.RawIOBase):
    """A body that comes 100 bytes at a time, `seconds` apart, and breaks off after `length`."""

    def __init__(self, length: int, seconds: float = 0.0) -> None:
        self.left = length
        self.seconds = seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        time.sleep(self.seconds)
        if not self.left:
            raise OSError("timeout during read on wsgi.input")
        count = min(100, self.left, len(buffer))
        self.left -= count
        buffer[:count] = b"x" * count
        return count


def send(client: FlaskClient, body: io.IOBase, **environment: Any) -> TestResponse:
    environment["wsgi.input"] = body
    return client.post(URL, content_type="image/png", environ_overrides=environment)


def test_an_upload_that_stalls_is_408_and_the_next_request_works(client: FlaskClient, png: bytes) -> None:
    assert_problem(send(client, DrippingBody(500), CONTENT_LENGTH="1000"), 408)
    assert post(client, png).status_code == 200


def test_an_upload_that_takes_too_long_is_408() -> None:
    client = create_app({"stub": StubSegmenter()}, Settings(upload_timeout=0.1)).test_client()
    start = time.monotonic()
    assert_problem(send(client, DrippingBody(10_000, seconds=0.02), CONTENT_LENGTH="10000"), 408)
    assert time.monotonic() - start < 60  # the whole body takes minutes


def test_an_upload_that_drips_into_a_server_that_waits_for_every_piece_is_408() -> None:
    app = create_app({"stub": StubSegmenter()}, Settings(upload_timeout=0.5))
    server = make_server("127.0.0.1", 0, app, threaded=True)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    head = f"POST {URL} HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: 99999\r\n\r\n"
    try:
        with socket.create_connection(("127.0.0.1", server.port), timeout=0.2) as upload:
            upload.sendall(head.encode())
            start = time.monotonic()
            answer = b""
            while not answer:
                assert time.monotonic() - start < 60
                try:
                    answer = upload.recv(100)
                except TimeoutError:
                    upload.sendall(b"x")
        assert b" 408 " in answer
    finally:
        server.shutdown()
        serving.join()


def test_a_body_without_length_is_bounded_too(client: FlaskClient) -> None:
    body = io.BytesIO(b"x" * 900_000)
    chunked = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}
    assert_problem(send(client, body, **chunked), 413)
    assert body.tell() <= 2 * 200_000 + 500_000  # drained, but not for ever
    body = io.BytesIO(b"%x\r\n%b\r\n" % (9_000_000, b"x" * 9_000_000))
    assert_problem(send(client, body, HTTP_TRANSFER_ENCODING="chunked"), 413)
    assert body.tell() <= 2 * 200_000 + 900_000


def test_an_image_of_exactly_the_largest_size_is_read(client: FlaskClient, png: bytes) -> None:
    padded = png + b"\0" * (200_000 - len(png))  # what follows a PNG's end is ignored
    assert post(client, padded).status_code == 200
    assert client.post(URL, data={"image": (io.BytesIO(padded), "x")}).status_code == 200


BAD_PARAMETERS = [
    ("threshold=1.01", "threshold must be a number from 0 to 1, not '1.01'."),
    ("threshold=-0.1", "threshold must be a number from 0 to 1"),
    ("threshold=nan", "threshold must be a number from 0 to 1"),
    ("threshold=inf", "threshold must be a number from 0 to 1"),
    ("threshold=", "threshold must be a number from 0 to 1"),
    ("threshold=0,5", "threshold must be a number from 0 to 1, not '0,5'."),
    ("threshold=half", "threshold must be a number from 0 to 1"),
    ("threshold=0.1&threshold=0.2", "'threshold' is given 2 times"),
    ("classes=dog", "There is no class 'dog'; there are: cell, fibre."),
    ("classes=cell,dog", "There is no class 'dog'; there are: cell, fibre."),
    ("classes=background", "There is no class 'background'; there are: cell, fibre."),
    ("classes=", "classes must be one or more class names"),
    ("classes=,", "classes must be one or more class names"),
    ("max_segments=0", "max_segments must be a whole number from 1 to 10000"),
    ("max_segments=10001", "max_segments must be a whole number from 1 to 10000, not '10001'"),
    ("max_segments=1000000", "max_segments must be a whole number from 1 to 10000"),
    ("max_segments=1_0", "max_segments must be a whole number from 1 to 10000, not '1_0'."),
    ("max_segments=2.5", "max_segments must be a whole number from 1 to 10000"),
    ("mask_format=bitmap", "mask_format must be rle, polygon, png or none, not 'bitmap'."),
    ("output=xml", "output must be overlay, labelmap, probability, "),
    ("image_format=bmp", "image_format must be png, jpeg or webp"),
    ("include=masks", "include must be overlay or picture"),
    ("fill=1.5", "fill must be a number from 0 to 1, not '1.5'."),
    ("draw=masks", "draw must be one or more of outlines, labels and boxes, or none, not 'masks'."),
    ("draw=", "draw must be one or more of outlines, labels and boxes, or none, not ''."),
    ("include=", "include must be overlay or picture, not ''."),
    ("page=-1", "page must be a whole number"),
    ("channel=red", "channel must be a whole number"),
    ("treshold=0.5", "There is no parameter 'treshold'; the parameters are model, threshold"),
    ("threshold=" + "9" * 5000, "9…'"),  # what is repeated to the caller is short
]


@pytest.mark.parametrize(("query", "detail"), BAD_PARAMETERS)
def test_a_bad_parameter_is_named_with_what_is_allowed_and_the_next_request_works(
    client: FlaskClient, png: bytes, query: str, detail: str
) -> None:
    problem = assert_problem(post(client, png, f"?{query}"), 400)
    assert detail in problem["detail"]
    assert len(problem["detail"]) < 300
    form = {"image": (io.BytesIO(png), "a.png"), **dict([query.split("&")[0].split("=")])}
    if query.count("=") == 1:
        assert detail in assert_problem(client.post(URL, data=form), 400)["detail"]
    assert post(client, png).status_code == 200


@pytest.mark.parametrize(
    ("width", "height", "refused", "accepted"),
    [
        (65_501, 8, "jpeg", "png"),
        (8, 65_501, "jpeg", "png"),
        (100_001, 9, "jpeg", "png"),
    ],
)
def test_a_picture_too_long_for_an_overlay_is_400_before_any_inference(
    client: FlaskClient, segmenter: StubSegmenter, width: int, height: int, refused: str, accepted: str
) -> None:
    picture = encode_png(np.zeros((height, width, 3), np.uint8))
    problem = assert_problem(post(client, picture, f"?output=overlay&image_format={refused}"), 400)
    assert f"{width} x {height} pixels is too large for {refused.upper()}" in problem["detail"]
    assert not segmenter.calls
    assert post(client, picture, f"?output=overlay&image_format={accepted}").status_code == 200
    assert post(client, picture, "?output=json").status_code == 200


@pytest.mark.parametrize("name", ["other", ""])
def test_a_model_that_there_is_not_is_404_and_names_those_there_are(
    client: FlaskClient, png: bytes, name: str
) -> None:
    problem = assert_problem(post(client, png, f"?model={name}"), 404)
    assert problem["detail"] == "There is no such model. The loaded models are: stub."
    assert post(client, png).status_code == 200


def test_every_bad_parameter_is_named(client: FlaskClient, png: bytes) -> None:
    detail = post(client, png, "?threshold=2&max_segments=0").get_json()["detail"]
    assert "threshold" in detail and "max_segments" in detail


@pytest.mark.parametrize(
    "value", ["cell," * 14_000, ["cell," * 1_400] * 10, "," * 70_000], ids=["text", "list", "commas"]
)
@pytest.mark.parametrize("name", ["classes", "include", "model"])
def test_a_parameter_longer_than_any_list_of_names_is_not_taken_apart(
    client: FlaskClient, png: bytes, name: str, value: str | list[str]
) -> None:
    document = {"image": base64.b64encode(png).decode(), name: value}
    problem = assert_problem(client.post(URL, json=document), 400)
    assert name in problem["detail"] and "more than 65,536 characters" in problem["detail"]
    assert post(client, png).status_code == 200


def test_unknown_routes_and_methods_are_problems(client: FlaskClient, png: bytes) -> None:
    assert_problem(client.get("/nowhere"), 404)
    assert_problem(client.post("/nowhere", data=png, content_type="image/png"), 404)
    response = client.get(URL)
    assert_problem(response, 405)
    assert "POST" in response.headers["Allow"]
    assert_problem(client.put("/"), 405)
    assert "-X POST" in assert_problem(client.put(URL, data=png), 405)["detail"]


def test_a_failure_inside_is_a_500_that_tells_nothing_and_the_next_request_works(
    client: FlaskClient, segmenter: StubSegmenter, png: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    segmenter.failure = RuntimeError("secret of /srv/secret/model.py")
    problem = assert_problem(post(client, png), 500)
    assert "secret" not in str(problem)
    assert "secret" in caplog.text and problem["request_id"] in caplog.text
    segmenter.failure = None
    assert post(client, png).status_code == 200


OPENVINO_LACKS = """Exception from src/inference/src/cpp/infer_request.cpp:246:
Caught exception: Exception from src/plugins/intel_cpu/src/node.cpp:823:
[CPU] Convolution node with name 'Transpose_9483' can't alloc
"""


def opencv_lacks() -> cv2.error:
    error = cv2.error(
        "OpenCV(5.0.0) alloc.cpp:73: error: (-4:Insufficient memory) Failed to allocate 9 bytes"
    )
    error.code = cv2.Error.STS_NO_MEM
    return error


def numpy_lacks() -> MemoryError:
    with pytest.raises(MemoryError) as raised:
        np.empty(2**50)
    return raised.value


@pytest.mark.parametrize(
    "lack",
    [
        MemoryError(),
        numpy_lacks(),  # a class of its own
        opencv_lacks(),
        RuntimeError("Exception from src/core/src/runtime/allocator.cpp:79:\nstd::bad_alloc\n"),
        RuntimeError(
            "Check 'ptr' failed at cpu_memory.cpp:257:\nFailed to allocate 32219136 bytes of memory\n"
        ),
        RuntimeError(OPENVINO_LACKS),
        RuntimeError("can't start new thread"),
    ],
    ids=lambda lack: type(lack).__name__,
)
def test_lack_of_memory_is_503_and_no_fault_of_the_picture(
    client: FlaskClient,
    segmenter: StubSegmenter,
    png: bytes,
    lack: Exception,
    caplog: pytest.LogCaptureFixture,
) -> None:
    segmenter.failure = lack
    response = post(client, png)
    problem = assert_problem(response, 503)
    assert problem["type"] == "urn:maskserve:busy" and "memory" in problem["detail"]
    assert int(response.headers["Retry-After"]) > 0
    assert problem["request_id"] in caplog.text  # with its trace: the operator can give it more
    (result,) = client.post("/api/v1/batch", data={"image": (io.BytesIO(png), "a")}).get_json()["results"]
    assert result["error"]["status"] == 503
    segmenter.failure = None
    assert post(client, png).status_code == 200


def test_other_failures_of_the_same_classes_are_no_lack_of_memory(
    client: FlaskClient, segmenter: StubSegmenter, png: bytes
) -> None:
    for failure in (RuntimeError("the shapes do not fit"), cv2.error("(-215:Assertion failed)")):
        segmenter.failure = failure
        assert_problem(post(client, png), 500)


def test_a_picture_that_the_model_cannot_take_is_422_with_the_reason(
    client: FlaskClient, segmenter: StubSegmenter, png: bytes
) -> None:
    segmenter.failure = UnsuitablePicture("this model takes only pictures of 64 x 64 pixels")
    problem = assert_problem(post(client, png), 422)
    assert problem["type"] == "urn:maskserve:unsuitable-image"
    assert problem["detail"] == "This model takes only pictures of 64 x 64 pixels."


def test_the_log_has_a_line_a_request_without_query_or_file_name(
    client: FlaskClient, png: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    response = client.post(URL + "?threshold=0.5", data={"image": (io.BytesIO(png), "private.png")})
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 1
    assert re.fullmatch(rf"POST {URL} 200 \d+ ms {response.headers['X-Request-Id']}", lines[0])


def test_a_doubled_slash_leads_nowhere_and_not_to_the_host_that_the_caller_names(client: FlaskClient) -> None:
    response = client.get("/api//v1/models", headers={"Host": "evil.example"})
    assert response.status_code == 404
    assert "Location" not in response.headers
