"""Data as people sent it, beside the project, with the right answer for each."""

from __future__ import annotations

from pathlib import Path

import pytest

from model.data import DataError, Reading, check_data, check_objects, open_data
from model.data.reading import EXIF_CHOICES

CASES = Path(__file__).parents[4] / "shared/cases/data"
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason=f"{CASES} is not there")


@pytest.mark.parametrize("name", ["coco_exif180", "labelmap_exif180"])
def test_a_photo_turned_by_180_degrees_needs_to_be_told_of(name: str) -> None:
    with pytest.raises(DataError, match=r"0\.jpg is rotated by 180°.*--exif apply .*--exif ignore"):
        check_data(open_data(CASES / name))
    applied, ignored = (open_data(CASES / name, Reading(exif=exif))[0] for exif in EXIF_CHOICES)
    assert applied.boxes.tolist() == ignored.boxes.tolist()
    assert (applied.image[::-1, ::-1] == ignored.image).all()


@pytest.mark.parametrize(
    ("name", "classes", "objects", "said"),
    [
        ("coco_roboflow_same_name", ["balloon"], [1, 1], "the root category that Roboflow adds"),
        ("coco_two_point_polygon", ["a", "b"], [1, 1], "1.png (annotation 3)"),
        ("via1", ["object"], [13, 3], "the class 'object' is assumed"),
        ("labelme", ["car", "person"], [2, 7], ""),
    ],
)
def test_it_is_read_and_what_is_odd_is_said(
    name: str, classes: list[str], objects: list[int], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    data = open_data(CASES / name)
    check_data(data)
    check_objects(data)
    assert data.classes[1:] == classes
    assert [len(data[index]) for index in range(len(data))] == objects
    assert said in capsys.readouterr().err
