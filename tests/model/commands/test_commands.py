"""`python -m model`: what it writes, what it says, and how it ends."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from model import catalog
from model.__main__ import COMMANDS, main
from model.answers.finding import Finding
from model.commands import evaluate, segment
from model.drift import baseline
from model.drift.features import FEATURES
from model.formats.encode import encode_jpeg, encode_png
from model.formats.json import segments_to_json
from model.formats.registry import FORMATS, formats_for
from model.results.masks import to_rle
from model.segmenter import Segmenter
from model.storage.manifest import Bundle
from model.storage.writing import write_manifest

Noise = Callable[..., npt.NDArray[np.uint8]]

# pycocotools decodes in a way that NumPy 2 will give up one day.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture
def tiny(
    tiny_bundle: Bundle, tiny_segmenter: Segmenter, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Segmenter]:
    """Makes `load` quick: it finds the bundle, and its network is there already."""

    def load(name: str, engine: str | None = None, precision: str | None = None) -> Segmenter:
        return Segmenter(catalog.find(name), tiny_segmenter.runner)

    monkeypatch.setattr(segment, "load", load)
    monkeypatch.setattr(evaluate, "load", load)
    return load


@pytest.fixture
def pictures(tmp_path: Path, noise: Noise) -> Path:
    """A folder with two pictures: cells.png and "day 1.5.jpg"."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "cells.png").write_bytes(encode_png(noise(128, 96)))
    (folder / "day 1.5.jpg").write_bytes(encode_jpeg(noise(80, 64, seed=1)))
    return folder


def run(*words: str | Path) -> int:
    return main([str(word) for word in words])


