"""A bulk run that was killed and started again: what it writes about good and bad pictures."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from bulk_runs import MODULE, PYTHON, ROOT, Bulk, all_rows, cells, command, rows
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

GOOD = [f"cells{number}.png" for number in range(7)]
BAD = {"empty.png": "not-an-image", "notes.txt": "not-an-image", "half.png": "broken-image"}


@dataclass
class Killed:
    """A run that was killed once something was written, and the one that went on with it.

    Attributes:
        pictures: the folder of pictures.
        out: the folder of results.
        kept: the files of rows that the first had written, with the time of their last change.
        second: how the second ended.
    """

    pictures: Path
    out: Path
    kept: dict[Path, int]
    second: subprocess.CompletedProcess[str]

    @property
    def words(self) -> list[str]:
        shown = ["--overlays", "--label_maps=true", "--coco", "--measure=shape"]
        return [f"--input={self.pictures}/*", f"--output={self.out}", "--shard_size=1", *shown]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, bulk: Bulk) -> Killed:
    pictures, out = tmp_path_factory.mktemp("pictures"), tmp_path_factory.mktemp("bulk") / "out"
    for number, name in enumerate(GOOD):
        (pictures / name).write_bytes(cells(100 + 20 * number, 140 - 8 * number, seed=number))
    (pictures / "empty.png").touch()
    (pictures / "notes.txt").write_text("no picture")
    (pictures / "half.png").write_bytes(cells(120, 120, seed=0)[:600])
    killed = Killed(pictures, out, {}, subprocess.CompletedProcess([], 0))
    with subprocess.Popen(command(*killed.words), cwd=ROOT, stderr=subprocess.DEVNULL) as first:
        while first.poll() is None and not list(out.glob("results/*.parquet")):
            time.sleep(0.005)
        first.send_signal(signal.SIGKILL)
    killed.kept = {path: path.stat().st_mtime_ns for path in out.glob("*/*.parquet")}
    killed.second = bulk(*killed.words)
    return killed


def test_no_picture_is_missing_and_none_comes_twice(run: Killed) -> None:
    assert run.second.returncode == 0, run.second.stderr
    assert run.kept
    assert len(run.kept) < len(GOOD + list(BAD)), "the first run was killed too late to show anything"
    assert set(rows(run.out / "results")) == set(GOOD)
    assert {name: row["error"]["code"] for name, row in rows(run.out / "errors").items()} == BAD


def test_what_was_written_before_is_not_done_again(run: Killed) -> None:
    assert {path: path.stat().st_mtime_ns for path in run.kept} == run.kept
    assert list((run.out / "_temporary").iterdir()) == []


def test_a_row_tells_picture_model_and_segments(run: Killed) -> None:
    for number, name in enumerate(GOOD):
        row = rows(run.out / "results")[name]
        assert row["uri"] == str(run.pictures / name)
        assert row["generation"] == pytest.approx((run.pictures / name).stat().st_mtime_ns / 1000, abs=1)
        assert row["size"] == {"width": 100 + 20 * number, "height": 140 - 8 * number}
        assert (row["model"], row["error"], row["classification"]) == ("nuclei", None, None)
        assert row["segments"]
        for segment, measures in zip(row["segments"], row["measures"], strict=True):
            assert segment["class"] == "nucleus"
            assert coco_mask.area(segment["mask"]) == segment["area"] == dict(measures)["area"]


def test_overlays_label_maps_and_coco_shards_agree_with_the_rows(run: Killed) -> None:
    found = rows(run.out / "results")
    for name, row in found.items():
        place = f"{str(run.pictures / name).lstrip('/')}.png"
        overlay, labels = (Image.open(run.out / folder / place) for folder in ("overlays", "label_maps"))
        assert overlay.size == labels.size == tuple(row["size"].values())
        assert len(np.unique(labels)) == len(row["segments"]) + 1
    annotated = {}
    for path in (run.out / "coco").iterdir():
        coco = COCO()
        coco.dataset = json.loads(path.read_text())
        coco.createIndex()
        for image in coco.dataset["images"]:
            annotated[image["file_name"]] = len(coco.getAnnIds(imgIds=[image["id"]]))
    assert annotated == {row["uri"]: len(row["segments"]) for row in found.values()}


def test_progress_and_a_summary_with_reasons_are_told(run: Killed) -> None:
    said = run.second.stderr
    assert f"{len(GOOD) + len(BAD)}/{len(GOOD) + len(BAD)}" in said
    assert "pictures segmented" in said
    assert "inference_ms" in said
    assert "Traceback" not in said


def test_a_picture_that_was_overwritten_is_done_again_and_errors_that_were_removed(
    run: Killed, bulk: Bulk
) -> None:
    (run.pictures / "cells0.png").write_bytes(cells(90, 80, seed=9))
    for path in (run.out / "errors").iterdir():
        path.unlink()

    assert bulk(*run.words).returncode == 0

    found = all_rows(run.out / "results")
    assert len(found) == len(GOOD) + 1
    first = [row["size"]["width"] for row in found if row["uri"].endswith("/cells0.png")]
    assert sorted(first) == [90, 100]
    assert set(rows(run.out / "errors")) == set(BAD)


def test_another_version_of_the_model_does_not_go_on_with_the_answers_of_the_first(
    tmp_path: Path, bulk: Bulk
) -> None:
    (tmp_path / "a.png").write_bytes(cells(90, 80, seed=1))
    words = [f"--input={tmp_path}/*.png", f"--output={tmp_path}/out"]
    assert bulk(*words, "--model=gate").returncode == 0
    shutil.copytree(ROOT / "model" / "bundles" / "gate", tmp_path / "models" / "gate")
    manifest = tmp_path / "models" / "gate" / "model.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "version": "newer"}))
    variables = {"MASKSERVE_MODEL_DIR": str(tmp_path / "models")}

    newer = bulk(*words, "--model=gate", **variables)

    assert newer.returncode == 2
    assert "has the answers of a run with model=gate@1: name another output" in newer.stderr
    assert "0 pictures segmented" in bulk(*words, "--model=gate@1").stderr


REFUSED = {
    "--threshold=0.9": "has the answers of a run with threshold=None",
    "--classes=cat": "there is no class 'cat'; there are: nucleus",
    "--input=/nowhere/*.png": "no file matches /nowhere/*.png",
    "--output=": "no folder for the results is named: add --output",
    "--model=cats": "cats",
    "--treshold=0.9": "there is no option --treshold=0.9: see --help",
    "another.png": "there is no option another.png: see --help, and quote patterns with *",
    "--input=tests": "tests is a folder: expected a pattern such as ",
    "--output=answers[1]": "expected a folder without *, ? and [ in its name",
    "--model=gate": "the model gate is a classifier, which finds no segments: leave out measure, drawn, coco",
}


def test_what_cannot_be_run_is_refused_at_once_with_the_reason(run: Killed) -> None:
    script = f"""
import sys
from {MODULE} import main
for word in {list(REFUSED)!r}:
    print(main([*{run.words!r}, word]), file=sys.stderr)
"""
    ended = subprocess.run([PYTHON, "-c", script], cwd=ROOT, capture_output=True, text=True)

    assert "Traceback" not in ended.stderr
    complaints = ended.stderr.split("2\n")
    for complaint, expected in zip(complaints, REFUSED.values(), strict=False):
        assert expected in complaint
    assert len(complaints) == len(REFUSED) + 1
