"""Commands that read labelled data say what is odd about it, in the words of the command line."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.__main__ import main
from model.commands import evaluate
from model.segmenter import Segmenter
from model.storage.manifest import Bundle


@pytest.fixture
def turned(tmp_path: Path) -> Path:
    """COCO data of one photo that is stored upside down, and of one class with two objects."""
    folder = tmp_path / "data"
    folder.mkdir()
    exif = Image.Exif()
    exif[274] = 3
    buffer = io.BytesIO()
    Image.new("RGB", (40, 40)).save(buffer, "JPEG", exif=exif)
    (folder / "a.jpg").write_bytes(buffer.getvalue())
    squares = [[2, 2, 9, 2, 9, 9, 2, 9], [20, 20, 30, 20, 30, 30, 20, 30]]
    coco = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 40, "height": 40}],
        "annotations": [
            {"id": index, "image_id": 1, "category_id": 1, "segmentation": [square]}
            for index, square in enumerate([*squares, [1, 1, 2, 2]])
        ],
        "categories": [{"id": 1, "name": "thing"}],
    }
    (folder / "annotations.json").write_text(json.dumps(coco))
    return folder


def test_all_findings_are_printed_and_the_exit_status_tells(
    turned: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "check", str(turned), "--max-objects", "1"]) == 1
    said = capsys.readouterr().out
    assert f"{turned}: COCO, 1 picture\n  thing: 2 objects in 1 picture\n" in said
    assert "Must be fixed: 1 photo fits its labels both" in said
    assert "Note: left out: 1 polygon of fewer than three points: data/a.jpg (annotation 2)" in said
    assert "Note: 1 picture has more than 1 objects, up to 2: data/a.jpg" in said

    assert main(["data", "check", str(turned), "--exif", "ignore"]) == 0
    said = capsys.readouterr().out
    assert "EXIF orientation is ignored (--exif ignore): data/a.jpg" in said
    assert said.endswith("Ready for train and evaluate\n")


def test_class_maps_are_counted_in_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for part in ("images", "masks"):
        (tmp_path / part).mkdir()
        Image.fromarray(np.eye(8, dtype=np.uint8)).save(tmp_path / part / "a.png")
    (tmp_path / "classes.txt").write_text("cat\ndog")
    assert main(["data", "check", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "  cat: 1 picture\n  dog: 0 pictures\nNote: 1 class has no object: dog\n" in said
    assert said.endswith("Ready for train and evaluate, of semantic models\n")


def photo(seed: int) -> Image.Image:
    """A picture with details at every scale."""
    noise = np.random.default_rng(seed).integers(0, 255, (16, 16, 3)).astype(np.uint8)
    return Image.fromarray(noise).resize((96, 64), Image.Resampling.BICUBIC)


def write_label_maps(folder: Path, *pictures: Image.Image, suffix: str = "png") -> Path:
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True)
    for number, picture in enumerate(pictures):
        picture.save(folder / f"images/{number}.{suffix}", quality=60)
        labels = np.zeros(picture.size[::-1], np.uint8)
        labels[4:20, 4:30], labels[30:50, 40:60] = 1, 2
        Image.fromarray(labels).save(folder / f"labels/{number}.png")
    (folder / "class.txt").write_text("cell")
    return folder


def test_pictures_in_training_and_validation_are_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_label_maps(tmp_path / "train", *map(photo, range(6)))
    smaller = photo(3).transpose(Image.Transpose.FLIP_LEFT_RIGHT).resize((60, 40))
    val = write_label_maps(tmp_path / "val", photo(7), photo(8), smaller, suffix="jpg")
    assert main(["data", "check", str(data), "--against", str(val)]) == 0
    said = capsys.readouterr().out
    assert f"{val}: label maps, 3 pictures\n  cell: 6 objects in 3 pictures" in said
    assert "1 validation picture looks like a training picture: images/2.jpg ~ images/3.png (" in said
    assert "Look at them: copies, and frames of one scene, belong on the same side" in said

    photo(5).save(val / "images/0.jpg", "PNG")  # pixel for pixel
    assert main(["data", "check", str(data), "--against", str(val)]) == 1
    said = capsys.readouterr().out
    assert "Must be fixed: 1 validation picture is also a training picture, pixel for pixel: im" in said
    assert "Remove them from one of the two" in said


def test_validation_of_other_classes_must_be_fixed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, val = (write_label_maps(tmp_path / name, photo(place)) for place, name in enumerate("ab"))
    (val / "class.txt").write_text("yeast")
    assert main(["data", "check", str(data), "--against", str(val)]) == 1
    assert "Must be fixed: the data have the classes cell, --against has yeast" in capsys.readouterr().out


def test_a_sheet_shows_the_objects(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sheet = tmp_path / "sheet.png"
    data = write_label_maps(tmp_path / "data", *[Image.new("RGB", (96, 64))] * 3)
    assert main(["data", "check", str(data), "--sheet", str(sheet)]) == 0
    assert f"Sheet: {sheet}\n" in capsys.readouterr().out
    drawn = np.asarray(Image.open(sheet)).astype(int)
    assert drawn.shape[1] > 3 * 320
    coloured = np.ptp(drawn, axis=2) > 40
    assert 0.05 < coloured.mean() < 0.3

    assert main(["data", "check", str(data), "--sheet", "sheet.txt"]) == 1
    assert "--sheet sheet.txt is no picture: name a file that ends with .png" in capsys.readouterr().err
    assert main(["data", "check", str(data), "--sheet", str(tmp_path / "none/s.png")]) == 1
    assert "there is no folder" in capsys.readouterr().err


def test_folders_of_classes_are_counted_drawn_and_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, place in enumerate(["train/sea/1", "train/sea/2", "train/wood/1", "val/sea/3", "val/wood/4"]):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        photo(number % 4).save(tmp_path / f"{place}.png")
    train, sheet = tmp_path / "train", tmp_path / "sheet.png"
    words = ["data", "check", str(train), "--against", str(tmp_path / "val"), "--sheet", str(sheet)]
    assert main(words) == 1
    said = capsys.readouterr().out
    assert f"{train}: class folders, 3 pictures\n  sea: 2 pictures\n  wood: 1 picture\n" in said
    assert "pixel for pixel: wood/4.png = sea/1.png" in said
    assert sheet.exists()

    assert main(["data", "check", str(tmp_path)]) == 1
    assert "has folders of classes in train and val: name one of these folders" in capsys.readouterr().err
    assert main(["data", "check", str(tmp_path / "none"), "--task", "classify"]) == 1
    assert "does not exist: name a folder that has a folder for each class" in capsys.readouterr().err


def test_copies_within_a_data_set_are_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_label_maps(tmp_path / "cells", photo(1), photo(2), photo(1))
    assert main(["data", "check", str(data)]) == 0
    assert (
        "Note: 1 picture occurs more than once, pixel for pixel: images/0.png = images/2.png. Training"
        in capsys.readouterr().out
    )

    for name, seed in {"sea/1": 1, "sea/2": 1, "sea/3": 3, "wood/4": 3, "wood/5": 5}.items():
        (tmp_path / "classes" / name).parent.mkdir(parents=True, exist_ok=True)
        photo(seed).save(tmp_path / "classes" / f"{name}.png")
    assert main(["data", "check", str(tmp_path / "classes")]) == 1
    said = capsys.readouterr().out
    several = "1 picture is in several classes, pixel for pixel: sea/3.png = wood/4.png (sea and wood). Keep"
    assert f"Must be fixed: {several}" in said
    assert "Note: 1 picture occurs more than once, pixel for pixel: sea/1.png = sea/2.png" in said


def test_two_pictures_of_one_name_must_be_fixed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_label_maps(tmp_path / "data", photo(1), photo(2))
    photo(1).save(data / "images/0.jpg")
    assert main(["data", "check", str(data)]) == 1
    assert "Must be fixed: 2 pictures share their name, and so their labels, with another one" in (
        capsys.readouterr().out
    )


def test_photos_that_are_turned_upright_are_listed(turned: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "check", str(turned), "--exif", "apply"]) == 0
    said = capsys.readouterr().out
    assert "1 photo is stored rotated or mirrored; its EXIF orientation is applied: data/a.jpg" in said


@pytest.mark.parametrize(
    "words",
    [
        ["train", "--out", "OUT", "--steps", "2", "--weights", "none.h5", "--data"],
        ["evaluate", "--model", "tiny", "--data"],
        ["survey", "tiny", "--data"],
        ["export", "tiny", "--calibration"],
    ],
    ids=lambda words: words[0],
)
def test_every_command_refuses_what_cannot_be_known_and_takes_the_choice(
    words: list[str],
    turned: Path,
    tiny_bundle: Bundle,
    tiny_segmenter: Segmenter,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(evaluate, "load", lambda *name, **how: tiny_segmenter)
    words = [str(tmp_path / "run") if word == "OUT" else word for word in words]
    coco = json.loads((turned / "annotations.json").read_text())
    names = tiny_bundle.manifest.classes[1:]
    coco["categories"] = [{"id": id, "name": name} for id, name in enumerate(names, start=1)]
    if words[0] == "train":
        coco["annotations"] = coco["annotations"][-1:]  # which ends it before the network is made
    (turned / "annotations.json").write_text(json.dumps(coco))

    assert main([*words, str(turned)]) == 1
    said = capsys.readouterr().err
    assert "rotated by 180° (EXIF orientation 3). Look at such a photo in the tool" in said
    assert "--exif apply" in said

    main([*words, str(turned), "--exif", "apply"])
    assert "EXIF orientation is applied (--exif apply): data/a.jpg" in capsys.readouterr().err
