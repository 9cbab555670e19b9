"""`python -m model measure`: one table of the objects in many pictures."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from tiffs import tiff_of

from model import catalog
from model.__main__ import main
from model.commands import measure
from model.formats.encode import encode_png
from model.segmenter import Segmenter
from model.storage.manifest import Bundle

Noise = Callable[..., npt.NDArray[np.uint8]]


@pytest.fixture(autouse=True)
def tiny(tiny_bundle: Bundle, tiny_segmenter: Segmenter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes `load` quick: it finds the bundle, and its network is there already."""

    def load(name: str, engine: str | None = None, precision: str | None = None) -> Segmenter:
        return Segmenter(catalog.find(name), tiny_segmenter.runner)

    monkeypatch.setattr(measure, "load", load)


@pytest.fixture
def pictures(tmp_path: Path, noise: Noise) -> Path:
    """A folder with a picture in colour, a 16-bit one in a folder of its own, and one that is broken."""
    folder = tmp_path / "pictures"
    (folder / "day 2").mkdir(parents=True)
    (folder / "cells.png").write_bytes(encode_png(noise(64, 48)))
    (folder / "day 2" / "deep.tif").write_bytes(tiff_of(noise(48, 48)[:, :, :1].astype(np.uint16) * 16))
    (folder / "broken.png").write_bytes(b"no picture")
    return folder


def run(*words: str | Path) -> int:
    return main(["measure", "--model", "tiny", *map(str, words)])


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_each_object_is_a_row_that_tells_where_it_comes_from(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "objects.csv"
    status = run(pictures, "--out", out, "--threshold", "0.1", "--max-segments", "3")
    rows = rows_of(out)

    assert status == 1  # one picture cannot be read; the others are in the table
    assert f"{pictures / 'broken.png'}: not a picture" in capsys.readouterr().err
    assert [row["file"] for row in rows] == [str(pictures / "cells.png")] * 3 + [
        str(pictures / "day 2" / "deep.tif")
    ] * 3
    source = {"page": "0", "channel": "", "model": "tiny", "version": "1", "threshold": "0.1"}
    for row in rows:
        assert {name: row[name] for name in source} == source
        assert float(row["perimeter"]) >= 0
    colour, deep = rows[0], rows[-1]
    assert colour["intensity_mean-2"] and not colour["intensity_mean"]
    assert float(deep["intensity_max"]) > 255 and not deep["intensity_mean-2"]


def test_a_pixel_size_makes_columns_in_micrometres(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "objects.csv"
    status = run(
        pictures / "cells.png", "--out", out, "--measure", "shape", "--pixel-size", "0.5", "--channel", "1"
    )
    row = rows_of(out)[0]

    assert status == 0
    assert (row["pixel_width_um"], row["pixel_height_um"], row["channel"]) == ("0.5", "0.5", "1")
    assert float(row["area_um2"]) == float(row["area"]) / 4
    assert "perimeter_um" in row and "perimeter" not in row
    assert not [name for name in row if "intensity" in name]


def test_standard_output_takes_the_table(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(pictures / "cells.png", "--out", "-", "--measure", "shape") == 0
    assert capsys.readouterr().out.startswith("file,page,channel,")


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("pictures", "is a folder: name a file with --out, such as"),
        ("missing/objects.csv", "there is no folder"),
        ("pictures/cells.png", "the table would overwrite the picture"),
    ],
)
def test_a_table_that_cannot_be_written_is_refused_before_any_work(
    pictures: Path, capsys: pytest.CaptureFixture[str], out: str, message: str
) -> None:
    before = (pictures / "cells.png").read_bytes()

    assert run(pictures, "--out", pictures.parent / out) == 1
    assert message in capsys.readouterr().err
    assert (pictures / "cells.png").read_bytes() == before


def test_if_every_picture_fails_there_is_no_table(pictures: Path, tmp_path: Path) -> None:
    assert run(pictures / "broken.png", "--out", tmp_path / "objects.csv") == 1
    assert not (tmp_path / "objects.csv").exists()


def test_a_group_that_does_not_exist_is_answered_with_those_that_do(
    pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run(pictures, "--out", "objects.csv", "--measure", "shape,colour")
    assert "argument --measure: colour cannot be measured; there are: shape, intensity" in (
        capsys.readouterr().err
    )
