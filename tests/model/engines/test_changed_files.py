"""Whatever becomes of a model's files, a loaded model answers as it did."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from model import catalog
from model.results.segments import Segments
from model.segmenter import load
from model.storage import manifest
from model.storage.manifest import Bundle, BundleError
from model.storage.writing import write_manifest

Noise = Callable[..., npt.NDArray[np.uint8]]


def with_noise(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(np.random.default_rng(0).bytes(path.stat().st_size))


def cut_short(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(0)


def deleted(path: Path) -> None:
    path.unlink()


@pytest.fixture
def copy(exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(exported, tmp_path / "tiny")
    monkeypatch.setenv("MASKSERVE_MODEL_DIR", str(tmp_path))
    return tmp_path / "tiny"


@dataclass(frozen=True)
class Way:
    """A way to run the model, and what it answers as long as its files are whole."""

    engine: str
    precision: str
    images: list[npt.NDArray[np.uint8]]
    answers: list[Segments]


@pytest.fixture(
    scope="module", params=[("openvino", "f32"), ("openvino", "int8"), ("tensorflow", "f32")], ids="-".join
)
def way(request: pytest.FixtureRequest, exported_model_dir: Path, noise: Noise) -> Way:
    engine, precision = request.param
    images = [noise(96, 96), noise(64, 128)]  # in int8 a graph is compiled for each shape
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MASKSERVE_MODEL_DIR", str(exported_model_dir))
        unchanged = load("tiny", engine=engine, precision=precision)
    return Way(engine, precision, images, [unchanged.segment(image) for image in images])


def test_files_that_change_in_place_change_no_answer(way: Way, copy: Path) -> None:
    segmenter = load("tiny", engine=way.engine, precision=way.precision, tested=True)
    for change in (with_noise, cut_short, deleted):
        for path in copy.rglob("*.*"):
            change(path)
        for image, expected in zip(way.images, way.answers, strict=True):
            found = segmenter.segment(image)
            np.testing.assert_array_equal(found.boxes, expected.boxes)
            np.testing.assert_array_equal(found.scores, expected.scores)
        segmenter.self_test()


def test_no_file_of_a_model_stays_mapped(copy: Path) -> None:
    segmenter = load("tiny", engine="openvino", tested=True)
    assert str(copy) not in Path("/proc/self/maps").read_text()
    segmenter.self_test()


def test_stages_that_change_after_the_check_are_noticed_as_they_are_read(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = Bundle.check

    def check_then_change(bundle: Bundle) -> None:
        checked(bundle)
        with_noise(copy / "openvino" / "f32" / "trunk.bin")

    monkeypatch.setattr(manifest.Bundle, "check", check_then_change)
    with pytest.raises(BundleError, match=r"openvino/f32/trunk.bin is not the file"):
        load("tiny", engine="openvino", precision="f32")


def test_stages_that_the_manifest_does_not_name_are_not_run(copy: Path) -> None:
    text = (copy / "model.json").read_text()
    (copy / "model.json").write_text(text.replace('"openvino/f32/trunk.bin"', '"openvino/f32/trunk2.bin"'))
    (copy / "openvino" / "f32" / "trunk.bin").rename(copy / "openvino" / "f32" / "trunk2.bin")
    shutil.copy(copy / "openvino" / "f32" / "trunk2.bin", copy / "openvino" / "f32" / "trunk.bin")
    with pytest.raises(BundleError, match=r"does not give the sha256 of openvino/f32/trunk.bin"):
        load("tiny", engine="openvino", precision="f32")


def test_a_model_that_is_replaced_while_it_loads_is_loaded_as_it_is_now(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = Bundle.check

    def check_then_replace(bundle: Bundle) -> None:
        checked(bundle)
        if bundle.manifest.version == "1":
            with catalog.new_bundle("tiny") as folder:
                shutil.copytree(copy, folder, dirs_exist_ok=True)
                values = bundle.manifest.model_dump(exclude={"files"})
                with (folder / "openvino" / "f32" / "trunk.xml").open("a") as file:
                    file.write("<!-- of the second version -->")
                write_manifest(folder, {**values, "version": "2"})

    monkeypatch.setattr(manifest.Bundle, "check", check_then_replace)
    assert load("tiny", precision="f32", tested=True).bundle.manifest.version == "2"
