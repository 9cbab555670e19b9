"""A photo with an EXIF orientation and its masks are turned together or not at all, in every format."""

from __future__ import annotations

import io
import json
from pathlib import Path

import drawn_formats
import numpy as np
import pytest
from drawn_formats import ALL, SIZED, Box, Size, Write, filled, put
from PIL import Image

from model.data import DataError, Reading, Sample, check_data, open_data
from model.pictures import turned, turned_back

OBLONG, SQUARE = (48, 32), (40, 40)
BOX = (20, 4, 40, 14)
"""Of the bright rectangle, in the picture as it is stored; no turn or flip maps it to itself."""
TURNING, KEEPING_SIZE = (5, 6, 7, 8), (2, 3, 4)
BRIGHT = 200


def photo_of(size: Size, orientation: int, box: Box = BOX) -> bytes:
    """A JPEG of a bright rectangle on black."""
    exif = Image.Exif()
    exif[274] = orientation
    buffer = io.BytesIO()
    picture = Image.fromarray(filled(size, box, BRIGHT)).convert("RGB")
    picture.save(buffer, "JPEG", quality=95, exif=exif)
    return buffer.getvalue()


def upright(size: Size, box: Box, orientation: int) -> tuple[Size, Box]:
    """The picture's size and the box when the photo is turned as EXIF asks."""
    pixels = turned(filled(size, box), orientation)
    rows, columns = np.nonzero(pixels)
    x1, x2, y1, y2 = (int(value) for value in (columns.min(), columns.max() + 1, rows.min(), rows.max() + 1))
    return (pixels.shape[1], pixels.shape[0]), (x1, y1, x2, y2)


def write(folder: Path, writer: Write, size: Size, orientation: int, *, annotated_upright: bool) -> None:
    shown = upright(size, BOX, orientation) if annotated_upright else (size, BOX)
    writer(folder, photo_of(size, orientation), *shown)


def assert_masks_lie_on_the_objects(sample: Sample) -> None:
    drawn = np.zeros(sample.image.shape[:2], bool)
    for (x1, y1, x2, y2), mask in zip(sample.boxes, sample.masks, strict=True):
        drawn[y1:y2, x1:x2] |= mask.astype(bool)
    assert np.array_equal(drawn, sample.image[..., 0] > BRIGHT / 2)


@pytest.mark.parametrize("annotated_upright", [True, False])
@pytest.mark.parametrize("orientation", TURNING)
@pytest.mark.parametrize("name", SIZED)
def test_sizes_tell_which_way_up_a_photo_was_annotated(
    tmp_path: Path, name: str, orientation: int, annotated_upright: bool
) -> None:
    write(tmp_path, SIZED[name], OBLONG, orientation, annotated_upright=annotated_upright)
    data = open_data(tmp_path)
    check_data(data)
    sample = data[0]
    assert_masks_lie_on_the_objects(sample)
    assert sample.image.shape[:2] == (OBLONG if annotated_upright else OBLONG[::-1])


@pytest.mark.parametrize("annotated_upright", [True, False])
@pytest.mark.parametrize(
    ("size", "orientation"),
    [*((OBLONG, orientation) for orientation in KEEPING_SIZE), *((SQUARE, o) for o in (2, 3, 6, 8))],
)
@pytest.mark.parametrize("name", ALL)
def test_where_sizes_cannot_tell_the_photo_is_refused_until_exif_is_said(
    tmp_path: Path, name: str, size: Size, orientation: int, annotated_upright: bool
) -> None:
    write(tmp_path, ALL[name], size, orientation, annotated_upright=annotated_upright)
    undecided = open_data(tmp_path)
    sentence = (
        rf"a\.jpg is .*\(EXIF orientation {orientation}\).*--exif apply if it is upright.*--exif ignore"
    )
    with pytest.raises(DataError, match=sentence):
        check_data(undecided)
    with pytest.raises(DataError, match=sentence):
        undecided[0]
    data = open_data(tmp_path, Reading(exif="apply" if annotated_upright else "ignore"))
    check_data(data)
    assert_masks_lie_on_the_objects(data[0])


@pytest.mark.parametrize("annotated_upright", [True, False])
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_photos_of_other_kinds_of_files_are_turned_too(
    tmp_path: Path, kind: str, annotated_upright: bool
) -> None:
    exif = Image.Exif()
    exif[274] = 8
    buffer = io.BytesIO()
    Image.fromarray(filled(OBLONG, BOX, BRIGHT)).convert("RGB").save(buffer, kind, exif=exif)
    put(tmp_path / f"images/a.{kind.lower()}", buffer.getvalue())
    size, box = upright(OBLONG, BOX, 8) if annotated_upright else (OBLONG, BOX)
    put(tmp_path / "labels/a.png", filled(size, box))
    assert_masks_lie_on_the_objects(open_data(tmp_path)[0])


@pytest.mark.parametrize("exif", [None, "apply", "ignore"])
@pytest.mark.parametrize("name", ALL)
def test_a_photo_that_is_upright_asks_nothing(
    tmp_path: Path, name: str, exif: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, ALL[name], SQUARE, 1, annotated_upright=True)
    data = open_data(tmp_path, Reading(exif=exif))  # type: ignore[arg-type]
    check_data(data)
    assert_masks_lie_on_the_objects(data[0])
    assert "EXIF" not in capsys.readouterr().err


@pytest.mark.parametrize("exif", ["apply", "ignore"])
def test_what_the_size_tells_counts_more_than_what_is_said(tmp_path: Path, exif: str) -> None:
    write(tmp_path, drawn_formats.coco, OBLONG, 6, annotated_upright=True)
    assert_masks_lie_on_the_objects(open_data(tmp_path, Reading(exif=exif))[0])  # type: ignore[arg-type]


