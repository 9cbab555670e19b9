"""`python -m model segment`: folders, standard input and output, and disks that are full."""

from __future__ import annotations

import errno
import io
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from model import catalog
from model.__main__ import main
from model.commands import segment
from model.formats.encode import encode_jpeg, encode_png
from model.segmenter import Segmenter
from model.storage.manifest import Bundle

Noise = Callable[..., npt.NDArray[np.uint8]]


@pytest.fixture(autouse=True)
def tiny(tiny_bundle: Bundle, tiny_segmenter: Segmenter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes `load` quick: it finds the bundle, and its network is there already."""

    def load(name: str, engine: str | None = None, precision: str | None = None) -> Segmenter:
        return Segmenter(catalog.find(name), tiny_segmenter.runner)

    monkeypatch.setattr(segment, "load", load)


@pytest.fixture
def pictures(tmp_path: Path, noise: Noise) -> Path:
    """A folder with pictures, one of them in a folder of its own, and other files."""
    folder = tmp_path / "pictures"
    (folder / "day 2").mkdir(parents=True)
    (folder / "cells.png").write_bytes(encode_png(noise(64, 48)))
    (folder / "day 2" / "cells.JPG").write_bytes(encode_jpeg(noise(48, 48, seed=1)))
    (folder / "notes.txt").write_text("no picture")
    (folder / "._cells.png").write_bytes(b"what macOS leaves on foreign disks")
    return folder


@pytest.fixture
def standard_input(monkeypatch: pytest.MonkeyPatch, noise: Noise) -> None:
    """Has a picture on it."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(encode_png(noise(64, 48)))))


def run(*words: str | Path) -> int:
    return main(["segment", "--model", "tiny", *map(str, words)])


def written(folder: Path) -> list[str]:
    """Every file below the folder, hidden ones too."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_folder_stands_for_the_pictures_in_it_and_its_layout_is_kept(
    pictures: Path, tmp_path: Path
) -> None:
    assert run(pictures, "--out", tmp_path / "out") == 0

    assert written(tmp_path / "out") == ["cells.png", "day 2/cells.png"]


def test_answers_of_an_earlier_run_are_not_taken_for_pictures(pictures: Path) -> None:
    assert run(pictures, "--out", pictures / "out") == 0
    assert run(pictures, "--out", pictures / "out") == 0

    assert written(pictures / "out") == ["cells.png", "day 2/cells.png"]


def test_pictures_that_differ_in_their_suffix_alone_have_answers_of_their_own(
    pictures: Path, tmp_path: Path, noise: Noise
) -> None:
    (pictures / "cells.jpg").write_bytes(encode_jpeg(noise(48, 64)))

    assert run(pictures, "--format", "json", "--out", tmp_path / "out") == 0

    assert written(tmp_path / "out") == ["cells.jpg.json", "cells.png.json", "day 2/cells.json"]
    image = json.loads((tmp_path / "out" / "cells.jpg.json").read_text())["image"]
    assert (image["width"], image["height"]) == (48, 64)


@pytest.mark.parametrize("output_format", ["json", "cutouts"])
def test_resuming_segments_what_has_no_answer_or_has_changed_since(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], output_format: str
) -> None:
    out, again = tmp_path / "out", ("--threshold", "0", "--format", output_format, "--out")
    assert run(pictures / "cells.png", *again, out) == 0
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}

    assert run(pictures, *again, out, "--resume") == 0

    assert "1 of 2 pictures have answers." in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert any((out / "day 2").iterdir())

    if output_format == "json":  # cutouts of before are never overwritten
        (pictures / "cells.png").touch()
        assert run(pictures, *again, out, "--resume") == 0
        assert "1 of 2 pictures have answers." in capsys.readouterr().err


def test_a_folder_without_pictures_is_refused_with_what_they_are_called(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes").mkdir()

    assert run(tmp_path / "notes") == 1

    assert f"the folder {tmp_path / 'notes'} has no pictures: expected files in .png, " in (
        capsys.readouterr().err
    )


def test_a_picture_named_by_itself_and_by_its_folder_is_segmented_once(
    pictures: Path, tmp_path: Path
) -> None:
    words = (pictures / "cells.png", pictures, "--format", "cutouts", "--out", tmp_path / "out")

    assert run(*words) == 0  # a second time the folder of cutouts would not be empty


def test_standard_input_is_answered_on_standard_output(
    standard_input: None, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert run("-") == 0

    overlay = Image.open(io.BytesIO(capfdbinary.readouterr().out))
    assert (overlay.format, overlay.size) == ("PNG", (64, 48))


def test_standard_input_can_be_answered_in_a_folder(standard_input: None, tmp_path: Path) -> None:
    assert run("-", "--format", "json", "--out", tmp_path / "out") == 0

    assert written(tmp_path / "out") == ["stdin.json"]


def test_cutouts_on_standard_output_are_a_zip(
    pictures: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert run(pictures / "cells.png", "--format", "cutouts", "--out", "-") == 0

    assert capfdbinary.readouterr().out.startswith(b"PK")


def test_standard_output_takes_one_answer(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(pictures, "--out", "-") == 1

    said = capsys.readouterr().err
    assert (
        "only one answer can be written to standard output, but 2 pictures are named: name a folder" in said
    )


def test_a_picture_is_not_written_to_a_terminal(
    pictures: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)

    assert run(pictures / "cells.png", "--out", "-") == 1

    captured = capsys.readouterr()
    assert captured.out == ""
    assert "overlay is not text, which a terminal could show: redirect the output to a file" in captured.err
    assert run(pictures / "cells.png", "--format", "csv", "--out", "-") == 0


@pytest.mark.parametrize(("kind", "ending"), [("jpeg", ".jpg"), ("webp", ".webp"), ("png", ".png")])
def test_overlays_are_of_the_kind_asked_for(pictures: Path, tmp_path: Path, kind: str, ending: str) -> None:
    assert run(pictures / "cells.png", "--image-format", kind, "--out", tmp_path / "out") == 0

    overlay = Image.open(tmp_path / "out" / f"cells{ending}")
    assert overlay.format is not None and overlay.format.lower() == kind


def test_masks_and_pixel_sizes_are_as_asked_for(pictures: Path, tmp_path: Path) -> None:
    words = (pictures / "cells.png", "--out", tmp_path)

    assert run(*words, "--format", "json", "--mask-format", "polygon") == 0
    assert run(*words, "--format", "csv", "--pixel-size", "0.5") == 0

    segments = json.loads((tmp_path / "cells.json").read_text())["segments"]
    assert isinstance(segments[0]["mask"], list)
    assert "um2" in (tmp_path / "cells.csv").read_text().splitlines()[0]


@pytest.mark.parametrize("size", ["0", "-1", "inf", "nan"])
def test_a_pixel_size_is_above_zero(pictures: Path, size: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run(pictures / "cells.png", f"--pixel-size={size}")

    assert "is not above 0" in capsys.readouterr().err


def test_a_file_without_its_end_is_told_of(
    pictures: Path, tmp_path: Path, noise: Noise, capsys: pytest.CaptureFixture[str]
) -> None:
    cut = pictures / "cut.jpg"
    cut.write_bytes(encode_jpeg(noise(48, 48))[:-2])

    assert run(cut, "--out", tmp_path / "out") == 0

    assert f"{cut}: The picture's file ends too early" in capsys.readouterr().err


@pytest.mark.parametrize("output", ["overlay", "cutouts"])
def test_a_full_disk_stops_the_work_and_leaves_no_half_file(
    pictures: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    output: str,
) -> None:
    out = tmp_path / "out"

    def write_half(path: Path, content: bytes) -> int:
        with path.open("wb") as file:
            file.write(content[: len(content) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", write_half)

    assert run(pictures, "--format", output, "--out", out) == 1

    message = capsys.readouterr().err
    assert f"{out / 'cells'}" in message
    assert "no space is left on the disk; stopped after 0 of 2 pictures" in message
    assert written(out) == []


def test_an_answer_whose_name_is_too_long_is_reported_and_the_rest_go_on(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    long = pictures / f"{'a' * 251}.png"
    long.write_bytes((pictures / "cells.png").read_bytes())

    assert run(pictures, "--format", "json", "--out", tmp_path / "out") == 1

    assert "the name is too long" in capsys.readouterr().err
    assert written(tmp_path / "out") == ["cells.json", "day 2/cells.json"]


def test_ctrl_c_ends_it_with_whole_files_alone(noise: Noise, tmp_path: Path) -> None:
    """With the model that ships, in a process of its own."""
    pictures, out = tmp_path / "many", tmp_path / "out"
    pictures.mkdir()
    for number in range(80):
        (pictures / f"{number:03}.png").write_bytes(encode_png(noise(256, 256, seed=number)))
    command = [sys.executable, "-m", "model", "segment", str(pictures), "--out", str(out)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None and not list(out.glob("*.png")):
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, message = process.communicate(timeout=30)

    assert process.returncode == 130
    assert "Traceback" not in message
    names = written(out)
    assert 1 <= len(names) < 80
    for name in names:
        Image.open(out / name).load()
