from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from browsing import await_answer, colour_of, in_window, open_downloads, slide
from chromium import Browse, expect
from server import ROOT, Server

SAMPLES = ROOT / "app" / "static" / "samples"


def test_a_sample_shows_its_nuclei_where_the_api_finds_them(
    browse: Browse, serve_known: Callable[..., Server]
) -> None:
    server = serve_known("app:create_app()")
    page = browse(server)
    page.locator(".sample[value=fluorescence]").click()
    await_answer(page, "fluorescence.png")

    open_downloads(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Label map").click()
    saved = Path(download.value.path()).read_bytes()
    sample = (SAMPLES / "fluorescence.png").read_bytes()
    assert saved == server.segment(sample, "?output=labelmap")[2]
    labels = cv2.imdecode(np.frombuffer(saved, np.uint8), cv2.IMREAD_UNCHANGED)
    expect(page.locator("#found")).to_have_text(f"{labels.max()} objects")
    expect(page.locator("#table table")).to_have_attribute("aria-rowcount", f"{labels.max() + 1}")
    expect(page.locator("#covered")).to_have_text(f"{100 * np.mean(labels > 0):.1f} %")

    slide(page, "#opacity", 1)
    page.locator("#outlines").uncheck()
    page.locator("#labels").uncheck()
    for number in (1, 10, 20):
        inside = cv2.distanceTransform((labels == number).astype(np.uint8), cv2.DIST_L2, 5)
        y, x = np.unravel_index(inside.argmax(), inside.shape)
        middle = float(x) + 0.5, float(y) + 0.5
        page.mouse.click(*in_window(page, middle))
        row = page.locator("#objects tr.selected")
        expect(row.locator("td").first).to_have_text(str(number))
        swatch = row.locator(".swatch").evaluate("(it) => getComputedStyle(it).backgroundColor")
        assert swatch == "rgb({}, {}, {})".format(*colour_of(page, middle))
