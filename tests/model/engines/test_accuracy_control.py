"""Where int8 loses too much, layers that must stay exact are looked for; an early end keeps what there is."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from model import catalog
from model.__main__ import main
from model.data import DataSet
from model.engines import openvino, pacing
from model.formats.encode import encode_png
from model.publishing import gauge, layer_search
from model.publishing.exporting import export
from model.publishing.layer_search import LayerSearch
from model.segmenter import load
from model.storage.manifest import Bundle


@pytest.fixture
def pictures(tmp_path: Path, noise: Callable[..., npt.NDArray[np.uint8]]) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for seed in range(4):
        (folder / f"{seed}.png").write_bytes(encode_png(noise(96, 80, seed)))
    return folder


@pytest.fixture
def demanding(monkeypatch: pytest.MonkeyPatch) -> None:
    """With random weights int8 changes so much that many layers must stay exact; bf16 is too coarse."""
    monkeypatch.setitem(gauge.LARGEST_DISAGREEMENT, "int8", 0.02)
    monkeypatch.setattr(openvino, "precisions_of_processor", lambda: frozenset({"f32", "int8"}))


def test_ctrl_c_in_the_search_keeps_f32_and_plain_int8_with_what_they_lose(
    tiny_bundle: Bundle,
    demanding: None,
    pictures: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(LayerSearch, "run", lambda search: signal.raise_signal(signal.SIGINT))

    words = ["export", "tiny", "--precision", "f32", "int8", "--calibration", str(pictures)]
    assert main(words) == 130

    exports = catalog.find("tiny").manifest.exports
    assert exports["f32"].pictures == 2
    assert not exports["int8"].passed
    assert exports["int8"].lost is not None
    assert exports["int8"].control == "stopped"
    said = capsys.readouterr().out
    assert "the precisions that were completed are kept" in said
    assert f"int8: used only on request, loses {100 * exports['int8'].ap50_lost:.2f} points of AP50" in said
    assert "stopped during the search for layers to keep exact" in said
    assert {path.name for path in (tiny_bundle.folder / "openvino").iterdir()} == {"f32", "int8"}
    load("tiny", precision="int8")


def test_ctrl_c_before_int8_is_measured_keeps_f32_and_the_int8_of_before(
    exported: Path, tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(exported, tmp_path / "models" / "tiny")
    monkeypatch.setenv("MASKSERVE_MODEL_DIR", str(tmp_path / "models"))
    before = catalog.find("tiny").manifest
    monkeypatch.setattr(gauge.Gauge, "export_of", interrupted_for_int8(gauge.Gauge.export_of))

    assert main(["export", "tiny", "--precision", "int8", "--calibration", str(pictures)]) == 130

    now = catalog.find("tiny")
    now.check()
    assert now.manifest.exports["f32"].pictures == 2
    assert now.manifest.exports["int8"] == before.exports["int8"]
    int8 = {name: value for name, value in before.files.items() if "/int8/" in name}
    assert int8.items() <= now.manifest.files.items()


def interrupted_for_int8(inner: Callable[..., object]) -> Callable[..., object]:
    def measure(self: gauge.Gauge, runner: object) -> object:
        if getattr(runner, "precision", "") == "int8":
            signal.raise_signal(signal.SIGINT)
        return inner(self, runner)

    return measure


def test_layers_stay_exact_until_the_rest_loses_no_more_than_it_may(
    tiny_bundle: Bundle,
    demanding: None,
    pictures: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(layer_search, "SHARE_FOR_RANKING", 0.0005)  # not all layers are ranked

    words = ["export", "tiny", "--precision", "int8", "--calibration", str(pictures), "--minutes", "10"]
    assert main(words) == 0

    made = catalog.find("tiny").manifest.exports["int8"]
    assert made.exact_layers > 0
    assert made.control == "out of time"
    output = capsys.readouterr()
    assert f"{made.exact_layers} layers exact, the time was up; more --minutes may improve it" in output.out
    assert "int8 of trunk: layer 1 of " in output.err
    load("tiny", precision="int8", tested=True)


def test_without_accuracy_control_every_layer_is_int8(
    tiny_bundle: Bundle, demanding: None, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["export", "tiny", "--precision", "int8", "--calibration", str(pictures)]

    assert main([*words, "--no-accuracy-control"]) == 0

    made = catalog.find("tiny").manifest.exports["int8"]
    assert (made.passed, made.control, made.exact_layers) == (False, "off", 0)
    output = capsys.readouterr()
    assert "without accuracy control" in output.out
    assert "layer 1 of" not in output.err


def test_without_time_int8_is_made_of_a_few_pictures_and_says_so(
    tiny_bundle: Bundle, demanding: None, noise_pictures: DataSet, capsys: pytest.CaptureFixture[str]
) -> None:
    export("tiny", ["int8"], noise_pictures, minutes=0)  # of 8 pictures 4 are to measure with

    exports = catalog.find("tiny").manifest.exports
    assert exports["f32"].pictures == exports["int8"].pictures == pacing.FEWEST
    assert exports["int8"].control == "out of time"
    said = capsys.readouterr().err
    few = f"{pacing.FEWEST} of 4 pictures, as many as the time limit"
    assert f"measuring with {few} allows; raise --minutes to use more" in said
    for stage in ("trunk", "box_head", "mask_head"):
        assert f"int8 of {stage}: calibrated with {few} allowed; raise --minutes" in said
    load("tiny", precision="int8")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--minutes", "0"], "not a whole number of at least 1"),
        (["--minutes", "soon"], "not a whole number of at least 1"),
    ],
)
def test_minutes_that_make_no_sense_are_refused(
    words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["export", "tiny", *words])
    assert ended.value.code == 2
    assert says in capsys.readouterr().err
