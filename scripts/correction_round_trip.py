"""Show that corrections become training data and come back: python -m scripts.correction_round_trip

On the page, deletes two nuclei of a sample, splits one and draws one; downloads the training data, checks
them, trains a few steps from the shipped model, and opens the zip on the page again.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

from playwright.sync_api import FilePayload, Page, sync_playwright

from benchmarks.service import running

CHROMIUM = "/usr/bin/chromium"
SAMPLE = "fluorescence"
STEPS = 20
PATIENCE = 120_000  # milliseconds for each step on the page: the machine may be busy

# Where the page shows the middles of two objects, a line across the largest, and a place without any.
PLACES = """async () => {
    const { visit } = await import(new URL("visit.js", document.querySelector("script[type=module]").src));
    const { viewport } = await import(new URL("stage.js", document.querySelector("script[type=module]").src));
    const { left, top } = document.getElementById("view").getBoundingClientRect();
    const { scale, left: shiftX, top: shiftY } = viewport;
    const at = (x, y) => [left + 1 + shiftX + x * scale, top + 1 + shiftY + y * scale];
    const { shown, answer } = visit.current;
    const [first, second, largest] = [...shown].sort((a, b) => b.area - a.area).slice(0, 3).reverse();
    const middle = ({ box: [x, y, width, height] }) => at(x + width / 2, y + height / 2);
    const [x, y, width, height] = largest.box;
    const isFree = (column, row) => shown.every(({ box: [x, y, width, height] }) =>
        column + 16 < x || x + width < column || row + 16 < y || y + height < row);
    for (let row = 4; row < answer.image.height - 20; row += 4)
        for (let column = 4; column < answer.image.width - 20; column += 4)
            if (isFree(column, row))
                return {
                    deleted: [first, second].map(middle),
                    cut: [at(x - 3, y + height / 2), at(x + width + 3, y + height / 2)],
                    drawn: [[0, 0], [16, 0], [16, 16], [0, 16]].map(([dx, dy]) => at(column + dx, row + dy)),
                };
}"""
SEGMENTS = """async () => {
    const { visit } = await import(new URL("visit.js", document.querySelector("script[type=module]").src));
    // Not the boxes: a model's own may be larger than its mask.
    const written = ({ area, mask, ...others }) => JSON.stringify([others.class, area, mask]);
    return visit.current.shown.map(written).sort();
}"""


def main() -> None:
    """Run all of it; fails at the first thing that does not hold."""
    with tempfile.TemporaryDirectory() as folder, running() as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        address = f"http://127.0.0.1:{server.port}"
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.goto(address)
        page.click(f".sample[value={SAMPLE}]")
        page.wait_for_selector("#panel:not(.empty)")
        found = len(page.evaluate(SEGMENTS))
        correct(page)
        corrected = page.evaluate(SEGMENTS)
        page.locator("#downloads summary").click()
        with page.expect_download() as download:
            page.locator("#take button", has_text="Training data").click()
        exported = Path(download.value.path()).read_bytes()
        check_export(exported, found, len(corrected))

        data, run = Path(folder) / "data", Path(folder) / "run"
        with zipfile.ZipFile(io.BytesIO(exported)) as archive:
            archive.extractall(data)
        command("data", "check", data)
        command("train", "--data", data, "--out", run, "--continue-from", "nuclei", "--steps", STEPS)

        page = context.new_page()
        page.goto(address)
        name = download.value.suggested_filename
        file: FilePayload = {"name": name, "mimeType": "application/zip", "buffer": exported}
        page.set_input_files("#image", file)
        page.wait_for_selector("#panel:not(.empty)")
        assert page.evaluate(SEGMENTS) == corrected, "the objects are others after the import"
        browser.close()
    print(f"{found} nuclei were found; {len(corrected)} exported, trained from for {STEPS} steps, imported.")


def correct(page: Page) -> None:
    """Delete two objects, split one and draw one."""
    page.wait_for_timeout(1000)  # a scroll bar that comes moves the picture
    page.press("#view", "e")
    page.wait_for_selector("#edit-bar:not([hidden])")
    page.wait_for_timeout(1000)
    places: dict[str, Any] = page.evaluate(PLACES)
    for centre in places["deleted"]:
        page.mouse.click(*centre)
        page.press("#view", "Delete")
    page.press("#view", "s")
    start, end = places["cut"]
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=8)
    page.mouse.up()
    page.press("#view", "d")
    for corner in places["drawn"]:
        page.mouse.click(*corner)
    page.press("#view", "Enter")


def check_export(exported: bytes, found: int, corrected: int) -> None:
    """The zip has all objects, and the note all corrections."""
    with zipfile.ZipFile(io.BytesIO(exported)) as archive:
        annotations = json.loads(archive.read("annotations.json"))["annotations"]
        note = json.loads(archive.read("corrections.json"))
    assert len(annotations) == corrected == found - 2 + 1 + 1, (found, corrected, len(annotations))
    assert Counter(note["counts"]) == {"delete": 2, "split": 1, "draw": 1}, note["counts"]
    assert sum("attributes" in one for one in annotations) == 3, "the split and the drawn object are marked"


def command(*words: object) -> None:
    """`python -m model` with these words."""
    subprocess.run([sys.executable, "-m", "model", *map(str, words)], check=True)


if __name__ == "__main__":
    main()
