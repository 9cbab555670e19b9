"""A bundle gets its compiled stages whole, measured, or stays as it was."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from model import catalog
from model.__main__ import main
from model.formats.encode import encode_png
from model.publishing.exporting import ExportError, export
from model.segmenter import load
from model.storage.manifest import Bundle, BundleError
from model.storage.writing import update_manifest

Noise = Callable[..., npt.NDArray[np.uint8]]


def test_the_bundle_names_and_checks_its_stages(exported: Path, model_dir: Path) -> None:
    shutil.copytree(exported, model_dir / "tiny")
    bundle = catalog.find("tiny")
    stages = {
        f"openvino/f32/{stage}{suffix}"
        for stage in ("trunk", "box_head", "mask_head")
        for suffix in (".xml", ".bin")
    }
    assert stages <= set(bundle.manifest.files)
    assert bundle.manifest.exports["f32"].passed
    (bundle.stages_folder("f32") / "trunk.bin").write_bytes(b"not the weights")
    with pytest.raises(BundleError, match=r"openvino/f32/trunk\.bin is not the file"):
        load("tiny")


def test_weights_are_kept_in_16_bits(exported: Path) -> None:
    weights = (exported / "model.weights.h5").stat().st_size
    compiled = sum(path.stat().st_size for path in (exported / "openvino" / "f32").glob("*.bin"))
    assert compiled < 0.6 * weights


def test_what_stood_in_the_manifest_stays(exported: Path, session_model_dir: Path) -> None:
    before, after = (
        catalog.read_bundle(folder).manifest.model_dump(exclude={"files", "exports"})
        for folder in (session_model_dir / "tiny", exported)
    )
    assert before == after


def test_int8_without_pictures_says_what_is_missing(tiny_bundle: Bundle) -> None:
    with pytest.raises(ExportError, match="--calibration"):
        export("tiny", ["int8"])


def test_pictures_without_a_largest_size_cannot_be_compiled_for(tiny_bundle: Bundle) -> None:
    config = {**tiny_bundle.manifest.config, "image_resize_mode": "pad64"}
    update_manifest(tiny_bundle, config=config)
    with pytest.raises(ExportError, match='use "fit64" or "square"'):
        export("tiny", ["f32"])
    assert catalog.find("tiny").manifest.exports == {}
    load("tiny").segment(np.zeros((64, 64, 3), np.uint8))


def test_the_command_measures_on_a_folder_of_pictures(
    tiny_bundle: Bundle, noise: Noise, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in range(4):
        (tmp_path / f"{seed}.png").write_bytes(encode_png(noise(96, 80, seed)))
    assert main(["export", "tiny", "--precision", "f32", "--calibration", str(tmp_path)]) == 0
    made = json.loads((tiny_bundle.folder / "model.json").read_text())["exports"]["f32"]
    assert (made["pictures"], made["against"]) == (2, "reference")
    assert made["ap50_lost"] <= 0.2  # random weights: scores tie, and which twenty are the best is chance
    assert "against the reference of 2 pictures" in capsys.readouterr().out
