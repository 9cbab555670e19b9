"""A published file arrives whole, over whatever line, or nothing pretends that it did."""

from __future__ import annotations

import json
import re
import shutil
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from model import catalog
from model.__main__ import main
from model.families.mask_rcnn.weights import WeightsError, read_weights
from model.publishing.fetching import HASHES, FetchError
from model.publishing.fetching import fetch as fetch_and_make
from model.publishing.publish import imported
from model.publishing.published import PUBLISHED, PublishedWeights
from model.storage.manifest import Bundle, sha256_of
from model.storage.writing import write_manifest


class Server(ThreadingHTTPServer):
    """Serves `content` at every path.

    Attributes:
        content: the file.
        ranges: whether it honours Range, as GitHub does.
        break_after: bytes after which it hangs up, once; None: it does not.
        status: what it answers with.
        asked: the Range header of each request.
    """

    daemon_threads = True

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = content
        self.ranges = True
        self.break_after: int | None = None
        self.status = 200
        self.asked: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/tiny.h5"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers["Range"]
        self.server.asked.append(wanted)
        start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if wanted and self.server.ranges else 0
        status = self.server.status
        if status == 200 and start:
            status = 206 if start < len(self.server.content) else 416
        body = self.server.content[start:]
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if status < 300:
            self.wfile.write(body[: self.server.break_after])
            self.server.break_after = None
        self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""


