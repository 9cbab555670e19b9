from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from browsing import HEIGHT, WIDTH, await_answer, choose, file_of, open_downloads, place_picture, slide
from chromium import Browse, Page, expect
from known_models import OBJECTS
from pycocotools.coco import COCO
from roifile import ImagejRoi
from server import Server

PICTURE = file_of(place_picture())
RING = OBJECTS[2]

# What is shown once the score is raised and fibres are hidden, and how the API is asked for the same.
KEPT = [OBJECTS[0], OBJECTS[2], OBJECTS[3]]
NUMBERS = [
    1,
    3,
    4,
]  # of these on the page, and so in its files; an answer with these alone numbers them from 1
QUERY = "?model=known&max_segments=10000&threshold=0.65&classes=cell&classes=debris"

BUTTONS = {
    "overlay": ("Overlay", "places-overlay.png"),
    "labelmap": ("Label map", "places-labels.png"),
    "cutouts": ("Cutouts", "places-cutouts.zip"),
    "csv": ("Table", "places.csv"),
    "json": ("JSON", "places.json"),
    "coco": ("COCO", "places-coco.json"),
    "rois": ("ImageJ ROIs", "places-rois.zip"),
    "geojson": ("GeoJSON", "places.geojson"),
}

needs_curl = pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")

Taken = dict[str, tuple[bytes, bytes]]


@pytest.fixture
def shown(page: Page) -> Page:
    choose(page, PICTURE)
    await_answer(page)
    return page


def save(page: Page, button: str) -> tuple[str, bytes]:
    """The name and bytes of the file that a click on this button saves."""
    open_downloads(page)
    with page.expect_download() as download:
        page.locator("#take button", has_text=re.compile(rf"^\s*{button}")).click()
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()


def filter_some(page: Page) -> None:
    slide(page, "#threshold", 0.65)
    page.locator(".chip[data-name=fibre]").click()
    expect(page.locator("#found")).to_have_text("3 objects")


@pytest.fixture(scope="module")
def taken(browser: Any, server: Server) -> Taken:
    """Every download of a filtered picture, and the API's own answer; one visit for all."""
    browse = Browse(browser)
    page = browse(server)
    choose(page, PICTURE)
    await_answer(page)
    filter_some(page)
    page.get_by_label("A pixel is").fill("0.5")
    taken = {}
    for output, (button, name) in BUTTONS.items():
        saved_as, data = save(page, button)
        assert saved_as == name
        size = "&pixel_size=0.5" if output == "csv" else ""
        status, _, own = server.segment(PICTURE["buffer"], f"{QUERY}&output={output}{size}")
        assert status == 200
        taken[output] = data, own
    browse.close()
    return taken


def decoded(data: bytes) -> np.ndarray:
    """uint8 (H, W, 3), RGB."""
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


def shown_colours(page: Page) -> list[tuple[int, ...]]:
    """The colours of the objects that the page shows."""
    colours = page.evaluate(
        """async () => {
            const { visit } = await viewer("visit.js");
            return visit.current.shown.map(({ colour }) => colour);
        }"""
    )
    return [tuple(bytes.fromhex(colour[1:])) for colour in colours]


def test_the_overlay_has_the_colours_of_the_page_and_the_size_of_the_picture(taken: Taken) -> None:
    picture, own = map(decoded, taken["overlay"])
    assert picture.shape == own.shape == (HEIGHT, WIDTH, 3)
    fibre = OBJECTS[1].middle
    place = int(fibre[1]), int(fibre[0])
    np.testing.assert_array_equal(picture[place], own[place])  # it is hidden


def test_the_unfiltered_overlay_is_the_apis(shown: Page, server: Server) -> None:
    status, _, own = server.segment(PICTURE["buffer"], "?model=known&output=overlay")
    assert status == 200
    # Objects below the model's threshold have colours too, but come after those above it.
    assert save(shown, "Overlay")[1] == own


def test_the_overlay_is_what_is_shown_and_nothing_is_segmented_again(shown: Page) -> None:
    filter_some(shown)
    slide(shown, "#opacity", 1)
    for name in ("Outlines", "Labels", "Boxes"):
        shown.get_by_label(name, exact=True).click()
    asked: list[str] = []
    shown.on("request", lambda request: asked.append(request.url))
    picture = decoded(save(shown, "Overlay")[1])
    assert [address.split("?")[0].rsplit("/", 1)[1] for address in asked if "/api/" in address] == ["render"]
    original = np.asarray(place_picture())
    for known, colour in zip(KEPT, shown_colours(shown), strict=True):
        x, y, width, _ = known.box
        assert tuple(picture[y + 2, x + 2]) == tuple(picture[y, x + width - 1]) == colour
    x, y = map(int, RING.middle)
    np.testing.assert_array_equal(picture[y, x], original[y, x])
    x, y = map(int, OBJECTS[1].middle)
    np.testing.assert_array_equal(picture[y, x], original[y, x])


