"""What Cloud Storage and Pub/Sub may answer, and what becomes of it."""

from __future__ import annotations

import base64
import gzip
import hashlib
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from stub_origin import Answer, Origin, ok

from cloud import Cloud, Object
from faults import Fault, TryAgain
from scripts.local_cloud import LocalCloud

READ = "/storage/v1/b/photos/o/a.png?alt=media"
LOOK_UP = "/storage/v1/b/photos/o/a.png"
WRITE = "/upload/storage/v1/b/results/o?uploadType=multipart&ifGenerationMatch=0"
PUBLISH = "/v1/projects/a-project/topics/results:publish"

Call = Callable[[Cloud], Any]


def read(cloud: Cloud) -> Any:
    return cloud.read("photos", "a.png", max_bytes=1000)


def look_up(cloud: Cloud) -> Any:
    return cloud.look_up("photos", "a.png")


def write(cloud: Cloud) -> Any:
    return cloud.write("results", "a.json", b"{}", "application/json")


def publish(cloud: Cloud) -> Any:
    return cloud.publish("projects/a-project/topics/results", {}, {"status": "done"})


@pytest.fixture
def origin() -> Iterator[Origin]:
    origin = Origin({})
    yield origin
    origin.stop()


@pytest.fixture
def asked(origin: Origin) -> Cloud:
    """A cloud that is `origin`."""
    address = f"127.0.0.1:{origin.port}"
    return Cloud({"STORAGE_EMULATOR_HOST": f"http://{address}", "PUBSUB_EMULATOR_HOST": address})


@pytest.mark.parametrize(
    ("call", "path", "status"),
    [
        (read, READ, "401 Unauthorized"),
        (read, READ, "416 Range Not Satisfiable"),
        (read, READ, "500 Internal Server Error"),
        (look_up, LOOK_UP, "403 Forbidden"),
        (write, WRITE, "403 Forbidden"),
        (write, WRITE, "404 Not Found"),  # no such bucket, yet
        (publish, PUBLISH, "403 Forbidden"),
        (publish, PUBLISH, "404 Not Found"),
    ],
)
def test_refusals_and_failures_are_for_now(
    asked: Cloud, origin: Origin, call: Call, path: str, status: str
) -> None:
    origin.answers[path] = ok(b"why", status=status)

    with pytest.raises(TryAgain, match=status[:3]):
        call(asked)


@pytest.mark.parametrize(("call", "path"), [(read, READ), (look_up, LOOK_UP)])
def test_what_can_never_be_asked_is_for_good_and_says_why(
    asked: Cloud, origin: Origin, call: Call, path: str
) -> None:
    origin.answers[path] = ok(b"Bucket is a requester pays bucket", status="400 Bad Request")

    with pytest.raises(Fault, match=r"b/photos/o/a\.png: Bucket is a requester pays bucket") as fault:
        call(asked)
    assert fault.value.problem["status"] == 400


@pytest.mark.parametrize(("call", "path"), [(write, WRITE), (publish, PUBLISH)])
def test_what_fails_for_a_moment_is_asked_again_at_once(
    asked: Cloud, origin: Origin, call: Call, path: str
) -> None:
    def fail_once(line: Any) -> None:
        origin.answers[path] = ok(b'{"generation": "7"}')
        line.sendall(ok(b"", status="503 Service Unavailable"))

    origin.answers[path] = fail_once

    assert call(asked) == ("7" if call is write else None)
    assert len(origin.requests) == 2


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbroken off",
        ok(b"no gzip", "Content-Encoding: gzip"),
    ],
)
def test_an_object_that_does_not_arrive_is_tried_again(asked: Cloud, origin: Origin, answer: Answer) -> None:
    origin.answers[READ] = answer

    with pytest.raises(TryAgain):
        read(asked)


def test_an_object_that_grows_on_its_way_is_left_at_the_limit(asked: Cloud, origin: Origin) -> None:
    origin.answers[READ] = ok(gzip.compress(bytes(100_000)), "Content-Encoding: gzip")

    with pytest.raises(Fault, match="1,000 bytes") as fault:
        read(asked)
    assert fault.value.problem["status"] == 413


def test_without_credentials_it_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/there/is/no/such/file")

    with pytest.raises(TryAgain, match="/there/is/no/such/file"):
        look_up(Cloud({}))


def test_nobody_there_is_for_now_and_soon_said(origin: Origin) -> None:
    origin.stop()
    started = time.monotonic()
    with pytest.raises(TryAgain):
        look_up(Cloud({"STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{origin.port}"}))
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("name", ["a.png", "a/b.png", "ü #1?&b=c.png", "100%25.png", "../a"])
@pytest.mark.parametrize("data", [b"", b"\r\n--x\r\n\0\xff", bytes(300_000)])
def test_an_object_comes_back_as_it_was_written_and_only_once(
    cloud: LocalCloud, name: str, data: bytes
) -> None:
    ours, bucket = Cloud(cloud.environment), f"bucket-{time.monotonic_ns()}"
    cloud.create_bucket(bucket)

    assert ours.look_up(bucket, name) is ours.read(bucket, name) is None
    generation = ours.write(bucket, name, data, "image/png")
    assert generation
    assert ours.write(bucket, name, b"other", "image/png") is None

    assert ours.read(bucket, name) == (data, generation)
    found = ours.look_up(bucket, name, generation)
    md5 = base64.b64encode(hashlib.md5(data).digest()).decode()
    assert found and found == Object(generation, len(data), found.created, md5)
    assert timedelta() < datetime.now(UTC) - found.created < timedelta(minutes=1)
    assert ours.write(bucket, name, b"newer", "image/png", replacing=generation)
    assert ours.read(bucket, name, generation) is None  # it is gone
