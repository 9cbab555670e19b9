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
    assert main(["check-data", str(turned), "--max-objects", "1"]) == 1
    said = capsys.readouterr().out
    assert f"{turned}: COCO, 1 picture\n  thing: 2 objects\n" in said
    assert "Must be fixed: 1 photo fits its labels both" in said
    assert "Note: left out: 1 polygon of fewer than three points: data/a.jpg (annotation 2)" in said
    assert "Note: 1 picture has more than 1 objects, up to 2: data/a.jpg" in said

    assert main(["check-data", str(turned), "--exif", "ignore"]) == 0
    said = capsys.readouterr().out
    assert "EXIF orientation is ignored (--exif ignore): data/a.jpg" in said
    assert said.endswith("Ready for train and evaluate\n")


def test_class_maps_are_counted_in_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for part in ("images", "masks"):
        (tmp_path / part).mkdir()
        Image.fromarray(np.eye(8, dtype=np.uint8)).save(tmp_path / part / "a.png")
    (tmp_path / "classes.txt").write_text("cat\ndog")
    assert main(["check-data", str(tmp_path)]) == 0
    assert (
        "  cat: 1 picture with it\n  dog: 0 pictures with it\nReady for evaluate" in capsys.readouterr().out
    )


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
