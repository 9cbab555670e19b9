"""The model that ships: what it finds in pictures of which the truth is known."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from model import catalog
from model.data import Sample, open_data
from model.engines.openvino import precisions_of_processor
from model.evaluation.evaluate import evaluate
from model.families.mask_rcnn.config import Config
from model.families.mask_rcnn.fit import tiling_of
from model.pictures import read
from model.pictures.colours import RawPixels, raw_pixels_to_rgb
from model.results.masks import from_label_map
from model.results.result import Wishes
from model.segmenter import Segmenter, load
from model.storage.manifest import MANIFEST
from scripts.draw_samples import fluorescence, tissue

REPOSITORY = Path(__file__).parents[2]
CASES = REPOSITORY.parent / "shared" / "cases"
NUCLEI_ARCHIVE = REPOSITORY.parent / "shared" / "data" / "nuclei.tar"
MEGABYTE = 2**20

Image = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def nuclei() -> Segmenter:
    return load("nuclei")


class OneSample:
    """A data set of one drawn picture."""

    classes = ["background", "nucleus"]  # noqa: RUF012 - as DataSet has it
    ids = ["drawn"]  # noqa: RUF012
    kinds = [None]  # noqa: RUF012

    def __init__(self, image: Image, labels: npt.NDArray[np.uint16]) -> None:
        boxes, masks = from_label_map(labels)
        self.sample = Sample("drawn", image, boxes, np.ones(len(boxes), np.int32), masks)

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> Sample:
        return self.sample


def as_it_is(image: Image) -> Image:
    return image


def dim(image: Image) -> Image:
    """An underexposed camera: an eighth of the light."""
    return image // 8


def inverted(image: Image) -> Image:
    """Dark nuclei on a bright field."""
    return 255 - image


def grey(image: Image) -> Image:
    return np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=-1)


@pytest.mark.parametrize(
    ("draw", "change", "least_ap"),
    [
        (fluorescence, as_it_is, 0.8),
        (fluorescence, dim, 0.7),
        (fluorescence, inverted, 0.5),
        (tissue, as_it_is, 0.6),
        (tissue, grey, 0.5),
    ],
)
def test_drawn_nuclei_are_found(
    nuclei: Segmenter,
    draw: Callable[[], tuple[Image, npt.NDArray[np.uint16]]],
    change: Callable[[Image], Image],
    least_ap: float,
) -> None:
    picture, labels = draw()
    image = cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB if picture.ndim == 2 else cv2.COLOR_BGR2RGB)
    result = evaluate(nuclei.segment, OneSample(change(image), labels), progress=False)
    assert result.to_json()["all"]["AP50"] >= least_ap


def test_a_burned_in_scale_bar_costs_no_nucleus(nuclei: Segmenter) -> None:
    bar = CASES / "u16_burned_in_scale_bar.tif"
    if not bar.exists():
        pytest.skip(f"{CASES} is missing")
    expected = nuclei.segment(read(CASES / "reference.png"))

    found = nuclei.segment(read(bar))

    assert len(found) == len(expected) == 13
    for box, score in zip(expected.boxes, expected.scores, strict=True):
        away = np.abs(found.boxes - box).max(axis=1)
        nearest = away.argmin()
        lies_under_the_bar = box[0] < 190 and box[2] > 120 and box[1] < 148 and box[3] > 140
        assert away[nearest] <= (15 if lies_under_the_bar else 2)  # what the bar cuts off is not seen
        assert abs(found.scores[nearest] - score) <= 0.1


@pytest.mark.parametrize(
    ("height", "width"),
    [
        pytest.param(48, 512, id="a strip"),
        pytest.param(512, 40, id="a narrow one"),
        pytest.param(64, 64, id="a small square"),
    ],
)
def test_a_small_cutting_has_the_nuclei_of_the_whole(nuclei: Segmenter, height: int, width: int) -> None:
    picture, labels = fluorescence()
    shares = []
    for at in (0, 1 / 3, 2 / 3, 1):
        top, left = round(at * (512 - height)), round(at * (512 - width))
        rows, columns = slice(top, top + height), slice(left, left + width)
        image = np.repeat(picture[rows, columns, np.newaxis], 3, axis=2)
        cutting = OneSample(image, labels[rows, columns])
        shares.append(evaluate(nuclei.segment, cutting, progress=False).to_json()["all"]["AP50"])

    assert np.mean(shares) >= 0.5


@pytest.mark.parametrize(("depth", "light"), [(np.uint8, 0.2), (np.uint16, 4)])
def test_drawn_nuclei_are_found_beside_a_scale_bar(
    nuclei: Segmenter, depth: type[np.unsignedinteger], light: float
) -> None:
    picture, labels = fluorescence()
    image = (picture * light).astype(depth)
    image[-20:-8, -120:-10] = np.iinfo(depth).max
    labels[-20:-8, -120:-10] = 0

    found = OneSample(raw_pixels_to_rgb(RawPixels(image[:, :, np.newaxis], colour=False)), labels)

    assert evaluate(nuclei.segment, found, progress=False).to_json()["all"]["AP50"] >= 0.7


def test_a_picture_far_larger_than_the_network_s_input_keeps_its_nuclei(nuclei: Segmenter) -> None:
    picture, _ = fluorescence()
    image = np.tile(cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB), (4, 4, 1))  # the input ends at 1536
    alone = len(nuclei.segment(image[:512, :512]))
    found = nuclei.segment(image, max_segments=1000)
    assert found.size == (2048, 2048)
    # Nuclei at the sixteenths' borders meet or are cut there; a seam of tiles must add none of its own.
    assert 0.9 * 16 * alone <= len(found) <= 1.1 * 16 * alone


def small_nuclei() -> Image:
    """256 x 256 pixels with drawn nuclei some 12 pixels wide."""
    small = cv2.resize(fluorescence()[0], (256, 256), interpolation=cv2.INTER_AREA)
    return np.repeat(small[..., None], 3, axis=-1)


def test_a_picture_of_many_fields_has_the_small_nuclei_of_each(nuclei: Segmenter) -> None:
    field = small_nuclei()
    alone = nuclei.predict(field, Wishes()).found
    assert alone >= 50
    four = nuclei.predict(np.tile(field, (2, 2, 1)), Wishes(max_segments=10))
    sixteen = nuclei.predict(np.tile(field, (4, 4, 1)), Wishes())
    # Nuclei at the borders of fields meet or are cut there.
    assert four.found == pytest.approx(4 * alone, rel=0.08)
    assert sixteen.found == pytest.approx(16 * alone, rel=0.08)
    assert len(four.segments) == 10
    assert sixteen.left_out == 0  # by default as many are answered as a field may have


def test_an_empty_field_has_no_nuclei(nuclei: Segmenter) -> None:
    noise = np.random.default_rng(0).normal(12, 2, (256, 256, 1)).clip(0, 255).astype(np.uint8)
    assert len(nuclei.segment(np.repeat(noise, 3, axis=-1))) <= 2


def test_eight_threads_get_equal_answers(nuclei: Segmenter) -> None:
    image = cv2.cvtColor(fluorescence()[0], cv2.COLOR_GRAY2RGB)
    with ThreadPoolExecutor(8) as executor:
        answers = list(executor.map(lambda _: nuclei.segment(image), range(8)))
    for answer in answers[1:]:
        np.testing.assert_array_equal(answer.boxes, answers[0].boxes)
        np.testing.assert_array_equal(answer.scores, answers[0].scores)
        assert all(map(np.array_equal, answer.masks, answers[0].masks))


def test_pictures_of_changing_sizes_do_not_fill_the_memory() -> None:
    """16 sizes in one process, each of another shape, the largest first: after five, at most a tenth more.

    If the trunk stayed compiled for every shape, it would be half as much again.
    """
    script = """