@pytest.fixture
def server(tiny_weights: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Server(tiny_weights.read_bytes()) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def tiny(server: Server) -> PublishedWeights:
    """The tiny weights as a published file."""
    return PublishedWeights(
        name="tiny",
        url=server.url,
        size=len(server.content),
        family="mask_rcnn",
        classes=["background", "cell", "fibre", "spot"],
        config={"image_min_dim": 64, "image_max_dim": 128},
        about={"licence": "CC0-1.0", "source": server.url},
    )


def fetch(published: PublishedWeights) -> Bundle:
    """Fetch it, and make a bundle of its weights; to build their network as well would take two seconds."""

    def make(file: Path) -> Bundle:
        with catalog.new_bundle(published.name) as folder:
            assert read_weights(file)
            shutil.copy(file, folder / "model.weights.h5")
            about = {"name": published.name, "classes": published.classes, **published.about}
            config = {"num_classes": len(published.classes), **published.config}
            network = {"version": "1", "task": "instance", "threshold": 0.5, "config": config}
            write_manifest(folder, {**about, **network, "weights": "model.weights.h5"})
        return catalog.find(published.name)

    return fetch_and_make(published, make)


def fetch_and_import(published: PublishedWeights) -> Bundle:
    """Fetch and import it, but for the compiled stages, which other tests hold."""

    def make(file: Path) -> Bundle:
        with catalog.new_bundle(published.name) as folder:
            imported(published, file, folder)
        return catalog.find(published.name)

    return fetch_and_make(published, make)


def entries(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_published_file_becomes_a_bundle_of_exactly_its_bytes(
    model_dir: Path, server: Server, tiny: PublishedWeights
) -> None:
    bundle = fetch_and_import(tiny)

    assert bundle.weights_path.read_bytes() == server.content
    assert bundle == catalog.find("tiny")
    assert bundle.manifest.source == server.url
    assert bundle.manifest.config["image_max_dim"] == 128
    assert entries(model_dir) == {"tiny", HASHES}  # no part is left


def test_after_a_broken_line_the_rest_is_fetched(
    model_dir: Path, server: Server, tiny: PublishedWeights
) -> None:
    server.break_after = 1_000_000
    with pytest.raises(FetchError, match=r"broke off.*try again: the download will resume"):
        fetch(tiny)
    arrived = (model_dir / "tiny.part").stat().st_size
    assert 0 < arrived <= 1_000_000
    assert catalog.names() == []

    bundle = fetch(tiny)

    assert server.asked == [None, f"bytes={arrived}-"]
    assert bundle.weights_path.read_bytes() == server.content


def test_a_line_that_breaks_twice_needs_three_tries(
    model_dir: Path, server: Server, tiny: PublishedWeights
) -> None:
    for _ in range(2):
        server.break_after = 1_000_000
        with pytest.raises(FetchError):
            fetch(tiny)

    assert fetch(tiny).weights_path.read_bytes() == server.content


def test_a_server_without_ranges_starts_anew(model_dir: Path, server: Server, tiny: PublishedWeights) -> None:
    server.ranges = False
    server.break_after = 1_000_000
    with pytest.raises(FetchError):
        fetch(tiny)

    bundle = fetch(tiny)

    assert server.asked[1] is not None  # it was asked for the rest, and sent everything
    assert bundle.weights_path.read_bytes() == server.content


@pytest.mark.parametrize("difference", [-1, 1])
def test_a_file_of_another_size_is_refused_and_not_kept(
    model_dir: Path, server: Server, tiny: PublishedWeights, difference: int
) -> None:
    size = len(server.content)
    server.content = (server.content + b"\0")[: size + difference]

    with pytest.raises(FetchError, match=f"has {size + difference:,} bytes, but {size:,} were expected"):
        fetch(tiny)

    assert entries(model_dir) == set()


def test_more_than_the_file_from_an_earlier_try_is_thrown_away(
    model_dir: Path, server: Server, tiny: PublishedWeights
) -> None:
    (model_dir / "tiny.part").write_bytes(b"\0" * (tiny.size + 1))

    assert fetch(tiny).weights_path.read_bytes() == server.content


def test_another_file_of_the_same_size_is_refused_later(
    model_dir: Path, server: Server, tiny: PublishedWeights
) -> None:
    first = fetch(tiny)
    server.content = server.content[:-1] + bytes([server.content[-1] ^ 1])

    with pytest.raises(FetchError, match=f"no longer the file that was first fetched.*{HASHES}"):
        fetch(tiny)

    assert catalog.find("tiny") == first  # still the one that was trusted
    catalog.find("tiny").check()
    assert entries(model_dir) == {"tiny", HASHES}


def test_the_same_file_is_fetched_again_without_complaint(
    model_dir: Path, server: Server, tiny: PublishedWeights
) -> None:
    assert fetch(tiny) == fetch(tiny)


def test_the_hashes_of_other_files_are_kept(model_dir: Path, server: Server, tiny: PublishedWeights) -> None:
    (model_dir / HASHES).write_text('{"coco": "abc"}')

    fetch(tiny)

    known = json.loads((model_dir / HASHES).read_text())
    assert known == {"coco": "abc", "tiny": sha256_of(catalog.find("tiny").weights_path)}


def test_a_damaged_file_of_the_right_size_is_not_taken_for_the_true_one(
    model_dir: Path, server: Server, tiny: PublishedWeights
) -> None:
    whole, server.content = server.content, b"\0" * tiny.size
    with pytest.raises(WeightsError, match="not a weight file"):
        fetch_and_import(tiny)
    assert entries(model_dir) == set()  # neither kept nor remembered

    server.content = whole

    assert fetch_and_import(tiny).weights_path.read_bytes() == whole


@pytest.mark.parametrize("status", [404, 403, 500, 503])
def test_a_refusal_is_reported_with_its_status_and_nothing_is_written(
    model_dir: Path, server: Server, tiny: PublishedWeights, status: int
) -> None:
    server.status = status

    with pytest.raises(FetchError, match=f"{re.escape(server.url)} could not be downloaded .HTTP {status}."):
        fetch(tiny)

    assert entries(model_dir) == set()


def test_a_refusal_leaves_what_has_arrived(model_dir: Path, server: Server, tiny: PublishedWeights) -> None:
    (model_dir / "tiny.part").write_bytes(server.content[:1000])
    server.status = 503

    with pytest.raises(FetchError):
        fetch(tiny)

    assert (model_dir / "tiny.part").read_bytes() == server.content[:1000]


def test_without_a_network_the_answer_says_so_and_nothing_is_written(
    model_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as nobody_listens:
        nobody_listens.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody_listens.getsockname()[1]}/tiny.h5"
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setitem(
            PUBLISHED, "tiny", PublishedWeights("tiny", url, 1000, "mask_rcnn", ["background", "cell"])
        )

        status = main(["fetch", "tiny"])

    assert status == 1
    message = capsys.readouterr().err
    assert f"{url} could not be downloaded (no connection)" in message
    assert "python -m model import" in message  # the way without a network
    assert entries(model_dir) == set()


@pytest.mark.usefixtures("uncompiled")
def test_the_fetch_command_says_how_to_serve_the_model(
    model_dir: Path,
    tiny: PublishedWeights,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(PUBLISHED, "tiny", tiny)

    assert main(["fetch", "tiny"]) == 0

    assert "MASKSERVE_MODELS=tiny make run" in capsys.readouterr().out


def test_an_unpublished_name_is_answered_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["fetch", "cocoa"])

    assert ended.value.code == 2
    assert "coco" in capsys.readouterr().err


def test_the_published_coco_model_has_its_81_classes() -> None:
    coco = PUBLISHED["coco"]

    assert len(coco.classes) == 81
    assert coco.classes[:3] == ["background", "person", "bicycle"]
    assert coco.classes[-1] == "toothbrush"
    assert coco.size == 257_557_808