def written(folder: Path) -> list[str]:
    """Every file below the folder."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("format_words", "names"),
    [
        ((), ["cells.png", "day 1.5.png"]),  # overlay
        (("--format", "overlay"), ["cells.png", "day 1.5.png"]),
        (("--format", "labelmap"), ["cells.png", "day 1.5.png"]),
        (("--format", "json"), ["cells.json", "day 1.5.json"]),
    ],
)
def test_segment_writes_a_file_for_each_picture_named_after_it(
    tiny: object, pictures: Path, tmp_path: Path, format_words: tuple[str, ...], names: list[str]
) -> None:
    out = tmp_path / "new" / "out"

    status = run("segment", *sorted(pictures.iterdir()), "--model", "tiny", "--out", out, *format_words)

    assert status == 0
    assert written(out) == names


def test_an_overlay_is_the_picture_with_something_drawn_on_it(
    tiny: object, pictures: Path, tmp_path: Path, noise: Noise
) -> None:
    run("segment", pictures / "cells.png", "--model", "tiny", "--out", tmp_path)

    overlay = np.asarray(Image.open(tmp_path / "cells.png"))
    assert overlay.shape == (96, 128, 3)
    unchanged = (overlay == noise(128, 96)).all(axis=2)
    assert 0.05 < unchanged.mean() < 0.95


def test_a_label_map_has_16_bits_and_numbers_the_segments_by_score(
    tiny: Callable[[str], Segmenter], pictures: Path, tmp_path: Path, noise: Noise
) -> None:
    run("segment", pictures / "cells.png", "--model", "tiny", "--format", "labelmap", "--out", tmp_path)

    labels = cv2.imread(str(tmp_path / "cells.png"), cv2.IMREAD_UNCHANGED)
    found = tiny("tiny").segment(noise(128, 96))
    x1, y1, x2, y2 = found.boxes[0]
    assert (labels.dtype, labels.shape) == (np.uint16, (96, 128))
    assert ((labels[y1:y2, x1:x2] == 1) == found.masks[0]).all()  # nothing lies over the best
    assert labels.max() <= len(found)


def test_json_is_the_services_answer(
    tiny: Callable[[str], Segmenter], pictures: Path, tmp_path: Path, noise: Noise
) -> None:
    run("segment", pictures / "cells.png", "--model", "tiny", "--format", "json", "--out", tmp_path)

    answer = json.loads((tmp_path / "cells.json").read_text())
    found = tiny("tiny").segment(noise(128, 96))
    assert answer == {
        "model": {
            "name": "tiny",
            "version": "1",
            "task": "instance",
            "engine": "tensorflow",
            "precision": "f32",
            "chosen_by": "caller",
        },
        "image": {"width": 128, "height": 96, "pages": 1, "page": 0, "channels": 3},
        "truncated": True,  # the model's own limit is 20
        "found": answer["found"],
        "segments": segments_to_json(found, ["background", "cell", "fibre", "spot"]),
    }


@pytest.mark.parametrize(
    ("words", "told", "says"),
    [
        ([], {"page": 0}, "has 3 pages or frames, of which the first was used. See --page and --projection."),
        (["--page", "2"], {"page": 2}, ""),
        (["--projection", "mean"], {"projection": "mean"}, ""),
    ],
)
def test_segment_looks_at_one_page_or_all(
    tiny: object,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    noise: Noise,
    words: list[str],
    told: dict[str, Any],
    says: str,
) -> None:
    first, *others = (Image.fromarray(noise(128, 96, seed)) for seed in range(3))
    first.save(tmp_path / "stack.tif", save_all=True, append_images=others)

    ended = run(
        "segment", tmp_path / "stack.tif", "--model", "tiny", "--format", "json", "--out", tmp_path, *words
    )

    assert ended == 0
    image = json.loads((tmp_path / "stack.json").read_text())["image"]
    assert image == {"width": 128, "height": 96, "pages": 3, **told, "channels": 3}
    warned = capsys.readouterr().err
    assert says in warned and bool(says) == ("pages" in warned)


def test_a_page_and_a_projection_do_not_go_together(
    tiny: object, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("segment", pictures / "cells.png", "--page", "0", "--projection", "max") == 1
    assert "leave out --page" in capsys.readouterr().err


def test_cutouts_fill_a_folder_named_after_the_picture(
    tiny: Callable[[str], Segmenter], pictures: Path, tmp_path: Path, noise: Noise
) -> None:
    run("segment", pictures / "cells.png", "--model", "tiny", "--format", "cutouts", "--out", tmp_path / "o")

    found = tiny("tiny").segment(noise(128, 96))
    names = ["background", "cell", "fibre", "spot"]
    assert written(tmp_path / "o") == [
        f"cells/{number:04d}-{names[class_id]}.png" for number, class_id in enumerate(found.class_ids, 1)
    ]
    cutout = np.asarray(Image.open(next((tmp_path / "o" / "cells").glob("0001-*"))))
    assert cutout.shape == (*found.masks[0].shape, 4)
    assert (cutout[:, :, 3] == found.masks[0] * 255).all()


@pytest.mark.parametrize("output", [one.name for one in formats_for("instance")])
def test_segment_writes_every_format_that_suits_the_model(
    tiny: object, pictures: Path, tmp_path: Path, output: str
) -> None:
    out = tmp_path / "out"
    words = ("segment", pictures / "day 1.5.jpg", "--model", "tiny", "--out", out)

    assert run(*words, "--format", output) == 0

    names = written(out)
    if FORMATS[output].files is not None:
        assert {name.partition("/")[0] for name in names} == {f"day 1.5{FORMATS[output].ending}"}
    else:
        assert names == [f"day 1.5{FORMATS[output].ending}"]


def test_formats_of_one_picture_do_not_overwrite_each_other_in_a_folder() -> None:
    endings = [one.ending for one in FORMATS.values() if one.name != "labelmap"]  # which the contract names

    assert len(set(endings)) == len(endings)


def test_the_command_offers_every_format(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run("segment", "--help")

    assert f"--format {{{','.join(FORMATS)}}}" in capsys.readouterr().out.replace("\n", "")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--format", "probability"), "the output probability is for semantic models"),
        (("--split", "parts"), "split is for semantic models"),
        (("--split", "parts", "--min-area", "9"), "split is for semantic models"),
        (("--class", "dog"), "there is no class 'dog'; there are: cell, fibre, spot"),
    ],
)
def test_what_the_model_cannot_give_is_refused_in_a_sentence_before_any_picture(
    tiny: object,
    pictures: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    says: str,
) -> None:
    status = run("segment", pictures / "cells.png", "--model", "tiny", "--out", tmp_path / "out", *words)

    message = capsys.readouterr().err
    assert status == 1
    assert message.startswith("python -m model segment: ") and message.count("\n") == 1
    assert says in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("area", ["0", "-1", "1.5", "some"])
def test_a_least_area_is_a_whole_number(
    tiny: object, pictures: Path, capsys: pytest.CaptureFixture[str], area: str
) -> None:
    with pytest.raises(SystemExit):
        run("segment", pictures / "cells.png", "--split", "parts", f"--min-area={area}")

    assert f"{area!r} is not a whole number of at least 1" in capsys.readouterr().err


def test_classes_are_kept_by_name(tiny: object, pictures: Path, tmp_path: Path) -> None:
    words = ("segment", pictures / "cells.png", "--model", "tiny", "--format", "json", "--out", tmp_path)

    run(*words, "--class", "cell", "--class", "spot")

    found = json.loads((tmp_path / "cells.json").read_text())["segments"]
    assert {one["class"] for one in found} <= {"cell", "spot"}
    assert found


def test_what_is_left_out_is_said(
    tiny: object, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("segment", pictures / "cells.png", "--model", "tiny", "--format", "json", "--out", tmp_path)

    assert run(*words, "--max-segments", 1000) == 0
    assert capsys.readouterr().err == ""
    every = json.loads((tmp_path / "cells.json").read_text())
    assert run(*words, "--max-segments", 2) == 0

    found = json.loads((tmp_path / "cells.json").read_text())
    assert (len(found["segments"]), found["truncated"]) == (2, True)
    assert found["found"] == len(every["segments"])
    assert capsys.readouterr().err == (
        f"{pictures / 'cells.png'}: {found['found']} segments were found; the output has the best 2."
        f" For more: --max-segments {found['found']}\n"
    )


def test_without_a_folder_it_writes_to_the_current_one(
    tiny: object, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert run("segment", "pictures/cells.png", "--model", "tiny") == 0

    assert (tmp_path / "cells.png").is_file()


def test_a_bad_picture_is_reported_and_the_rest_go_on(
    tiny: object, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (pictures / "notes.png").write_text("no picture")
    (pictures / "cut.png").write_bytes((pictures / "cells.png").read_bytes()[:200])
    missing = pictures / "gone.png"
    images = [pictures / "notes.png", missing, pictures / "cut.png", pictures / "cells.png"]

    words = ("--model", "tiny", "--max-segments", 100, "--format", "json", "--out", tmp_path / "out")
    status = run("segment", *images, *words)

    message = capsys.readouterr().err
    assert status == 1
    assert written(tmp_path / "out") == ["cells.json"]
    assert f"{pictures / 'notes.png'}: not a picture" in message
    assert f"{pictures / 'cut.png'}: the PNG picture is truncated" in message
    assert f"{missing}: " in message
    assert f"{pictures / 'cells.png'}: " not in message


def test_a_failure_of_any_kind_on_a_picture_is_reported_and_the_rest_go_on(
    tiny: object,
    pictures: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    find = segment.find

    def fail_on_small(*what: Any, **how: Any) -> Finding:
        finding = find(*what, **how)
        if finding.image.shape[1] < 100:
            raise AttributeError("'tuple' has no pixels")
        return finding

    monkeypatch.setattr(segment, "find", fail_on_small)
    small, large = pictures / "day 1.5.jpg", pictures / "cells.png"

    assert run("segment", small, large, "--model", "tiny", "--out", tmp_path / "out") == 1

    assert f"{small}: AttributeError: 'tuple' has no pixels" in capsys.readouterr().err
    assert written(tmp_path / "out") == ["cells.png"]


@pytest.mark.parametrize("output_format", ["overlay", "json", "labelmap", "cutouts"])
def test_pictures_whose_answers_would_overwrite_each_other_are_refused_before_any_is_segmented(
    tiny: object,
    pictures: Path,
    tmp_path: Path,
    noise: Noise,
    capsys: pytest.CaptureFixture[str],
    output_format: str,
) -> None:
    (pictures / "more").mkdir()
    (pictures / "more" / "cells.png").write_bytes(encode_png(noise(64, 64)))
    images = [pictures / "cells.png", pictures / "more" / "cells.png"]

    status = run("segment", *images, "--model", "tiny", "--format", output_format, "--out", tmp_path / "out")

    assert status == 1
    assert f"{images[0]} and {images[1]} would both be written to" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_picture_named_twice_is_segmented(tiny: object, pictures: Path, tmp_path: Path) -> None:
    picture = pictures / "cells.png"

    assert run("segment", picture, picture, "--model", "tiny", "--out", tmp_path) == 0


@pytest.mark.parametrize("output_format", ["overlay", "labelmap"])
def test_a_picture_is_never_overwritten_by_what_is_found_in_it(
    tiny: object,
    pictures: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    output_format: str,
) -> None:
    before = (pictures / "cells.png").read_bytes()
    monkeypatch.chdir(pictures)

    status = run("segment", "cells.png", "--model", "tiny", "--format", output_format)

    assert status == 1
    assert "name another folder with --out" in capsys.readouterr().err
    assert (pictures / "cells.png").read_bytes() == before


def test_a_picture_is_not_overwritten_by_what_is_found_in_another(
    tiny: object, pictures: Path, noise: Noise, capsys: pytest.CaptureFixture[str]
) -> None:
    (pictures / "cells.jpg").write_bytes(encode_jpeg(noise(64, 64)))
    (pictures / "cells.jpg.png").write_bytes(encode_png(noise(64, 64)))
    images = [pictures / name for name in ("cells.jpg", "cells.png", "cells.jpg.png")]

    status = run("segment", *images, "--model", "tiny", "--out", pictures)

    assert status == 1
    assert f"would overwrite {pictures / 'cells.jpg.png'}" in capsys.readouterr().err


def test_data_may_be_written_beside_the_picture(tiny: object, pictures: Path) -> None:
    words = ("segment", pictures / "cells.png", "--model", "tiny", "--out", pictures)

    assert run(*words, "--format", "json") == 0
    assert run(*words, "--format", "cutouts") == 0

    assert (pictures / "cells.json").is_file()
    assert list((pictures / "cells").glob("0001-*.png"))


def test_the_threshold_leaves_what_scores_at_least_that(
    tiny: Callable[[str], Segmenter], pictures: Path, tmp_path: Path, noise: Noise
) -> None:
    scores = tiny("tiny").segment(noise(128, 96)).scores
    words = ("segment", pictures / "cells.png", "--model", "tiny", "--format", "json", "--out", tmp_path)

    run(*words, "--threshold", f"{scores[4]:.6f}")

    kept = [one["score"] for one in json.loads((tmp_path / "cells.json").read_text())["segments"]]
    assert 0 < len(kept) < len(scores)
    assert min(kept) >= float(scores[4]) - 1e-4  # they are cut to 4 digits


@pytest.mark.parametrize(
    ("threshold", "says"),
    [
        ("1.01", "outside 0…1"),
        ("-0.5", "outside 0…1"),
        ("nan", "outside 0…1"),
        ("50%", "'50%' is not a number"),
    ],
)
def test_a_threshold_outside_0_to_1_is_refused(
    tiny: object, pictures: Path, capsys: pytest.CaptureFixture[str], threshold: str, says: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        run("segment", pictures / "cells.png", f"--threshold={threshold}")

    assert ended.value.code == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("words", [("segment", "cells.png"), ("evaluate", "--data", "data")])
def test_an_unknown_model_is_answered_with_the_known_ones(
    tiny_bundle: Bundle,
    pictures: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
) -> None:
    write_coco(pictures / "data", pictures / "cells.png", [])
    monkeypatch.chdir(pictures)

    status = run(*words, "--model", "tinny", *(("--out", "out") if words[0] == "segment" else ()))

    assert status == 1
    message = capsys.readouterr().err
    assert message == f"python -m model {words[0]}: there is no model 'tinny'; there are: tiny\n"
    assert not (pictures / "out").exists()


def write_coco(folder: Path, picture: Path, annotations: list[dict]) -> None:
    """A COCO data set of one picture with the tiny model's classes."""
    folder.mkdir()
    (folder / "cells.png").write_bytes(picture.read_bytes())
    coco = {
        "images": [{"id": 1, "file_name": "cells.png", "width": 128, "height": 96}],
        "categories": [{"id": i, "name": n} for i, n in enumerate(["cell", "fibre", "spot"], 1)],
        "annotations": [
            {"id": i, "image_id": 1, "iscrowd": 0, **annotation}
            for i, annotation in enumerate(annotations, 1)
        ],
    }
    (folder / "instances.json").write_text(json.dumps(coco))


