"""COCO folders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from model.data import CocoFolder, DataError

HEIGHT, WIDTH = 12, 16


def full_mask() -> np.ndarray:
    """An object that covers x 3…7 and y 2…5, less one corner."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[2:6, 3:8] = 1
    mask[2, 3] = 0
    return mask


def uncompressed_rle(mask: np.ndarray) -> dict[str, Any]:
    pixels = mask.ravel(order="F")
    edges = np.flatnonzero(np.diff(pixels)) + 1
    counts = np.diff([0, *edges, pixels.size])
    return {"size": list(mask.shape), "counts": counts.tolist()}


def compressed_rle(mask: np.ndarray) -> dict[str, Any]:
    rle = coco_mask.encode(np.asfortranarray(mask))
    return {"size": list(mask.shape), "counts": rle["counts"].decode()}


def coco_json(*annotations: dict[str, Any]) -> dict[str, Any]:
    """One image and two categories, 7 and 90, listed out of order."""
    defaults = {"image_id": 5, "category_id": 7, "iscrowd": 0}
    return {
        "images": [{"id": 5, "file_name": "a.png", "height": HEIGHT, "width": WIDTH}],
        "annotations": [{"id": i} | defaults | annotation for i, annotation in enumerate(annotations)],
        "categories": [{"id": 90, "name": "dog"}, {"id": 7, "name": "cat"}],
    }


def changed(section: str, **fields: Any) -> dict[str, Any]:
    """A sound JSON but for the first entry of a section, with fields of other values or, for `...`, none."""
    coco = coco_json({"segmentation": [[1, 1, 4, 1, 4, 4]]})
    entry = coco[section][0] | fields
    coco[section][0] = {name: value for name, value in entry.items() if value is not ...}
    return coco


def segmented(segmentation: Any) -> dict[str, Any]:
    return coco_json({"segmentation": segmentation})


def write(folder: Path, coco: Any, name: str = "instances_val2017.json", images: str = "val2017") -> Path:
    """Writes COCO's own layout: annotations/instances_val2017.json and val2017/a.png."""
    (folder / "annotations").mkdir(exist_ok=True)
    (folder / images).mkdir(exist_ok=True, parents=True)
    Image.new("RGB", (WIDTH, HEIGHT), "red").save(folder / images / "a.png")
    json_path = folder / "annotations" / name
    json_path.write_text(json.dumps(coco))
    return json_path


@pytest.mark.parametrize("encode", [uncompressed_rle, compressed_rle])
def test_run_lengths_become_a_box_local_mask(tmp_path: Path, encode: Any) -> None:
    write(tmp_path, coco_json({"segmentation": encode(full_mask())}))
    sample = CocoFolder(tmp_path)[0]
    assert sample.boxes.tolist() == [[3, 2, 8, 6]]
    assert np.array_equal(sample.masks[0], full_mask()[2:6, 3:8])
    assert sample.image[0, 0].tolist() == [255, 0, 0]


def test_the_polygons_of_an_annotation_are_one_object(tmp_path: Path) -> None:
    squares = [[1, 1, 4, 1, 4, 4, 1, 4], [10, 6, 14, 6, 14, 9, 10, 9]]
    write(tmp_path, coco_json({"segmentation": squares}))
    sample = CocoFolder(tmp_path)[0]
    assert sample.boxes.tolist() == [[1, 1, 14, 9]]
    assert sample.masks[0].sum() == 3 * 3 + 4 * 3


def test_an_object_over_the_whole_image_and_one_of_a_single_pixel(tmp_path: Path) -> None:
    whole, pixel = np.ones((HEIGHT, WIDTH), np.uint8), np.zeros((HEIGHT, WIDTH), np.uint8)
    pixel[HEIGHT - 1, WIDTH - 1] = 1
    write(tmp_path, coco_json(*({"segmentation": compressed_rle(mask)} for mask in (whole, pixel))))
    assert CocoFolder(tmp_path)[0].boxes.tolist() == [[0, 0, WIDTH, HEIGHT], [15, 11, 16, 12]]


def test_category_ids_become_class_ids_in_their_order(tmp_path: Path) -> None:
    rle = compressed_rle(full_mask())
    write(tmp_path, coco_json({"segmentation": rle, "category_id": 90}, {"segmentation": rle}))
    data = CocoFolder(tmp_path)
    assert data.classes == ["background", "cat", "dog"]
    assert data[0].class_ids.tolist() == [2, 1]


