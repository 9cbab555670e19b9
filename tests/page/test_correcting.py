"""Correcting: people change what the model found, with mouse, fingers or keys."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from browsing import await_answer, choose, file_of, in_window, place_picture
from chromium import Page, expect
from known_models import OBJECTS

from model.results.polygons import to_rings

# Objects of the picture, by number: cell 1 at 20, 20 to 80, 60; fibre 2 at 100, 20 to 200, 40; cell 3 with a
# hole at 20, 80 to 60, 120; debris 4 at 100, 60 to 130, 90; fibre 5 at 150, 60 to 170, 140.


@pytest.fixture
def correcting(page: Page) -> Page:
    choose(page, file_of(place_picture()))
    await_answer(page)
    page.locator("#view").press("e")
    expect(page.locator("#edit-bar")).to_be_visible()
    expect(page.get_by_role("button", name="Correct")).to_have_attribute("aria-pressed", "true")
    return page


def segments(page: Page) -> dict[int, dict[str, Any]]:
    """The current picture's segments by number."""
    every = page.evaluate(
        """async () => {
            const { visit } = await import("/static/viewer/visit.js");
            return visit.current.segments.map(({ id, score, box, area, mask, edited, ...segment }) => (
                { id, score, box, area, mask, edited: edited ?? false, class: segment.class }));
        }"""
    )
    return {segment["id"]: segment for segment in every}


def click(page: Page, x: float, y: float, **how: Any) -> None:
    left, top = in_window(page, (x, y))
    if how.pop("shift", False):
        page.keyboard.down("Shift")
    page.mouse.click(left, top, **how)
    page.keyboard.up("Shift")


def drag(page: Page, *points: tuple[float, float], shift: bool = False) -> None:
    if shift:
        page.keyboard.down("Shift")
    first, *others = [in_window(page, point) for point in points]
    page.mouse.move(*first)
    page.mouse.down()
    for point in others:
        page.mouse.move(*point, steps=4)
    page.mouse.up()
    page.keyboard.up("Shift")


def says(page: Page, text: str) -> None:
    expect(page.locator(".edit-message")).to_contain_text(text)


def test_outlines_of_pixels_are_the_services_own(page: Page) -> None:
    rng = np.random.default_rng(0)
    cases = []
    for density in (0.05, 0.3, 0.5, 0.7, 0.95, 1):
        for _ in range(25):
            height, width = rng.integers(1, 12, 2)
            mask = (rng.random((height, width)) < density).astype(np.uint8)
            x, y = rng.integers(0, 9, 2).tolist()
            box = np.array([x, y, x + width, y + height], np.int32)
            rings = [ring.ravel().tolist() for ring in to_rings(mask, box)]
            cases.append(
                {"box": [x, y, int(width), int(height)], "data": mask.ravel().tolist(), "rings": rings}
            )
    wrong = page.evaluate(
        """async (cases) => {
            const { fromRings } = await import("/static/viewer/edit/raster.js");
            const { toRings } = await import("/static/viewer/edit/rings.js");
            return cases.filter(({ box, data, rings }) => {
                const raster = fromRings(rings, box);
                return raster.data.join() !== data.join() || JSON.stringify(toRings(raster)) !== JSON.stringify(rings);
            });
        }""",
        cases,
    )
    assert wrong == []


def test_objects_are_deleted_and_come_back_with_undo(correcting: Page) -> None:
    page = correcting
    click(page, 50, 40)
    click(page, 115, 75, shift=True)
    page.keyboard.press("Delete")
    says(page, "Deleted 2 objects.")
    expect(page.locator("#found")).to_have_text("3 objects")
    expect(page.locator("#objects tr:not([hidden])")).to_have_count(3)
    left = sum(known.area for known in OBJECTS[:5]) - OBJECTS[0].area - OBJECTS[3].area
    expect(page.locator("#total")).to_have_text(f"{left:,} px²")
    page.keyboard.press("Control+z")
    expect(page.locator("#found")).to_have_text("5 objects")
    assert list(segments(page)) == [1, 2, 3, 4, 5, 6, 7, 8]
    page.keyboard.press("Control+Shift+z")
    expect(page.locator("#found")).to_have_text("3 objects")
