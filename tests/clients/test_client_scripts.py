"""Scripts of the clients that people use, against the service as it is deployed."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from encoded import encode
from server import Server, needs_uwsgi, running

pytestmark = needs_uwsgi

HERE = Path(__file__).parent

# The command of each, and the ways that its script must tell of.
CLIENTS = {
    "curl": (
        "bash",
        "curl.sh",
        "form typed-part json-parameter body typed-body upload chunked-upload chunked-form json untyped-json"
        " gzip chunked-gzip waiting http-1.0 batch",
    ),
    "requests": (
        sys.executable,
        "with_requests.py",
        "file file-body bytes bytes-in-a-form plain-part non-ascii-name parameters-as-files generator json"
        " dumped-json gzip batch",
    ),
    "httpx": (
        sys.executable,
        "with_httpx.py",
        "file bytes generator non-ascii-name batch async-form async-generator",
    ),
    "Node": (
        "node",
        "node.mjs",
        "form unnamed-blob file blob-parameters buffer blob json stream small-stream gzip-stream batch"
        " piped-request",
    ),
    "like .NET": (sys.executable, "like_dotnet.py", "stream typed-stream form capitals json batch"),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("clients") / "log", seconds=0) as server:
        yield server


@pytest.mark.parametrize(("program", "script", "ways"), CLIENTS.values(), ids=CLIENTS.keys())
def test_every_way_of_a_client_is_answered(
    server: Server, tmp_path: Path, program: str, script: str, ways: str
) -> None:
    if shutil.which(program) is None or (program == "bash" and shutil.which("curl") is None):
        pytest.skip(f"what runs {script} is not installed")
    if script == "with_httpx.py" and importlib.util.find_spec("httpx") is None:
        pytest.skip("httpx is not installed: make test does it")
    picture = tmp_path / "cells.png"
    picture.write_bytes(encode(320, 240, "PNG"))
    ended = subprocess.run(
        [program, HERE / script, server.address.rstrip("/"), picture],
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert ended.returncode == 0, ended.stderr + ended.stdout[-2000:]
    told = dict(line.split(" ", 1) for line in ended.stdout.splitlines())
    assert list(told) == ways.split()
    for way, answer in told.items():
        replied = json.loads(answer)
        for one in replied["results"] if way == "batch" else [replied]:
            assert len(one["segments"]) == 2, way
            assert one["image"].items() >= {"width": 320, "height": 240}.items(), way