def test_crowds_are_kept_apart_from_objects(tmp_path: Path) -> None:
    crowd = {"segmentation": uncompressed_rle(full_mask()), "iscrowd": 1, "category_id": 90}
    write(tmp_path, coco_json(crowd))
    sample = CocoFolder(tmp_path)[0]
    assert len(sample) == 0
    assert sample.boxes.shape == (0, 4)
    assert sample.crowd_boxes.tolist() == [[3, 2, 8, 6]]
    assert sample.crowd_class_ids.tolist() == [2]
    assert sample.crowd_masks[0].shape == (4, 5)


@pytest.mark.parametrize(
    "segmentation",
    [
        compressed_rle(np.zeros((HEIGHT, WIDTH), np.uint8)),
        [[2, 2, 2, 2, 2, 2]],  # three times the same point
        [[2, 2, 5, 5]],  # two points, which pycocotools would take for a box
    ],
)
def test_annotations_that_cover_no_pixel_are_dropped(tmp_path: Path, segmentation: Any) -> None:
    write(tmp_path, coco_json({"segmentation": segmentation}))
    assert len(CocoFolder(tmp_path)[0]) == 0


def test_ids_and_kinds(tmp_path: Path) -> None:
    write(tmp_path, coco_json())
    data = CocoFolder(tmp_path)
    assert (len(data), data.ids, data.kinds) == (1, ["5"], [None])


@pytest.mark.parametrize("images", ["val2017", "images/val2017", "images", "."])
def test_images_are_found_in_the_customary_folders(tmp_path: Path, images: str) -> None:
    write(tmp_path, coco_json(), images=images)
    assert CocoFolder(tmp_path)[0].image.shape == (HEIGHT, WIDTH, 3)


def test_of_several_jsons_one_must_be_named(tmp_path: Path) -> None:
    write(tmp_path, coco_json(), "instances_train2017.json", images="train2017")
    val_json = write(tmp_path, coco_json())
    with pytest.raises(
        DataError, match=r"name one of annotations/instances_train2017\.json, annotations/ins"
    ):
        CocoFolder(tmp_path)
    assert CocoFolder(val_json).image_folder == tmp_path / "val2017"


def test_reading_prints_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, coco_json({"segmentation": compressed_rle(full_mask())}))
    CocoFolder(tmp_path)[0]
    assert capsys.readouterr().out == ""


def test_a_folder_without_json_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no COCO JSON"):
        CocoFolder(tmp_path)


@pytest.mark.parametrize(
    ("coco", "complaint"),
    [
        ([], "has no images, annotations, categories"),
        ({"images": [], "annotations": []}, "has no categories"),
        ({"images": [], "annotations": [], "categories": []}, "lists no images"),
        (coco_json({"bbox": [1, 1, 3, 3]}), "1 of 1 annotations have no mask, .*: 0. Boxes"),
        (coco_json({"segmentation": []}), "1 of 1 annotations have no mask, .*: 0. Boxes"),
        (
            coco_json({"segmentation": [[0] * 6], "image_id": 6}),
            r"1 of 1 annotations belong to images that are not listed: 0 \(image 6\)",
        ),
        (coco_json({"segmentation": [[0] * 6], "category_id": 8}), "annotation 0 has category 8"),
        (
            changed("images", id=...),
            "image number 1 in the list has no 'id': expected a whole number or a string",
        ),
        (changed("images", height=...), r"image number 1 in the list \(id 5\) has no 'height'"),
        (changed("images", height="12"), "has the 'height' '12': expected a whole number"),
        (changed("images", width=0), "image 5 is 0 x 12 pixels"),
        (changed("images", file_name=...), "has no 'file_name'"),
        (changed("annotations", id=...), "annotation number 1 in the list has no 'id'"),
        (changed("annotations", image_id=...), r"\(id 0\) has no 'image_id'"),
        (changed("annotations", category_id=...), r"\(id 0\) has no 'category_id'"),
        (changed("categories", name=None), r"category number 1 in the list \(id 90\) has the 'name' None"),
        (changed("categories", id=7), "ids of categories occur more than once"),
        ({**coco_json(), "images": {"5": {}}}, "'images' must be a list, not a dict"),
        ({**coco_json(), "annotations": [[]]}, "annotation number 1 in the list must be an object"),
        (segmented("outline"), "annotation 0 has a mask that is neither polygons nor run lengths"),
        (segmented({"size": [12, 16]}), "annotation 0 has a mask that is neither"),
        (segmented({"size": [12, 16], "counts": None}), "annotation 0 has a mask that is neither"),
        (segmented([1, 1, 4, 1, 4, 4]), "annotation 0 has an invalid polygon"),
        (segmented([[1, 1, 4, "1", 4, 4]]), "annotation 0 has an invalid polygon"),
        (segmented([[1, 1, 4, 1, 4, 4, 5]]), "annotation 0 has an invalid polygon"),
        (segmented([[1, 1, 4, float("nan"), 4, 4]]), "annotation 0 has an invalid polygon"),
        (segmented([[1, 1, 4, 1e9, 4, 4]]), "annotation 0 has an invalid polygon"),
        (segmented({"size": [12, 16], "counts": [3, -2, 191]}), "annotation 0 has invalid run lengths"),
        (
            segmented({"size": [12, 16], "counts": [3, 2.5, 186]}),
            "annotation 0 has invalid run lengths",
        ),
        (
            segmented({"size": [12, 16], "counts": [10, 5]}),
            "run lengths that add up to 15 pixels, but its image has 192",
        ),
        (segmented({"size": [12, 16], "counts": []}), "run lengths that add up to 0 pixels"),
        ({**coco_json(), "categories": []}, "have no class"),
        (changed("categories", name=" "), "have an empty class name"),
        (changed("categories", name="cat"), "have cat more than once"),
    ],
)
def test_a_json_that_is_not_as_it_must_be_is_refused_when_opened(
    tmp_path: Path, coco: Any, complaint: str
) -> None:
    write(tmp_path, coco)
    with pytest.raises(DataError, match=complaint):
        CocoFolder(tmp_path)


