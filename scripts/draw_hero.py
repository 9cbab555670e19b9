"""Draw the picture on the page's drop zone, a sample and what is found in it: python -m scripts.draw_hero

An SVG: the sample as a small WebP, and the outlines as paths, which are sharp on any screen. To the left of
the line it is as it came, as with Compare on the page.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from model.formats.overlay import pick_colours
from model.pictures import read
from model.results.segments import Segments
from model.segmenter import load

STATIC = Path(__file__).parents[1] / "app" / "static"
LEFT, TOP, WIDTH, HEIGHT = 31, 0, 450, 300  # the part that is shown, in pixels of the sample
LINE = 0.34  # where the original ends, as a share of the width
QUALITY = 60  # WebP quality, 0 to 100; the noise is smoothed first, because it takes most of the bytes
FINER = 4  # outlines are found in masks enlarged by this
TOLERANCE = 1.1  # of outlines, in pixels of the enlarged masks


def main() -> None:
    """Write static/hero.svg."""
    sample = STATIC / "samples" / "tissue.png"
    segments = load("nuclei").segment(read(sample), threshold=0.75)
    picture = cv2.imread(str(sample), cv2.IMREAD_COLOR)
    assert picture is not None
    (STATIC / "hero.svg").write_text(_svg(picture, segments))


def _svg(picture: npt.NDArray[np.uint8], segments: Segments) -> str:
    part = cv2.bilateralFilter(picture, 7, 14, 3)[TOP : TOP + HEIGHT, LEFT : LEFT + WIDTH]
    webp = cv2.imencode(".webp", part, (cv2.IMWRITE_WEBP_QUALITY, QUALITY))[1]
    href = f"data:image/webp;base64,{base64.b64encode(webp).decode()}"
    size = f'width="{WIDTH}" height="{HEIGHT}"'
    line = round(LINE * WIDTH)
    return "".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" {size}>',
            f'<clipPath id="c"><path d="M{line} 0H{WIDTH}V{HEIGHT}H{line}z"/></clipPath>',
            f'<image {size} href="{href}"/>',
            '<g clip-path="url(#c)" fill-opacity=".42" stroke-width="1.5" stroke-linejoin="round">',
            *_paths(segments),
            "</g>",
            f'<path d="M{line} 0V{HEIGHT}" stroke="#000" stroke-width="3" opacity=".5"/>',
            f'<path d="M{line} 0V{HEIGHT}" stroke="#fff" stroke-width="1.25"/>',
            "</svg>\n",
        )
    )


def _paths(segments: Segments) -> Iterator[str]:
    for mask, box, colour in zip(segments.masks, segments.boxes, pick_colours(segments.boxes), strict=True):
        framed = cv2.resize(np.pad(mask, 2), None, fx=FINER, fy=FINER, interpolation=cv2.INTER_NEAREST)
        smooth = cv2.GaussianBlur(framed.astype(np.float32), (0, 0), 1.2 * FINER) > 0.5
        contours, _ = cv2.findContours(smooth.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        corner = box[:2] - 2 - (LEFT, TOP)
        rings = [cv2.approxPolyDP(contour, TOLERANCE, True)[:, 0] / FINER + corner for contour in contours]
        yield f'<path d="{"".join(map(_path, rings))}" fill="{_hex(colour)}" stroke="{_hex(colour)}"/>'


def _path(ring: npt.NDArray[np.float64]) -> str:
    return "M" + " ".join(f"{x:.1f},{y:.1f}" for x, y in ring) + "z"


def _hex(colour: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


if __name__ == "__main__":
    main()