import numpy as np
from model.segmenter import load

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1])

segmenter = load("nuclei")
random = np.random.default_rng(0)
sizes = [(180, 120), (140, 120), (180, 60), (140, 60), (120, 60), (180, 40), (140, 40), (60, 40)]
peak_early = peak_late = 0
for index, (height, width) in enumerate(size for pair in sizes for size in (pair, pair[::-1])):
    segmenter.segment(random.integers(0, 256, (height, width, 3), np.uint8))
    if index < 5:
        peak_early = max(peak_early, resident())
    else:
        peak_late = max(peak_late, resident())
print(peak_late / peak_early)
"""
    if not Path("/proc/self/statm").exists():
        pytest.skip("resident memory is read from /proc, which this system does not have")
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    assert float(done.stdout.split()[-1]) <= 1.1


def test_one_thread_finds_the_same_nuclei(nuclei: Segmenter) -> None:
    image = np.repeat(fluorescence()[0][..., None], 3, axis=-1)
    ours, theirs = load("nuclei", threads=1).segment(image), nuclei.segment(image)
    np.testing.assert_array_equal(ours.boxes, theirs.boxes)
    np.testing.assert_array_equal(ours.class_ids, theirs.class_ids)
    np.testing.assert_allclose(ours.scores, theirs.scores, atol=1e-3)
    np.testing.assert_allclose(ours.areas(), theirs.areas(), atol=2)


@pytest.fixture(scope="module")
def reference() -> Segmenter:
    return load("nuclei", engine="tensorflow")


@pytest.fixture(scope="module")
def compiled_ways() -> dict[str, Segmenter]:
    """By precision."""
    return {
        precision: load("nuclei", engine="openvino", precision=precision)
        for precision in precisions_of_processor()
    }


@pytest.mark.parametrize("draw", [fluorescence, tissue])
def test_every_way_to_run_it_finds_the_same_nuclei(
    reference: Segmenter,
    compiled_ways: dict[str, Segmenter],
    draw: Callable[[], tuple[Image, npt.NDArray]],
) -> None:
    image, _ = draw()
    image = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=-1)
    expected = reference.segment(image)
    truth = Sample("drawn", image, expected.boxes, expected.class_ids, expected.masks)
    for precision, compiled in compiled_ways.items():
        data = OneSample(image, np.zeros(image.shape[:2], np.uint16))
        data.sample = truth
        agreement = evaluate(compiled.segment, data, progress=False).rows()["all"]["AP50"]
        assert agreement >= {"f32": 0.99, "bf16": 0.9, "int8": 0.9}[precision], precision


def test_the_bundle_is_small_and_says_what_it_is() -> None:
    folder = catalog.SHIPPED / "nuclei"
    manifest = catalog.read_bundle(folder).manifest
    assert (folder / manifest.weights).stat().st_size <= 16 * MEGABYTE
    assert sum(path.stat().st_size for path in folder.rglob("*")) <= 40 * MEGABYTE  # compiled stages and all
    assert {name: export.passed for name, export in manifest.exports.items()} == {
        "f32": True,
        "bf16": True,
        "int8": True,
    }
    assert manifest.licence == "CC0-1.0"
    assert manifest.made_by.startswith("python -m model train")
    assert manifest.quality is not None


@pytest.mark.skipif(not NUCLEI_ARCHIVE.exists(), reason=f"needs {NUCLEI_ARCHIVE.name}, which is not here")
def test_its_quality_is_what_model_json_says(nuclei: Segmenter, tmp_path: Path) -> None:
    subprocess.run(["tar", "xf", NUCLEI_ARCHIVE, "-C", tmp_path, "val"], check=True)
    result = evaluate(nuclei.segment, open_data(tmp_path / "val"), progress=False).to_json()
    claimed = json.loads((catalog.SHIPPED / "nuclei" / MANIFEST).read_text())["quality"]
    assert result["all"]["AP50"] == pytest.approx(claimed["all"]["AP50"], abs=0.005)
    for kind, row in claimed["kinds"].items():
        assert result["kinds"][kind]["AP50"] == pytest.approx(row["AP50"], abs=0.02), kind


def larger_than_a_tile() -> Image:
    mosaic = np.tile(fluorescence()[0][:, :, np.newaxis], (2, 3, 3))
    manifest = catalog.find("nuclei").manifest
    tiling = tiling_of(
        (mosaic.shape[1], mosaic.shape[0]), Config.from_json(manifest.config), manifest.tile_overlap
    )
    assert len(tiling.tiles) > 1
    return mosaic


def test_an_object_across_a_seam_is_the_same_at_every_threshold(nuclei: Segmenter) -> None:
    mosaic = larger_than_a_tile()
    all_of_them = nuclei.segment(mosaic, threshold=0.1, max_segments=1000)
    for threshold in (0.5, 0.95):
        kept = all_of_them.select(np.flatnonzero(all_of_them.scores >= np.float32(threshold)))
        asked = nuclei.segment(mosaic, threshold=threshold, max_segments=1000)
        assert asked.scores.tolist() == kept.scores.tolist()
        assert asked.boxes.tolist() == kept.boxes.tolist()
        assert asked.areas().tolist() == kept.areas().tolist()


def test_what_an_object_looks_like_does_not_depend_on_how_many_are_asked_for(nuclei: Segmenter) -> None:
    mosaic = larger_than_a_tile()
    every, few = nuclei.segment(mosaic), nuclei.segment(mosaic, max_segments=5)
    assert len(few) == 5
    assert few.boxes.tolist() == every.boxes[:5].tolist()
    assert few.areas().tolist() == every.areas()[:5].tolist()
