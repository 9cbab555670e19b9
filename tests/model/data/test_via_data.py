"""Data of VGG Image Annotator, as it and the tutorials of Matterport's library write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_formats import put
from PIL import Image

from model.data import DataError, Reading, Sample, ViaFolder, check_data, check_objects, open_data

SIZE = (40, 30)
SQUARE = {"name": "polygon", "all_points_x": [2, 12, 12, 2], "all_points_y": [3, 3, 13, 13]}
RECT = {"name": "rect", "x": 20, "y": 5, "width": 10, "height": 6}
CIRCLE = {"name": "circle", "cx": 20, "cy": 15, "r": 8}
ELLIPSE = {"name": "ellipse", "cx": 20, "cy": 15, "rx": 12, "ry": 4, "theta": 0}
POINT = {"name": "point", "cx": 4, "cy": 4}
POLYLINE = {"name": "polyline", "all_points_x": [1, 9, 9], "all_points_y": [1, 1, 9]}


def region(figure: dict[str, Any], **attributes: Any) -> dict[str, Any]:
    return {"shape_attributes": figure, "region_attributes": attributes}


def entry(regions: Any, name: str = "a.jpg") -> dict[str, Any]:
    return {f"{name}-1": {"filename": name, "size": -1, "regions": regions, "file_attributes": {}}}


def write(folder: Path, document: Any, *pictures: str, name: str = "via_region_data.json") -> Path:
    for picture in pictures or ("a.jpg",):
        path = folder / picture
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", SIZE).save(path)
    put(folder / name, document)
    return folder


def first(folder: Path, **choice: Any) -> Sample:
    return open_data(folder, Reading(**choice))[0]


@pytest.mark.parametrize(
    "document",
    [
        entry({"0": region(SQUARE), "1": region(RECT)}),  # VIA 1
        entry([region(SQUARE), region(RECT)]),  # VIA 2
        {  # a project
            "_via_settings": {"core": {"default_filepath": ""}},
            "_via_img_metadata": entry([region(SQUARE), region(RECT)]),
            "_via_attributes": {"region": {}, "file": {}},
            "_via_data_format_version": "2.0.10",
        },
    ],
    ids=["1", "2", "project"],
)
def test_every_version_is_read(tmp_path: Path, document: Any) -> None:
    data = open_data(write(tmp_path, document))
    assert isinstance(data, ViaFolder)
    sample = data[0]
    assert sample.boxes.tolist() == [[2, 3, 12, 13], [20, 5, 30, 11]]
    assert [int(mask.sum()) for mask in sample.masks] == [100, 60]


@pytest.mark.parametrize(
    ("figure", "box", "area"),
    [
        (SQUARE, [2, 3, 12, 13], 100),
        (RECT, [20, 5, 30, 11], 60),
        ({**RECT, "x": 20.5, "width": 9.0}, None, 54),
        (CIRCLE, [12, 7, 28, 23], np.pi * 64),
        (ELLIPSE, [8, 11, 32, 19], np.pi * 48),
        ({**ELLIPSE, "theta": np.pi / 2}, [16, 3, 24, 27], np.pi * 48),
        ({k: v for k, v in ELLIPSE.items() if k != "theta"}, [8, 11, 32, 19], np.pi * 48),
    ],
)
def test_every_figure_with_an_area_is_an_object(
    tmp_path: Path, figure: dict[str, Any], box: list[int] | None, area: float
) -> None:
    sample = first(write(tmp_path, entry([region(figure)])))
    assert box is None or sample.boxes.tolist() == [box]
    assert sample.masks[0].sum() == pytest.approx(area, rel=0.08)


def test_figures_without_an_area_are_left_out_and_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    regions = [region(POINT), region(SQUARE), region(POLYLINE), region(POLYLINE)]
    data = open_data(write(tmp_path, entry(regions)))
    check_data(data)
    said = capsys.readouterr().err
    assert len(data[0]) == 1
    assert "left out: 1 point (it has no area): a.jpg (region 1)" in said
    assert "left out: 2 polylines (they have no area): a.jpg (region 3, region 4)" in said


@pytest.mark.parametrize("attribute", ["name", "type", "balloon or not"])
def test_the_values_of_the_only_attribute_are_the_classes(tmp_path: Path, attribute: str) -> None:
    regions = [region(SQUARE, **{attribute: "dog"}), region(RECT, **{attribute: "cat "})]
    data = open_data(write(tmp_path, entry(regions)))
    assert data.classes == ["background", "cat", "dog"]
    assert data[0].class_ids.tolist() == [2, 1]


def test_checkboxes_name_the_one_that_is_ticked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    regions = [
        region(SQUARE, animal={"dog": True}),
        region(RECT, animal={"cat": True, "dog": False}),
        region(CIRCLE, animal={"cat": True, "dog": True}),
    ]
    data = open_data(write(tmp_path, entry(regions)))
    check_data(data)
    assert data[0].class_ids.tolist() == [2, 1]
    assert (
        "left out: 1 region without a single value of 'animal': a.jpg (region 3)" in capsys.readouterr().err
    )


def test_attributes_that_are_empty_do_not_count(tmp_path: Path) -> None:
    regions = [region(SQUARE, kind="cell", note=""), region(RECT, kind="cell", note=" ")]
    assert open_data(write(tmp_path, entry(regions))).classes == ["background", "cell"]


def test_of_several_attributes_one_must_be_chosen(tmp_path: Path) -> None:
    regions = [region(SQUARE, kind="dog", quality="good"), region(RECT, kind="cat", quality="bad")]
    write(tmp_path, entry(regions))
    with pytest.raises(
        DataError,
        match=r"several .* kind \(dog, cat\) and quality \(good, bad\): .*--class-attribute kind",
    ):
        open_data(tmp_path)
    assert open_data(tmp_path, Reading(class_attribute="quality")).classes == ["background", "bad", "good"]
    with pytest.raises(
        DataError, match=r"no region attribute 'kinds' with a value: it has kind \(dog, cat\)"
    ):
        open_data(tmp_path, Reading(class_attribute="kinds"))


def test_without_any_attribute_one_class_is_assumed_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, entry([region(SQUARE)]))
    data = open_data(tmp_path)
    check_data(data)
    assert (data.has_names, data.classes) == (False, ["background", "object"])
    assert "the class 'object' is assumed; to change it, add a classes.txt" in capsys.readouterr().err
    put(tmp_path / "classes.txt", "balloon\n")
    named = open_data(tmp_path)
    check_data(named)
    assert (named.has_names, named.classes) == (True, ["background", "balloon"])
    assert capsys.readouterr().err == ""
    several = Reading(classes=["background", "balloon", "dog"])
    assert open_data(tmp_path, several).classes == ["background", "balloon", "dog"]
    (tmp_path / "classes.txt").unlink()
    with pytest.raises(
        DataError, match=r"have no class, but there are 2 classes, balloon, dog: .* classes\.txt"
    ):
        open_data(tmp_path, several)


def test_a_file_gives_the_classes_their_order_and_those_that_do_not_occur(tmp_path: Path) -> None:
    write(tmp_path, entry([region(SQUARE, kind="dog"), region(RECT, kind="cat")]))
    put(tmp_path / "classes.txt", "dog\nhorse\ncat\n")
    data = open_data(tmp_path)
    assert data.classes == ["background", "dog", "horse", "cat"]
    assert data[0].class_ids.tolist() == [1, 3]
    put(tmp_path / "classes.txt", "dog\n")
    with pytest.raises(
        DataError, match=r"have the classes cat, but .*classes\.txt or labels\.txt has only dog"
    ):
        open_data(tmp_path)


def test_validation_data_with_fewer_classes_are_numbered_as_the_training_data(tmp_path: Path) -> None:
    write(tmp_path, entry([region(RECT, kind="dog")]))
    data = open_data(tmp_path, Reading(classes=["background", "cat", "dog"]))
    assert data.classes == ["background", "cat", "dog"]
    assert data[0].class_ids.tolist() == [2]


def test_pictures_without_a_region_are_passed_over_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = open_data(write(tmp_path, {**entry([region(SQUARE)]), **entry({}, "b.jpg")}, "a.jpg", "b.jpg"))
    check_data(data)
    assert data.ids == ["a.jpg"]
    assert "1 picture has no region and is ignored, as not annotated yet: b.jpg" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("where", "name", "folder"),
    [
        ("images/a.jpg", "a.jpg", ""),
        ("a.jpg", "C:\\pictures\\a.jpg", ""),
        ("photos/a.jpg", "a.jpg", "./photos/"),
        ("photos/a.jpg", "photos/a.jpg", ""),
    ],
)
def test_pictures_are_found_where_they_lie(tmp_path: Path, where: str, name: str, folder: str) -> None:
    project = {
        "_via_settings": {"core": {"default_filepath": folder}},
        "_via_img_metadata": entry([region(SQUARE)], name),
    }
    assert len(first(write(tmp_path, project, where))) == 1


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (
            entry([region(SQUARE)], "b.jpg"),
            r"lacks 1 of 1 pictures of via_region_data\.json, b\.jpg",
        ),
        (entry([region(SQUARE)], "https://x.org/b.jpg"), "download the pictures"),
        (entry([]), "no region in any of its 1 pictures"),
        (entry([region({**SQUARE, "all_points_x": [1, 2]})]), r"region 1 of a\.jpg is not a valid polygon"),
        (
            entry([region({"name": "rect", "x": 1, "y": 2})]),
            r"region 1 of a\.jpg is not a valid rect: .*'width'",
        ),
        (entry([region({**CIRCLE, "r": "8"})]), r"region 1 of a\.jpg is not a valid circle"),
        (entry([region({**CIRCLE, "r": float("nan")})]), r"region 1 of a\.jpg is not a valid circle"),
        (entry([region({**CIRCLE, "r": float("inf")})]), r"region 1 of a\.jpg is not a valid circle"),
        (entry([region({**RECT, "x": 10**9})]), "coordinates that cannot be pixels"),
        (entry([{"region_attributes": {}}]), "region 1 of a.jpg has no 'shape_attributes'"),
        ({**entry([region(SQUARE)]), "b": {"regions": []}}, "the entry 'b' has no 'filename'"),
    ],
)
def test_what_is_not_as_via_writes_it_is_refused_by_name(tmp_path: Path, document: Any, told: str) -> None:
    write(tmp_path, document)
    with pytest.raises(DataError, match=told):
        open_data(tmp_path)


def test_of_an_export_and_its_project_one_must_be_named(tmp_path: Path) -> None:
    write(tmp_path, entry([region(SQUARE)]))
    write(tmp_path, {"_via_img_metadata": entry([region(RECT)])}, name="via_project.json")
    with pytest.raises(DataError, match=r"has 2 VIA JSONs: name one of via_project\.json, via_region_data"):
        open_data(tmp_path)
    assert open_data(tmp_path / "via_project.json")[0].boxes.tolist() == [[20, 5, 30, 11]]


def test_outlines_beyond_the_edge_are_cut_off_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = open_data(write(tmp_path, entry([region({**RECT, "x": 35, "width": 20})])))
    check_data(data)
    assert data[0].boxes.tolist() == [[35, 5, 40, 11]]
    assert "1 picture has outlines that exceed it" in capsys.readouterr().err


def test_a_class_attribute_is_for_via_alone(tmp_path: Path) -> None:
    put(tmp_path / "images/a.png", np.zeros((4, 4), np.uint8))
    put(tmp_path / "labels/a.png", np.zeros((4, 4), np.uint8))
    with pytest.raises(
        DataError, match="label maps, which has no region attributes: leave out --class-attribute"
    ):
        open_data(tmp_path, Reading(class_attribute="kind"))


def test_a_model_of_objects_learns_from_it(tmp_path: Path) -> None:
    check_objects(open_data(write(tmp_path, entry([region(SQUARE)]))))
