"""Objects from files: corrections go on later, and those of other programs are corrected, without a model."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from browsing import (
    HEIGHT,
    WIDTH,
    as_file,
    await_answer,
    choose,
    correct,
    file_of,
    in_window,
    open_downloads,
    place_picture,
    slide,
)
from chromium import Dialog, Page, expect
from known_models import OBJECTS, THRESHOLD
from server import Server, wait_until

PICTURE = file_of(place_picture())
FOUND = [known for known in OBJECTS if known.score >= THRESHOLD]


def written(server: Server, query: str) -> bytes:
    status, _, data = server.segment(PICTURE["buffer"], f"?model=known&{query}")
    assert status == 200
    return data


@contextmanager
def answering(page: Page, *, accept: bool = True) -> Iterator[list[str]]:
    """Answer the page's questions and notes, of which there must be one; they are given to look at."""
    asked: list[str] = []

    def answer(dialog: Dialog) -> None:
        asked.append(dialog.message)
        if accept:
            dialog.accept()
        else:
            dialog.dismiss()

    page.on("dialog", answer)
    yield asked
    wait_until(lambda: page.evaluate("() => true") and bool(asked), 60)
    page.remove_listener("dialog", answer)


def boxes(page: Page) -> list[list[Any]]:
    """The class, box and area of each object that is shown, best first."""
    every: list[list[Any]] = page.evaluate(
        """async () => {
            const { visit } = await viewer("visit.js");
            return visit.current.shown.map((segment) => [segment.class, segment.box, segment.area]);
        }"""
    )
    return every


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("places-coco.json", "output=coco"),
        ("places-coco.json", "output=coco&mask_format=polygon"),
        ("places.json", "output=json"),
        ("places.json", "output=json&mask_format=png"),
        ("places.json", "output=json&mask_format=polygon"),
        ("places-training.zip", "output=training"),
        ("places-labels.png", "output=labelmap"),
    ],
)
def test_objects_come_back_from_every_file_and_no_model_runs(
    page: Page, server: Server, name: str, query: str
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    objects = as_file(written(server, query), name)
    choose(page, *([objects] if name.endswith(".zip") else [PICTURE, objects]))
    await_answer(page)
    # A label map has no classes: its objects get the model's first one.
    first = OBJECTS[0].name
    assert boxes(page) == [
        [first if "labelmap" in query else known.name, list(known.box), known.area] for known in FOUND
    ]
    expect(page.locator("#model-facts")).to_contain_text("no model was run")
    assert not any("/api/v1/" in address for address in asked)


def test_objects_dropped_onto_the_picture_replace_its_own(page: Page, server: Server) -> None:
    choose(page, PICTURE)
    await_answer(page)
    cells = as_file(written(server, "output=coco&classes=cell"), "any.json")
    with answering(page, accept=False) as asked:
        choose(page, cells)
    assert asked == ["Replace the objects of 1 picture?\nplaces.png: 2 objects from any.json."]
    expect(page.locator("#found")).to_have_text("5 objects")
    with answering(page):
        choose(page, cells)
    expect(page.locator("#found")).to_have_text("2 objects")
    # They are as dear as corrections.
    with answering(page, accept=False) as asked:
        page.locator("#models input[value=leaves]").click()
    assert "This discards the objects read from any.json" in asked[0]
    expect(page.locator("#found")).to_have_text("2 objects")


def test_files_find_the_pictures_that_they_are_named_after(page: Page, server: Server) -> None:
    one, two = (file_of(place_picture(), f"{name}.png") for name in ("one", "two"))
    choose(page, one, two)
    await_answer(page, "one.png")
    expect(page.locator(".strip li").nth(1)).to_have_attribute("data-state", "done")
    cells, fibres = (written(server, f"output=json&classes={name}") for name in ("cell", "fibre"))
    with answering(page) as asked:
        choose(page, as_file(cells, "two.json"), as_file(fibres, "one.json"), as_file(b"{", "three.json"))
        wait_until(lambda: page.evaluate("() => true") and len(asked) == 2, 60)
    assert "two.png: 2 objects from two.json." in asked[0] and "one.png: 2 objects" in asked[0]
    assert asked[1] == "The file is not JSON. three.json is damaged: download or export it again."
    expect(page.locator("#objects tr td.class")).to_have_text(["fibre", "fibre"])
    with answering(page):
        choose(page, as_file(fibres, "two.json"))
    await_answer(page, "two.png")
    expect(page.locator("#objects tr td.class")).to_have_text(["fibre", "fibre"])


def test_a_photo_is_a_picture_whatever_its_name(page: Page) -> None:
    choose(page, PICTURE)
    await_answer(page)
    choose(page, file_of(place_picture().convert("L"), "cell_mask.png"))
    await_answer(page, "cell_mask.png")
    choose(page, file_of(place_picture(), "places_mask.png"))  # in colours
    await_answer(page, "places_mask.png")
    expect(page.locator(".strip li")).to_have_count(3)


def test_a_file_s_objects_are_all_shown_and_the_next_model_begins_at_its_own_score(
    page: Page, server: Server
) -> None:
    choose(page, PICTURE)
    await_answer(page)
    every = as_file(written(server, "output=json&threshold=0.1"), "places.json")
    with answering(page):
        choose(page, every)
    expect(page.locator("#found")).to_have_text(f"{len(OBJECTS)} objects")
    expect(page.locator("#threshold-words")).to_have_text("All objects of places.json are shown.")
    slide(page, "#threshold", 0.7)
    page.get_by_role("button", name="Show all", exact=True).click()
    expect(page.locator("#found")).to_have_text(f"{len(OBJECTS)} objects")
    with answering(page):
        page.locator("#models input[value=known]").check()
    expect(page.locator("#model-facts")).to_contain_text("known version 7")
    expect(page.locator("#found")).to_have_text("5 objects")
    expect(page.locator("#threshold-value")).to_have_text("0.50")
    expect(page.locator("#threshold-words")).to_have_text("0.50 is what known is tuned for.")


UNREADABLE = [
    ("a.json", b"{", "The file is not JSON"),
    ("a.json", b"[]", "The JSON has no objects that the page can read"),
    ("a.zip", b"PK", "The zip file cannot be read"),
    (
        "a.json",
        json.dumps({"image": {"width": 9, "height": 9}, "segments": []}).encode(),
        "a.json is for 9 × 9 pixels; this picture has 240 × 180",
    ),
    (
        "a.json",
        json.dumps({"image": {"width": WIDTH, "height": HEIGHT}, "segments": [{"class": "a"}]}).encode(),
        "a.json has no masks",
    ),
    (
        "a.json",
        json.dumps(
            {
                "image": {"width": WIDTH, "height": HEIGHT},
                "segments": [
                    {"class": "a", "score": "x", "box": [0, 0, 1, 1], "mask": [[0, 0, 1, 0, 1, 1, 0, 1]]}
                ],
            }
        ).encode(),
        "a.json has a score that is not a number from 0 to 1",
    ),
]


def test_files_that_cannot_be_read_say_why(page: Page) -> None:
    choose(page, PICTURE)
    await_answer(page)
    for name, content, says in UNREADABLE:
        with answering(page) as told:
            choose(page, as_file(content, name))
        assert says in told[0]
        expect(page.locator("#status")).to_be_hidden()
        expect(page.locator("#found")).to_have_text("5 objects")


def test_a_file_with_more_objects_than_a_download_can_have_says_so(page: Page, server: Server) -> None:
    page.evaluate('async () => ((await viewer("page.js")).page.most_written = 4)')
    choose(page, PICTURE, as_file(written(server, "output=coco"), "places-coco.json"))
    await_answer(page)
    expect(page.locator("#advice")).to_contain_text("5 objects: downloads take at most 4.")


def test_a_picture_whose_objects_were_being_read_is_not_segmented_instead(page: Page) -> None:
    choose(page, PICTURE)
    await_answer(page)
    page.evaluate(
        """async () => {
            const { tell, visit } = await viewer("visit.js");
            visit.current.move("reading"); // from a file that takes long
            tell("pictures");
        }"""
    )
    page.get_by_role("button", name="Remove places.png").click()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#pictures li")).to_have_attribute("data-state", "reading")
    page.wait_for_timeout(600)  # until the browser has written it
    page.reload()
    expect(page.locator("#status")).to_contain_text("The page was left before the objects were read")


def test_the_downloads_say_what_a_label_map_loses_where_objects_overlap(page: Page, server: Server) -> None:
    choose(page, PICTURE)
    await_answer(page)
    losses = page.locator("#losses")
    open_downloads(page)
    expect(page.locator("#take [data-output=labelmap]")).to_be_enabled()
    expect(losses).to_be_hidden()
    corners = [20, 10, 60, 10, 60, 40, 20, 40]
    beneath = {"class": "cell", "score": 0.4, "box": [20, 10, 40, 30], "mask": [corners]}
    answer = json.loads(written(server, "output=json&mask_format=polygon"))
    answer["segments"].append({**answer["segments"][-1], **beneath, "id": 6, "area": 1200})
    with answering(page):
        choose(page, as_file(json.dumps(answer).encode(), "places.json"))
    expect(page.locator("#found")).to_have_text("6 objects")
    open_downloads(page)
    expect(losses).to_have_text(re.compile(r": 1 object lacks 800 pixels\."))
    with page.expect_download() as download:
        page.locator("#take [data-output=labelmap]").click()
    labels = cv2.imread(str(download.value.path()), cv2.IMREAD_UNCHANGED)
    assert np.count_nonzero(labels == 6) == 1200 - 800


def test_a_class_name_of_120_letters_leaves_room_for_the_rest(page: Page, server: Server) -> None:
    name = "unassigned_" * 11
    answer = json.loads(written(server, "output=json&mask_format=polygon"))
    for segment in answer["segments"][:2]:
        segment["class"] = name
    choose(page, PICTURE, as_file(json.dumps(answer).encode(), "places.json"))
    await_answer(page)
    for width in (375, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("() => document.documentElement.scrollWidth") == width
        table = page.locator("#table").bounding_box()
        score = page.locator("#objects tr").first.locator("td").nth(2).bounding_box()
        assert table and score and score["x"] + score["width"] < table["x"] + table["width"]
    expect(page.locator("#classes").get_by_role("button", name=name)).to_have_attribute("title", name)


def delete(page: Page, place: tuple[float, float], number: int) -> None:
    """Delete the object of this number, which is at this point of the picture, with the mouse and a key."""
    page.mouse.click(*in_window(page, place))
    expect(page.locator("#objects tr.selected td:first-child")).to_have_text(str(number))
    page.keyboard.press("Delete")


def noted(page: Page) -> tuple[bytes, list[dict[str, Any]]]:
    """The training data of the picture, and the corrections that their note has."""
    open_downloads(page)
    with page.expect_download() as download:
        page.locator("#take [data-output=training]").click()
    data = Path(download.value.path()).read_bytes()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return data, json.loads(archive.read("corrections.json"))["corrections"]


def test_training_data_go_on_with_the_corrections_that_they_had(page: Page) -> None:
    choose(page, PICTURE)
    await_answer(page)
    page.get_by_label("A pixel is").fill("0.5")
    correct(page)
    for place, number, left in (((50, 40), 1, 4), ((115, 75), 4, 3)):
        delete(page, place, number)
        expect(page.locator("#found")).to_have_text(f"{left} objects")
    data, steps = noted(page)
    assert [step["before"][0]["id"] for step in steps] == [1, 4]
    choose(page, as_file(data, "again-training.zip"))
    await_answer(page, "again.png")
    expect(page.locator("#found")).to_have_text("3 objects")
    expect(page.get_by_label("A pixel is")).to_have_value("0.5")
    delete(page, (150, 30), 1)
    expect(page.locator("#found")).to_have_text("2 objects")
    assert noted(page)[1][:2] == steps and len(noted(page)[1]) == 3