@pytest.fixture
def labelled(tiny: Callable[[str], Segmenter], pictures: Path, tmp_path: Path, noise: Noise) -> Path:
    """A picture labelled with the first half of what the tiny model finds in it."""
    found = tiny("tiny").segment(noise(128, 96))
    half = len(found) // 2
    annotations = [
        {
            "category_id": int(class_id),
            "segmentation": (rle := to_rle(mask, box, found.size)),
            "area": int(coco_mask.area(rle)),
            "bbox": [int(x1), int(y1), int(x2 - x1), int(y2 - y1)],
        }
        for class_id, mask, box in zip(
            found.class_ids[:half], found.masks[:half], found.boxes[:half], strict=True
        )
        for x1, y1, x2, y2 in [box]
    ]
    folder = tmp_path / "labelled"
    write_coco(folder, pictures / "cells.png", annotations)
    return folder


def test_evaluate_prints_a_table_and_writes_figures_and_a_sheet(
    tiny: Callable[[str], Segmenter],
    labelled: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    noise: Noise,
) -> None:
    figures, sheet = tmp_path / "figures.json", tmp_path / "sheet.png"

    status = run("evaluate", "--model", "tiny", "--data", labelled, "--json", figures, "--sheet", sheet)

    assert status == 0
    printed = capsys.readouterr().out
    assert printed.startswith("tiny 1 (tensorflow f32) at threshold 0 on 1 images\n")
    assert "AP50" in printed
    count = len(tiny("tiny").segment(noise(128, 96)))
    values = json.loads(figures.read_text())
    assert (values["model"], values["version"], values["threshold"]) == ("tiny", "1", 0)
    assert (values["data"], values["images"]) == ("labelled", 1)
    for part in ("recall", "threshold", "by class", "mask, by size", "COCO mask, best 100 "):
        assert f"| {part}" in printed
    assert {"coco", "coco100", "sizes", "classes", "thresholds", "pr_curve"} < set(values)
    assert (values["all"]["truth"], values["all"]["found"]) == (count // 2, count)
    # Half of what it found is there, and nothing else is: AP is TP / (TP + FP + FN).
    assert values["all"]["AP50"] == pytest.approx((count // 2) / count)
    assert Image.open(sheet).format == "PNG"


def test_evaluate_counts_from_the_threshold_on(
    tiny: Callable[[str], Segmenter], labelled: Path, tmp_path: Path, noise: Noise
) -> None:
    scores = tiny("tiny").segment(noise(128, 96)).scores
    threshold = float(scores[len(scores) // 2 - 1])
    figures = tmp_path / "figures.json"

    run("evaluate", "--model", "tiny", "--data", labelled, "--json", figures, "--threshold", threshold)

    values = json.loads(figures.read_text())
    assert values["all"]["found"] == len(scores) // 2
    assert values["all"]["AP50"] == pytest.approx(1)


def test_evaluate_can_keep_the_figures_in_the_bundle(
    tiny: object, labelled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("evaluate", "--model", "tiny", "--data", labelled, "--record") == 0

    assert "No baseline for drift was recorded: 1 pictures are too few" in capsys.readouterr().out
    bundle = catalog.find("tiny")
    bundle.check()
    assert bundle.manifest.quality is not None
    assert bundle.manifest.quality["images"] == 1
    assert {"coco", "coco100", "sizes"} < set(bundle.manifest.quality)
    assert not {"per_image", "thresholds", "pr_curve", "classes"} & set(bundle.manifest.quality)


def test_evaluate_chooses_a_threshold_and_remembers_on_which_images(
    tiny: Callable[[str], Segmenter],
    labelled: Path,
    tmp_path: Path,
    noise: Noise,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The best half of what it finds is there: the right threshold lies between the halves."""
    figures, plots = tmp_path / "figures.json", tmp_path / "plots"
    words = ("evaluate", "--model", "tiny", "--data", labelled)
    monkeypatch.setattr(baseline, "LEAST_PICTURES", 1)
    run(*words, "--record")
    recorded = catalog.find("tiny").manifest.baseline
    assert recorded is not None and set(recorded.histograms) == set(FEATURES) - {"familiarity"}

    assert run(*words, "--choose-threshold", "--json", figures, "--plots", plots) == 0
    assert "With --record, it becomes the model's." in capsys.readouterr().out
    assert catalog.find("tiny").manifest.threshold == 0
    assert {path.name for path in plots.iterdir()} == {"pr_curve.png", "reliability.png"}

    assert run(*words, "--choose-threshold", "--record") == 0
    assert "Removed the quality and the baseline measured at 0" in capsys.readouterr().out
    values, manifest = json.loads(figures.read_text()), catalog.find("tiny").manifest
    catalog.find("tiny").check()
    best = max(values["thresholds"], key=lambda row: row["F1"])
    assert manifest.threshold == values["best_threshold"] == best["threshold"]
    assert (manifest.threshold_chosen_on, manifest.quality) == (values["data_sha256"], None)
    assert manifest.baseline is None

    assert run(*words) == 0
    assert "The model's threshold was chosen on these very images" in capsys.readouterr().out
    assert run(*words, "--record") == 1
    assert "so their figures are not stored: measure other images" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--choose-threshold", "--threshold", "0.5"), "--choose-threshold tries all thresholds: leave out"),
        (("--rand",), "--rand judges pixels, but this evaluation compares objects: leave out --rand"),
        (("--threshold", "0.5", "--record"), "the model's quality, at its own threshold 0: leave out"),
        (("--plots", "missing/plots"), "missing/plots cannot be written: there is no folder missing"),
    ],
)
def test_evaluate_refuses_options_that_do_not_fit(
    tiny: object, labelled: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], told: str
) -> None:
    assert run("evaluate", "--model", "tiny", "--data", labelled, *words) == 1
    assert told in capsys.readouterr().err


def test_evaluate_refuses_data_of_other_classes(
    tiny: object, labelled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = labelled / "instances.json"
    path.write_text(path.read_text().replace('"spot"', '"ring"'))

    assert run("evaluate", "--model", "tiny", "--data", labelled) == 1

    message = capsys.readouterr().err
    assert "the model has the classes cell, fibre, spot, the data cell, fibre, ring" in message


def test_evaluate_compares_the_classes_that_the_data_has(
    tiny: Callable[[str], Segmenter],
    labelled: Path,
    tmp_path: Path,
    noise: Noise,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The data knows two of the model's three, in another order."""
    found = tiny("tiny").segment(noise(128, 96)).class_ids.tolist()
    path = labelled / "instances.json"
    coco = json.loads(path.read_text())
    coco["categories"] = [{"id": 1, "name": "spot"}, {"id": 2, "name": "cell"}]
    for annotation in coco["annotations"]:
        annotation["category_id"] = {1: 2, 3: 1}.get(annotation["category_id"], 1)
    path.write_text(json.dumps(coco))
    figures = tmp_path / "figures.json"

    assert run("evaluate", "--model", "tiny", "--data", labelled, "--json", figures) == 0

    printed = capsys.readouterr().out
    assert "Compared: cell, spot. Predictions of the model's other classes are left out." in printed
    values = json.loads(figures.read_text())
    assert set(values["classes"]) <= {"cell", "spot"}
    assert values["all"]["truth"] == len(found) // 2
    assert values["all"]["found"] >= found.count(1) + found.count(3)

    assert run("evaluate", "--model", "tiny", "--data", labelled, "--classes", "cell,fibre") == 1
    assert (
        "--classes names fibre, which the data does not have: choose from spot, cell"
        in capsys.readouterr().err
    )


def test_models_lists_a_line_a_model(
    tiny_bundle: Bundle, model_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with catalog.new_bundle("many") as folder:
        (folder / "model.weights.h5").write_bytes(b"weights")
        classes = ["background", *(f"thing {number}" for number in range(80))]
        values = tiny_bundle.manifest.model_dump(exclude={"files"})
        config = {**values["config"], "num_classes": 81}
        write_manifest(folder, {**values, "name": "many", "classes": classes, "config": config})

    assert run("models") == 0

    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        ["many", "1", "CC0-1.0", "80", "classes"],
        ["tiny", "1", "CC0-1.0", "cell,", "fibre,", "spot"],
    ]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(command, "--help")

    assert ended.value.code == 0
    assert f"usage: python -m model {command}" in capsys.readouterr().out


def test_where_models_are_only_served_training_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, out = tmp_path / "recipe.yaml", tmp_path / "run"
    recipe.write_text("plan: {steps: 1}")
    monkeypatch.setitem(sys.modules, "yaml", None)  # its import fails as if it were not installed

    assert run("train", "--config", recipe, "--data", tmp_path, "--out", out) == 1

    assert "yaml is not installed, as where models are only served: run make full" in capsys.readouterr().err