@pytest.mark.parametrize("annotated_upright", [True, False])
def test_the_other_photos_of_the_data_tell_where_one_cannot(
    tmp_path: Path, annotated_upright: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, orientation in (("half", 3), ("quarter", 6)):
        size, box = upright(OBLONG, BOX, orientation) if annotated_upright else (OBLONG, BOX)
        put(tmp_path / f"images/{name}.jpg", photo_of(OBLONG, orientation))
        put(tmp_path / f"labels/{name}.png", filled(size, box))
    data = open_data(tmp_path)
    check_data(data)
    for index in range(2):
        assert_masks_lie_on_the_objects(data[index])
    done = "applied" if annotated_upright else "ignored"
    assert (
        f"EXIF orientation is {done} (as for the other photos, whose sizes decide): images/half.jpg"
        in capsys.readouterr().err
    )


@pytest.mark.parametrize("name", ALL)
def test_a_photo_without_any_object_is_right_either_way_up(tmp_path: Path, name: str) -> None:
    writer = ALL[name]
    writer(tmp_path, photo_of(SQUARE, 1), SQUARE, BOX)
    empty = photo_of(SQUARE, 3, (0, 0, 0, 0))
    if name in ("label maps", "class maps"):
        put(tmp_path / "images/b.jpg", empty)
        put(tmp_path / ("labels" if name == "label maps" else "masks") / "b.png", np.zeros(SQUARE, np.uint8))
    elif name == "mask files":
        put(tmp_path / "b/images/b.jpg", empty)
        (tmp_path / "b/masks").mkdir()
    elif name == "COCO":
        put(tmp_path / "b.jpg", empty)
        coco = json.loads((tmp_path / "annotations.json").read_text())
        coco["images"].append({**coco["images"][0], "id": 2, "file_name": "b.jpg"})
        put(tmp_path / "annotations.json", coco)
    elif name == "LabelMe":
        put(tmp_path / "b.jpg", empty)
        labelled = json.loads((tmp_path / "a.json").read_text())
        put(tmp_path / "b.json", {**labelled, "shapes": [], "imagePath": "b.jpg"})
    data = open_data(tmp_path)
    check_data(data)
    for index in range(len(data)):
        assert_masks_lie_on_the_objects(data[index])


def test_photos_that_tell_different_things_tell_nothing_of_another(tmp_path: Path) -> None:
    for name, orientation, is_upright in (("half", 3, True), ("one", 6, True), ("two", 6, False)):
        size, box = upright(OBLONG, BOX, orientation) if is_upright else (OBLONG, BOX)
        put(tmp_path / f"images/{name}.jpg", photo_of(OBLONG, orientation))
        put(tmp_path / f"labels/{name}.png", filled(size, box))
    with pytest.raises(DataError, match=r"half\.jpg"):
        check_data(open_data(tmp_path))


@pytest.mark.parametrize("annotated_upright", [True, False])
def test_a_region_of_via_that_is_inside_one_way_up_only_tells(
    tmp_path: Path, annotated_upright: bool
) -> None:
    """VIA tells no size, but what lies far to the right lies beyond the edge of the picture made high."""
    box = (36, 4, 46, 14)
    shown = upright(OBLONG, box, 6) if annotated_upright else (OBLONG, box)
    drawn_formats.via(tmp_path, photo_of(OBLONG, 6, box), *shown)
    assert_masks_lie_on_the_objects(open_data(tmp_path)[0])


def test_a_label_map_with_an_orientation_of_its_own_is_turned_as_its_photo_is(tmp_path: Path) -> None:
    put(tmp_path / "images/a.jpg", photo_of(SQUARE, 3))
    exif = Image.Exif()
    exif[274] = 3
    (tmp_path / "labels").mkdir()
    Image.fromarray(filled(SQUARE, BOX)).save(tmp_path / "labels/a.png", exif=exif)
    data = open_data(tmp_path)
    check_data(data)
    assert_masks_lie_on_the_objects(data[0])


def test_a_scaled_class_map_tells_by_its_shape(tmp_path: Path) -> None:
    for name, orientation, is_upright in (("one", 6, True), ("two", 6, False)):
        size, box = upright(OBLONG, BOX, orientation) if is_upright else (OBLONG, BOX)
        put(tmp_path / f"images/{name}.jpg", photo_of(OBLONG, orientation))
        put(tmp_path / f"masks/{name}.png", filled(size, box)[::2, ::2])
    put(tmp_path / "classes.txt", "thing")
    data = open_data(tmp_path)
    for index in range(2):
        assert_masks_lie_on_the_objects(data[index])


def test_a_class_map_that_is_turned_against_its_picture_is_refused(tmp_path: Path) -> None:
    drawn_formats.class_maps(tmp_path, photo_of(OBLONG, 1), OBLONG[::-1], (0, 0, 4, 4))
    with pytest.raises(DataError, match=r"masks/a\.png is 32 x 48 .* one of them seems to be rotated by 90"):
        check_data(open_data(tmp_path))


@pytest.mark.parametrize("name", ["label maps", "mask files", "COCO", "LabelMe"])
def test_labels_that_fit_neither_way_up_are_refused(tmp_path: Path, name: str) -> None:
    SIZED[name](tmp_path, photo_of(OBLONG, 6), (50, 60), BOX)
    with pytest.raises(DataError, match=r"1 picture does not fit its labels: .*50 x 60"):
        check_data(open_data(tmp_path))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turning_back_undoes_every_turn(orientation: int) -> None:
    pixels = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    assert np.array_equal(turned_back(turned(pixels, orientation), orientation), pixels)
