"""A new kind of model is one class and one line of the registry: all else serves it as it stands."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import openvino as ov
import openvino.opset13 as ops
import pytest
from PIL import Image

from app import create_app
from model import catalog
from model.__main__ import main
from model.engines.stages import Runner, StageSpec
from model.families.family import Imported, InputsOf, NoReference, Size, Turn
from model.families.registry import FAMILIES
from model.results.masks import from_label_map
from model.results.result import Result, Task, Wishes
from model.results.segments import Segments
from model.segmenter import load
from model.stopwatch import Stopwatch
from model.storage.manifest import Bundle, BundleError, Manifest
from model.storage.writing import update_manifest, write_manifest

STAGES = (StageSpec("brightness", inputs=1),)


class BrightestSpot:
    """Answers with the one segment of all pixels whose mean channel is above a limit of the config."""

    def __init__(self, limit: float, runner: Runner) -> None:
        self.limit = limit
        self.runner = runner

    def enough(self, size: Size) -> Size:
        return size

    def work(self, size: Size) -> int:
        return size[0] * size[1]

    def predict(
        self,
        image: npt.NDArray[np.uint8],
        wishes: Wishes,
        *,
        size: Size,
        stopwatch: Stopwatch,
        turn: Turn,
    ) -> Result:
        with turn(), stopwatch.measure("infer"):
            (brightness,) = self.runner.start(image[np.newaxis].astype(np.float32)).outputs
        with stopwatch.measure("masks"):
            boxes, masks = from_label_map((brightness[0, ..., 0] > self.limit).astype(np.uint16))
        count = len(boxes)
        return Result(Segments(size, boxes, np.ones(count, np.int32), np.ones(count, np.float32), masks))

    def predict_each(
        self,
        image: npt.NDArray[np.uint8],
        wishes: Sequence[Wishes],
        *,
        size: Size,
        stopwatch: Stopwatch,
        turn: Turn,
    ) -> list[Result]:
        return [self.predict(image, one, size=size, stopwatch=stopwatch, turn=turn) for one in wishes]


class ToyFamily:
    """See `families.family.Family`."""

    name = "toy"
    task: Task = "instance"
    training = None
    importing = None

    def check(self, manifest: Manifest) -> None:
        if "limit" not in manifest.config:
            raise ValueError("config needs a limit, such as 128")

    def input_policy(self, manifest: Manifest) -> dict[str, Any]:
        return {"any": "size"}

    def stages(self, manifest: Manifest) -> Sequence[StageSpec]:
        return STAGES

    def largest_picture(self, manifest: Manifest) -> tuple[int, ...]:
        return 1, 64, 64, 3

    def reference_engine(self, manifest: Manifest) -> Literal["openvino"]:
        return "openvino"

    def reference(self, bundle: Bundle, threads: int | None = None) -> Runner:
        raise NoReference("compiled stages only")

    def graphs(self, bundle: Bundle, reference: Runner) -> dict[str, ov.Model]:
        return {"brightness": ov.Core().read_model(bundle.stages_folder("f32") / "brightness.xml")}

    def predictor(self, manifest: Manifest, runner: Runner) -> BrightestSpot:
        return BrightestSpot(manifest.config["limit"], runner)

    def inputs_of(self, manifest: Manifest, reference: Runner) -> InputsOf:
        return lambda stage, image: [image[np.newaxis].astype(np.float32)]

    def import_file(
        self,
        path: Path,
        folder: Path,
        name: str,
        classes: list[str],
        wanted: Mapping[str, Any],
        about: Mapping[str, Any],
    ) -> Imported:
        raise NotImplementedError


@pytest.fixture
def toy(model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    """A bundle of the toy family, and its line in the registry."""
    monkeypatch.setitem(FAMILIES, "toy", ToyFamily())
    picture = ops.parameter([1, -1, -1, 3], np.float32)
    graph = ov.Model([ops.reduce_mean(picture, np.array([3]), keep_dims=True)], [picture], "brightness")
    with catalog.new_bundle("spot") as folder:
        (folder / "openvino/f32").mkdir(parents=True)
        ov.save_model(graph, folder / "openvino/f32/brightness.xml")
        values = {
            "name": "spot",
            "version": "1",
            "family": "toy",
            "task": "instance",
            "classes": ["background", "spot"],
            "licence": "CC0-1.0",
            "source": "a test",
            "threshold": 0.5,
            "config": {"limit": 128},
            "weights": "openvino/f32/brightness.bin",
            "exports": {"f32": {"passed": True}},
        }
        write_manifest(folder, values)
    return catalog.find("spot")


PICTURE = np.zeros((40, 60, 3), np.uint8)
PICTURE[10:20, 30:50] = 255


def test_it_is_loaded_and_answers_as_a_library(toy: Bundle) -> None:
    found = load("spot", precision="f32", tested=True).segment(PICTURE)

    assert found.boxes.tolist() == [[30, 10, 50, 20]]


def test_it_is_served_in_every_format(toy: Bundle) -> None:
    client = create_app({"spot": load("spot", precision="f32")}).test_client()
    file = io.BytesIO()
    Image.fromarray(PICTURE).save(file, "PNG")

    def ask(query: str) -> Any:
        return client.post("/api/v1/segment" + query, data=file.getvalue(), content_type="image/png")

    answer = ask("").get_json()
    assert [(one["class"], one["box"], one["area"]) for one in answer["segments"]] == [
        ("spot", [30, 10, 20, 10], 200)
    ]
    assert client.get("/api/v1/models/spot").get_json()["input"] == {"any": "size"}
    for output in ("overlay", "labelmap", "cutouts", "csv", "coco", "rois", "geojson"):
        assert ask(f"?output={output}").status_code == 200, output


def test_it_leaves_every_command_as_it_was(toy: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("import", "train", "export"):
        with pytest.raises(SystemExit) as ended:
            main([command, "--help"])
        assert ended.value.code == 0
    words = ["import", "nothing.h5", "--task", "instance", "--name", "mine", "--backbone", "resnet50"]
    assert main(words) == 1
    assert "nothing.h5" in capsys.readouterr().err  # Mask R-CNN's part, which is of the same task
    assert main(["models"]) == 0
    assert "spot" in capsys.readouterr().out


def test_its_own_words_refuse_a_manifest_that_does_not_fit(toy: Bundle) -> None:
    update_manifest(toy, config={})
    with pytest.raises(BundleError, match="config needs a limit"):
        catalog.find("spot")


def test_a_family_that_is_not_there_is_named_with_those_that_are(
    toy: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(FAMILIES, "toy")
    with pytest.raises(BundleError, match=r"no model family 'toy'.*mask_rcnn, semantic"):
        catalog.find("spot")