def test_the_label_map_numbers_what_is_shown(taken: Taken) -> None:
    data, own = taken["labelmap"]
    labels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert labels.dtype == np.uint16 and labels.shape == (HEIGHT, WIDTH)
    own_labels = cv2.imdecode(np.frombuffer(own, np.uint8), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(labels, np.array([0, *NUMBERS])[own_labels])
    for number, known in zip(NUMBERS, KEPT, strict=True):
        assert np.count_nonzero(labels == number) == known.area


def test_cutouts_are_a_picture_for_each(taken: Taken) -> None:
    (cutouts, own) = (zipfile.ZipFile(io.BytesIO(data)) for data in taken["cutouts"])
    assert cutouts.namelist() == ["0001-cell.png", "0003-cell.png", "0004-debris.png"]
    for name, of_own, known in zip(cutouts.namelist(), own.namelist(), KEPT, strict=True):
        cutout = cv2.imdecode(np.frombuffer(cutouts.read(name), np.uint8), cv2.IMREAD_UNCHANGED)
        assert cutout.shape == (known.box[3], known.box[2], 4)
        assert cutouts.read(name) == own.read(of_own)


def test_the_table_has_micrometres_where_the_page_has(taken: Taken) -> None:
    data, own = taken["csv"]
    rows, own_rows = (list(csv.DictReader(io.StringIO(table.decode()))) for table in (data, own))
    assert [float(row["area"]) for row in rows] == [known.area for known in KEPT]
    assert [float(row["area_um2"]) for row in rows] == [0.25 * known.area for known in KEPT]
    assert [int(row.pop("id")) for row in rows] == NUMBERS
    assert [row.pop("id") for row in own_rows] == ["1", "2", "3"]
    assert rows == own_rows


def test_the_table_has_no_micrometres_where_nobody_said_any(shown: Page) -> None:
    _, data = save(shown, "Table")
    assert b"area" in data and b"_um" not in data
    assert len(data.splitlines()) == 1 + 5


def test_the_json_is_the_apis(taken: Taken) -> None:
    answer, own = (json.loads(data) for data in taken["json"])
    assert [segment.pop("id") for segment in answer["segments"]] == NUMBERS
    assert [segment.pop("id") for segment in own["segments"]] == [1, 2, 3]
    assert answer["segments"] == own["segments"]
    assert [segment["box"] for segment in answer["segments"]] == [list(known.box) for known in KEPT]


def test_coco_is_read_by_cocos_own_library(taken: Taken, tmp_path: Path) -> None:
    data, own = taken["coco"]
    wanted = json.loads(own)
    for number, annotation in zip(NUMBERS, wanted["annotations"], strict=True):
        annotation["id"] = number
    assert json.loads(data) == wanted
    (tmp_path / "coco.json").write_bytes(data)
    coco = COCO(tmp_path / "coco.json")
    annotations = coco.loadAnns(coco.getAnnIds())
    assert [coco.annToMask(annotation).sum() for annotation in annotations] == [known.area for known in KEPT]


def test_rois_are_read_as_imagej_does(taken: Taken) -> None:
    (rois, own) = (zipfile.ZipFile(io.BytesIO(data)) for data in taken["rois"])
    assert [int(name.split("-")[0]) for name in rois.namelist()] == NUMBERS
    assert len(own.namelist()) == len(NUMBERS)
    for name, known in zip(rois.namelist(), KEPT, strict=True):
        roi = ImagejRoi.frombytes(rois.read(name))
        x, y, width, height = known.box
        assert (roi.left, roi.top, roi.right, roi.bottom) == (x, y, x + width, y + height)


def test_geojson_has_a_feature_for_each(taken: Taken) -> None:
    features, own = (json.loads(data) for data in taken["geojson"])
    for number, feature in zip(NUMBERS, own["features"], strict=True):
        feature["id"] = number
        feature["properties"]["name"] = f"{number:04d}{feature['properties']['name'][4:]}"
    assert features == own
    assert [feature["properties"]["classification"]["name"] for feature in features["features"]] == [
        known.name for known in KEPT
    ]


def test_the_chosen_object_is_cut_out_with_its_hole(shown: Page) -> None:
    shown.locator("#objects tr").nth(2).click()
    name, data = save(shown, "Chosen object")
    assert name == "places-0003-cell.png"
    cutout = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    x, y, width, height = RING.box
    assert cutout.shape == (height, width, 4)
    np.testing.assert_array_equal(cutout[..., 3], 255 * RING.mask())
    blue, green, red, _ = cutout[2, 3]
    assert (red, green, blue) == (x + 3, y + 2, 128)


def run_in_shell(line: str, folder: Path, **environment: str) -> dict[str, Any]:
    ended = subprocess.run(
        ["sh", "-c", line],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        timeout=30,
        check=True,
    )
    answer: dict[str, Any] = json.loads(ended.stdout)
    return answer


@needs_curl
def test_the_curl_line_runs_as_it_is_and_finds_as_many(page: Page, tmp_path: Path) -> None:
    for name in ("places.png", "it's mine.png", 'a;b, "c" $HOME.png', "back\\slash.png"):
        (tmp_path / name).write_bytes(PICTURE["buffer"])
        choose(page, {**PICTURE, "name": name})
        await_answer(page, name)
        filter_some(page)
        answer = run_in_shell(page.locator("#snippet").text_content(), tmp_path)
        assert [segment["box"] for segment in answer["segments"]] == [list(known.box) for known in KEPT]


@needs_curl
def test_the_curl_line_takes_the_key_from_the_environment(
    browse: Browse, serve_known: Callable[..., Server], tmp_path: Path
) -> None:
    page = browse(serve_known(MASKSERVE_API_KEYS="sesame-0123456789"))
    (tmp_path / "places.png").write_bytes(PICTURE["buffer"])
    page.locator("#key").fill("sesame-0123456789")
    choose(page, PICTURE)
    await_answer(page)
    line = page.locator("#snippet").text_content()
    assert "sesame" not in line
    assert len(run_in_shell(line, tmp_path, KEY="sesame-0123456789")["segments"]) == 5
    assert len(save(page, "Table")[1].splitlines()) == 1 + 5


def test_the_curl_line_is_copied(browse: Browse, server: Server) -> None:
    page = browse(server, permissions=["clipboard-read", "clipboard-write"])
    choose(page, PICTURE)
    await_answer(page)
    page.get_by_role("heading", name="For developers").click()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#snippet").text_content()


def test_a_download_that_fails_says_so_and_can_be_tried_again(browse: Browse, server: Server) -> None:
    browse.expect_complaint("ERR_INTERNET_DISCONNECTED")
    page = browse(server)
    choose(page, PICTURE)
    await_answer(page)
    open_downloads(page)
    page.context.set_offline(True)
    page.get_by_role("button", name="Label map").click()
    expect(page.get_by_role("alert")).to_contain_text("You are offline")
    page.context.set_offline(False)
    assert save(page, "Label map")[1]
    expect(page.locator("#take-problem")).to_be_hidden()


def test_the_same_request_in_python_finds_as_many(page: Page, tmp_path: Path) -> None:
    (tmp_path / "places.png").write_bytes(PICTURE["buffer"])
    choose(page, PICTURE)
    await_answer(page)
    filter_some(page)
    page.get_by_role("heading", name="For developers").click()
    page.get_by_label("Python").check()
    (tmp_path / "ask.py").write_text(page.locator("#snippet").text_content())
    ended = subprocess.run(
        [sys.executable, "ask.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert ended.stdout.splitlines() == [f"{known.name} {known.score} {list(known.box)}" for known in KEPT], (
        ended.stderr
    )


def test_the_same_request_in_javascript_finds_as_many(page: Page) -> None:
    choose(page, PICTURE)
    await_answer(page)
    filter_some(page)
    page.get_by_role("heading", name="For developers").click()
    page.get_by_label("JavaScript").check()
    code = page.locator("#snippet").text_content()
    found = page.evaluate(
        f"""async (bytes) => {{
            const found = [];
            const console = {{ log: (name, score, box) => found.push(box) }};
            const file = new File([new Uint8Array(bytes)], "places.png");
            {code}
            return found;
        }}""",
        list(PICTURE["buffer"]),
    )
    assert found == [list(known.box) for known in KEPT]
