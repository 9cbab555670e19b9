"""`python -m model bench` times every way that a model has, and says how they compare."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from model.__main__ import main
from model.formats.encode import encode_png

Noise = Callable[..., npt.NDArray[np.uint8]]


def test_every_way_is_timed_stage_by_stage(
    exported_model_dir: Path,
    noise: Noise,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MASKSERVE_MODEL_DIR", str(exported_model_dir))
    picture, figures = tmp_path / "cells.png", tmp_path / "figures.json"
    picture.write_bytes(encode_png(noise(128, 96)))
    assert main(["bench", str(picture), "--model", "tiny", "--json", str(figures)]) == 0
    rows = json.loads(figures.read_text())
    ways = {(row["engine"], row["precision"]) for row in rows}
    assert {("tensorflow", "f32"), ("openvino", "f32"), ("openvino", "int8")} <= ways
    assert rows[0]["ratio"] == 1
    assert rows[0]["objects"] == 20
    for row in rows:
        stages = row["trunk_ms"] + row["box_head_ms"] + row["mask_head_ms"]
        assert 1 <= row["objects"] <= 20  # random weights: rounding changes what they find
        assert 0 < stages <= 2 * row["median_ms"]  # parts of one whole, though medians of their own
        assert row["ratio"] == pytest.approx(rows[0]["median_ms"] / row["median_ms"], abs=0.2, rel=0.1)
    table = capsys.readouterr().out.splitlines()
    assert len(table) == 2 + len(rows)
    assert all("cells.png" in line for line in table[2:])


def test_a_missing_picture_is_an_error_not_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "nowhere.png"]) == 1
    assert "nowhere.png" in capsys.readouterr().err
