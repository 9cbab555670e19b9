"""The CSV table, as a program and as a spreadsheet read it."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from hard_segments import HARD, full_frames, placed

from model.formats.table import COLUMNS, segments_to_csv
from model.results.segments import Segments


def rows_of(segments: Segments, class_names: list[str]) -> list[dict[str, str]]:
    text = segments_to_csv(segments, class_names).decode("utf-8")
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def named(class_name: str) -> str:
    """What a class name reads as in the table."""
    segments = placed((10, 8), (1, 2, np.ones((1, 1), np.uint8)))
    (row,) = rows_of(segments, ["background", class_name])
    return row["class"]


def test_the_table_has_a_header_and_a_row_a_segment(segments: Segments, class_names: list[str]) -> None:
    assert segments_to_csv(segments, class_names).decode().split("\r\n") == [
        "id,class,class_id,score,x,y,width,height,area,centroid_x,centroid_y,equivalent_diameter",
        "1,traffic light,2,0.9876,0,0,4,3,12,2.0,1.5,3.91",
        "2,cell,1,0.5,2,1,8,7,56,6.0,4.5,8.44",
        "",
    ]


def test_where_a_pixel_has_a_size_the_table_has_micrometres_too(
    segments: Segments, class_names: list[str]
) -> None:
    header, first, _, _ = segments_to_csv(segments, class_names, pixel_size=0.5).decode().split("\r\n")
    assert header.endswith("width_um,height_um,area_um2,centroid_x_um,centroid_y_um,equivalent_diameter_um")
    assert first == "1,traffic light,2,0.9876,0,0,4,3,12,2.0,1.5,3.91,2,1.5,3,1,0.75,1.95441"


@pytest.mark.parametrize("segments", HARD.values(), ids=HARD)
def test_the_numbers_are_those_of_the_masks(segments: Segments, class_names: list[str]) -> None:
    rows = rows_of(segments, class_names)

    for index, (row, frame) in enumerate(zip(rows, full_frames(segments), strict=True)):
        assert tuple(row) == COLUMNS
        assert int(row["id"]) == index + 1
        assert int(row["area"]) == frame.sum()
        ys, xs = np.nonzero(frame)
        if len(xs) == 0:
            assert row["centroid_x"] == row["centroid_y"] == "" and float(row["equivalent_diameter"]) == 0
            continue
        assert float(row["centroid_x"]) == pytest.approx(xs.mean() + 0.5, abs=0.0051)
        assert float(row["centroid_y"]) == pytest.approx(ys.mean() + 0.5, abs=0.0051)
        assert np.pi * float(row["equivalent_diameter"]) ** 2 / 4 == pytest.approx(frame.sum(), rel=0.01)


@pytest.mark.parametrize(
    "name", ["nucleus", "a,b", 'a "b"', "a\nb", "a\r\nb", "Zürich", "细胞核", "T-cell", ""]
)
def test_any_harmless_name_comes_back_as_it_is(name: str) -> None:
    assert named(name) == name


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("=1+1", "'=1+1"),
        ("+cell", "'+cell"),
        ("-cell", "'-cell"),
        ("@SUM(A1)", "'@SUM(A1)"),
        (" =1+1", "' =1+1"),  # some drop the space
        ("\t=1+1", "'\t'=1+1"),
        ("＝1+1", "'＝1+1"),  # full width, which some read as =
        ("a;=1+1", "a;'=1+1"),  # cells end at semicolons where commas are decimal
        ('a",=1+1', "a\",'=1+1"),
        ("a\n=1+1", "a\n'=1+1"),
    ],
)
def test_no_name_is_a_formula(name: str, shown: str) -> None:
    assert named(name) == shown