def test_text_that_is_no_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "instances.json").write_text("{")
    with pytest.raises(DataError, match="cannot be read as JSON"):
        CocoFolder(tmp_path)


@pytest.mark.parametrize(
    "counts",
    [
        compressed_rle(full_mask())["counts"][:-2],  # cut off
        compressed_rle(np.ones((HEIGHT, WIDTH + 1), np.uint8))["counts"],  # of a larger image
        "é~",
        "P",
    ],
)
def test_damaged_run_lengths_are_named_instead_of_decoded_to_anything(tmp_path: Path, counts: str) -> None:
    write(tmp_path, segmented({"size": [HEIGHT, WIDTH], "counts": counts}))
    with pytest.raises(
        DataError, match=r"instances_val2017\.json: annotation 0 has invalid run lengths: they do"
    ):
        CocoFolder(tmp_path)[0]


@pytest.mark.parametrize("seed", range(5))
def test_compressed_run_lengths_of_any_mask_are_sound(tmp_path: Path, seed: int) -> None:
    mask = (np.random.default_rng(seed).random((HEIGHT, WIDTH)) < 0.1 + 0.2 * seed).astype(np.uint8)
    mask[0, 0] = mask[-1, -1] = 1
    write(tmp_path, segmented(compressed_rle(mask)))
    assert np.array_equal(CocoFolder(tmp_path)[0].masks[0], mask)


def test_a_mask_of_another_size_than_its_image_is_refused(tmp_path: Path) -> None:
    write(tmp_path, coco_json({"segmentation": compressed_rle(np.ones((3, 4), np.uint8))}))
    with pytest.raises(DataError, match=r"annotation 0 has a mask of height and width \[3, 4\]"):
        CocoFolder(tmp_path)


def test_an_image_of_another_size_than_the_json_says_is_refused(tmp_path: Path) -> None:
    write(tmp_path, coco_json())
    Image.new("RGB", (8, 9)).save(tmp_path / "val2017/a.png")
    with pytest.raises(DataError, match=r"val2017/a\.png is 8 x 9 pixels, but .* says 16 x 12"):
        CocoFolder(tmp_path)[0]


def test_an_image_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    write(tmp_path, coco_json())
    (tmp_path / "val2017/a.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"val2017/a\.png cannot be read"):
        CocoFolder(tmp_path)[0]


def test_missing_images_are_counted_when_opened(tmp_path: Path) -> None:
    coco = coco_json()
    coco["images"].append({"id": 6, "file_name": "b.png", "height": 1, "width": 1})
    write(tmp_path, coco)
    with pytest.raises(DataError, match=r"lacks 1 of 2 images of .*: b\.png"):
        CocoFolder(tmp_path)


def test_a_json_without_its_images_says_where_it_looked(tmp_path: Path) -> None:
    write(tmp_path, coco_json())
    (tmp_path / "val2017/a.png").unlink()
    with pytest.raises(DataError, match=r"lists a\.png, which is in none of .*val2017, .*images"):
        CocoFolder(tmp_path)
