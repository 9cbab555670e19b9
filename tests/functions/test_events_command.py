"""make events: the whole chain with the real service, from a folder to a line with the overlay's address."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from chain import ROOT, wait_until
from free_ports import free_port
from server import needs_uwsgi

from scripts.events import Folder, why_no_object
from scripts.local_cloud import LocalCloud
from scripts.processes import accepts

pytestmark = needs_uwsgi

SAMPLES = ROOT / "app" / "static" / "samples"


@pytest.fixture
def port() -> int:
    """The first of four that are free."""
    while any(map(accepts, range(port := free_port(), port + 4))):
        pass
    return port


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def command(port: int, log: Path, tmp_path: Path, cloud: LocalCloud) -> Iterator[subprocess.Popen[bytes]]:
    """A running command; `cloud` only since it skips where emulators are missing."""
    environment = {**os.environ, "PORT": str(port), "INCOMING": str(tmp_path / "incoming")}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "scripts.events"], cwd=ROOT, env=environment, stdout=output, stderr=output
        )
    yield process
    process.terminate()
    process.wait(60)


def test_an_image_in_the_folder_gives_a_line_with_its_overlay_and_ctrl_c_ends_all(
    command: subprocess.Popen[bytes], port: int, log: Path, tmp_path: Path
) -> None:
    wait_until(lambda: "Ctrl+C" in log.read_text(), 90)
    (tmp_path / "incoming" / "notes.txt").write_text("no image")
    Path(os.fsdecode(bytes(tmp_path / "incoming" / "caf") + b"\xe9.png")).write_bytes(b"Latin-1")
    (tmp_path / "incoming" / "two\nlines.png").write_bytes(b"cell")
    shutil.copy(SAMPLES / "fluorescence.png", tmp_path / "incoming" / "cells.png")

    wait_until(lambda: len(re.findall("^(done|failed) ", log.read_text(), re.MULTILINE)) == 2, 60)

    lines = {line.split()[1]: line for line in log.read_text().splitlines() if " gs://" in line}
    assert re.match(r"failed +gs://images/notes.txt  This is not a picture", lines["gs://images/notes.txt"])
    found = re.fullmatch(
        r"done +gs://images/cells.png  ([0-9]+) segments  (http.*)", lines["gs://images/cells.png"]
    )
    assert found and int(found[1]) > 10
    assert requests.get(found[2], timeout=10).content.startswith(b"\x89PNG")

    assert sorted(re.findall("^left out .*", log.read_text(), re.MULTILINE)) == [
        r"left out   'caf\udce9.png': its name is not UTF-8; rename the file",
        r"left out   'two\nlines.png': its name contains a line break; rename the file",
    ]

    command.send_signal(signal.SIGINT)
    assert command.wait(60) == 0
    assert not any(map(accepts, range(port, port + 4)))


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("cells.png", None),
        ("ü #1?.png", None),
        (os.fsdecode(b"caf\xe9.png"), "its name is not UTF-8"),
        ("two\nlines.png", "its name contains a line break"),
        ("two\rlines.png", "its name contains a line break"),
    ],
)
def test_a_file_whose_name_no_object_can_have_is_left_out(name: str, why: str | None) -> None:
    assert why_no_object(name) == why


def test_a_file_is_taken_once_it_has_stopped_growing_and_again_when_it_changes(tmp_path: Path) -> None:
    cells = tmp_path / "cells.png"
    cells.write_bytes(b"1")
    (tmp_path / ".hidden.png").write_bytes(b"1")
    (tmp_path / "folder").mkdir()
    folder = Folder(tmp_path)

    assert folder.settled() == []
    cells.write_bytes(b"12")
    assert folder.settled() == []
    assert folder.settled() == [cells]
    assert folder.settled() == []

    cells.write_bytes(b"123")
    assert folder.settled() == []
    assert folder.settled() == [cells]

    cells.unlink()
    assert folder.settled() == []
