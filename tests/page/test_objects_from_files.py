"""Objects from files: corrections go on later, and those of other programs are corrected, without a model."""

from __future__ import annotations

import json
from typing import Any

import pytest
from browsing import HEIGHT, WIDTH, as_file, await_answer, choose, file_of, place_picture
from chromium import Page, expect
from known_models import OBJECTS, THRESHOLD
from server import Server

PICTURE = file_of(place_picture())
FOUND = [known for known in OBJECTS if known.score >= THRESHOLD]


def written(server: Server, query: str) -> bytes:
    status, _, data = server.segment(PICTURE["buffer"], f"?model=known&{query}")
    assert status == 200
    return data


def boxes(page: Page) -> list[list[Any]]:
    """The class, box and area of each object that is shown, best first."""
    every: list[list[Any]] = page.evaluate(
        """async () => {
            const { visit } = await import("/static/viewer/visit.js");
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
    choose(page, as_file(written(server, "output=coco&classes=cell"), "any.json"))
    expect(page.locator("#found")).to_have_text("2 objects")


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
    ("labels.png", PICTURE["buffer"], "label map is not a grey PNG"),
]


def test_files_that_cannot_be_read_say_why(page: Page) -> None:
    choose(page, PICTURE)
    await_answer(page)
    for name, content, says in UNREADABLE:
        if not says.startswith("The "):
            choose(page, as_file(content, name))
            expect(page.locator("#status")).to_contain_text(says)
            page.get_by_role("button", name="Back to the last result").click()
        else:  # before it is known which picture it is for
            with page.expect_event("dialog") as told:
                page.once("dialog", lambda dialog: dialog.accept())
                choose(page, as_file(content, name))
            assert says in told.value.message
        expect(page.locator("#found")).to_have_text("5 objects")
