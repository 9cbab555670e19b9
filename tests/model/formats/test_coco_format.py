"""COCO data sets of one image, as pycocotools reads them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hard_segments import HARD, full_frames
from pycocotools.coco import COCO

from model.formats.coco import segments_to_coco
from model.formats.json import MaskFormat
from model.results.segments import Segments

# pycocotools decodes in a way that NumPy 2 will give up one day.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def opened(data: dict, folder: Path) -> COCO:
    path = folder / "coco.json"
    path.write_text(json.dumps(data))
    return COCO(path)


def test_the_data_set_has_coco_s_members(segments: Segments, class_names: list[str]) -> None:
    data = segments_to_coco(segments, class_names)

    assert list(data) == ["info", "licenses", "images", "annotations", "categories"]
    assert data["images"] == [{"id": 1, "file_name": "image", "width": 10, "height": 8}]
    assert data["categories"] == [{"id": 1, "name": "cell"}, {"id": 2, "name": "traffic light"}]
    first, second = data["annotations"]
    assert first.pop("segmentation")["size"] == [8, 10]  # height, width
    assert first == {
        "id": 1,
        "image_id": 1,
        "category_id": 2,
        "bbox": [0, 0, 4, 3],
        "area": 12,
        "iscrowd": 0,
        "score": 0.9876,
    }
    assert second["bbox"] == [2, 1, 8, 7]


@pytest.mark.parametrize("mask_format", ["rle", "polygon", "png"])
@pytest.mark.parametrize("segments", HARD.values(), ids=HARD)
def test_pycocotools_reads_the_very_masks(
    segments: Segments, class_names: list[str], mask_format: MaskFormat, tmp_path: Path
) -> None:
    coco = opened(segments_to_coco(segments, class_names, mask_format=mask_format), tmp_path)

    annotations = coco.loadAnns(coco.getAnnIds(imgIds=[1]))
    for annotation, frame in zip(annotations, full_frames(segments), strict=True):
        assert (coco.annToMask(annotation) == frame).all()
        assert annotation["area"] == frame.sum()


@pytest.mark.parametrize("mask_format", ["rle", "polygon", "none"])
def test_the_annotations_are_results_too(
    segments: Segments, class_names: list[str], mask_format: MaskFormat, tmp_path: Path
) -> None:
    data = segments_to_coco(segments, class_names, mask_format=mask_format)

    results = opened(data, tmp_path).loadRes(data["annotations"])

    assert [annotation["score"] for annotation in results.loadAnns([1, 2])] == [0.9876, 0.5]
    assert results.getAnnIds(catIds=[2]) == [1]


@pytest.mark.parametrize(
    ("segments", "kind"),
    [
        (HARD["top"], list),
        (HARD["two parts"], list),
        (HARD["two halves"], list),  # what they enclose is no hole
        (HARD["hole"], dict),  # COCO's tools unite polygons, which would fill it
        (HARD["island in a hole"], dict),
        (HARD["empty mask"], dict),  # no polygon is in a list that pycocotools can read
    ],
)
def test_masks_are_polygons_where_polygons_can_say_them(
    segments: Segments, kind: type, class_names: list[str]
) -> None:
    (annotation,) = segments_to_coco(segments, class_names, mask_format="polygon")["annotations"]

    assert type(annotation["segmentation"]) is kind


def test_masks_can_be_left_out(segments: Segments, class_names: list[str]) -> None:
    data = segments_to_coco(segments, class_names, mask_format="none")

    assert all("segmentation" not in annotation for annotation in data["annotations"])
