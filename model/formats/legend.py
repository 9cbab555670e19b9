"""The legend, in a corner of the picture: each class with its colour and its share of the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from model.formats.labels import drawable_name, font_size_in, text_width
from model.formats.lettering import FONT, in_one_thread

Picture = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]

_LARGEST_SHARE = 0.25  # of the picture that the legend may cover

# As multiples of the font size.
_ROW_HEIGHT = 1.5
_BASELINE = 1.12  # below the row's top
_SWATCH = 0.9  # side of the coloured square
_GAP = 0.5  # between swatch, name and share
_PADDING = 0.5  # of the panel, on every side
_MARGIN = 0.8  # from the picture's edges

# White on dark is legible on any picture; the panel is translucent, so that it hides little.
_PANEL = (16, 16, 16)
_PANEL_OPACITY = 0.8
_TEXT = (255, 255, 255)


@dataclass(frozen=True)
class Entry:
    """A class that occurs in the picture.

    Attributes:
        class_id: index into the class names.
        colour: the colour in which it is drawn.
        share: the share of the picture that it covers, 0 to 1.
    """

    class_id: int
    colour: Colour
    share: float


@dataclass(frozen=True)
class _Row:
    name: str
    share: str
    colour: Colour | None
    name_width: int
    share_width: int


@in_one_thread
def draw_legend(
    canvas: Picture,
    entries: Sequence[Entry],
    class_names: Sequence[str],
    labels: npt.NDArray[np.uint16],
    view: int,
) -> None:
    """Draw a row for each entry, as many as fit, in the corner where the legend hides least.

    Args:
        canvas: uint8 (H, W, 3), RGB, the picture to draw on.
        entries: in the order in which they are drawn; if not all fit, the last ones are left out.
        class_names: the model's class names by class id. One that the font cannot draw becomes "class 3".
        labels: uint16 (H, W), the class id of each pixel, 0 background.
        view: the length in pixels of the longer side of the part of the picture that one screen shows.
    """
    font = cv2.FontFace(FONT)  # not cached, as in `labels`
    size = font_size_in(view)

    def row(name: str, share: str = "", colour: Colour | None = None) -> _Row:
        return _Row(name, share, colour, text_width(name, font, size), text_width(share, font, size))

    all_rows = [
        row(drawable_name(class_names, entry.class_id, font), _percent(entry.share), entry.colour)
        for entry in entries
    ]
    for count in range(len(all_rows), 0, -1):
        more = [row(f"and {len(all_rows) - count} more")] if count < len(all_rows) else []
        rows = all_rows[:count] + more
        place = _place(canvas, _size(rows, size), labels, round(_MARGIN * size))
        if place is not None:
            _draw(canvas, place, _panel(rows, font, size))
            return


def _percent(share: float) -> str:
    percent = round(100 * share)
    if percent == 0:
        return "< 1 %"
    return f"{percent} %" if percent < 100 or share == 1 else "> 99 %"


def _lengths(size: int) -> tuple[int, int, int, int]:
    """Padding, gap, side of a swatch and height of a row in pixels, for this font size."""
    return round(_PADDING * size), round(_GAP * size), round(_SWATCH * size), round(_ROW_HEIGHT * size)


def _size(rows: Sequence[_Row], size: int) -> tuple[int, int]:
    """(height, width) of the legend in pixels."""
    padding, gap, swatch, height = _lengths(size)
    names, shares = max(row.name_width for row in rows), max(row.share_width for row in rows)
    return 2 * padding + len(rows) * height, 2 * padding + swatch + 2 * gap + names + shares


def _panel(rows: Sequence[_Row], font: cv2.FontFace, size: int) -> Picture:
    """The legend, uint8 (h, w, 3)."""
    padding, gap, swatch, height = _lengths(size)
    panel = np.full((*_size(rows, size), 3), _PANEL, np.uint8)
    right = panel.shape[1] - padding
    for index, row in enumerate(rows):
        top = padding + index * height
        baseline = top + round(_BASELINE * size)
        if row.colour is not None:
            y = top + (height - swatch) // 2
            panel[y : y + swatch, padding : padding + swatch] = row.colour
        cv2.putText(panel, row.name, (padding + swatch + gap, baseline), _TEXT, font, size)
        cv2.putText(panel, row.share, (right - row.share_width, baseline), _TEXT, font, size)
    return panel


def _draw(canvas: Picture, place: tuple[int, int], panel: Picture) -> None:
    """Draw the legend at `place`: its background is translucent, swatches and text are opaque."""
    x, y = place
    behind = canvas[y : y + panel.shape[0], x : x + panel.shape[1]]
    ground = (panel == _PANEL).all(axis=2, keepdims=True)
    blended = cv2.addWeighted(behind, 1 - _PANEL_OPACITY, panel, _PANEL_OPACITY, 0)
    behind[:] = np.where(ground, blended, panel)


def _place(
    canvas: Picture, panel: tuple[int, int], labels: npt.NDArray[np.uint16], margin: int
) -> tuple[int, int] | None:
    """(x, y) of the best corner for a panel (height, width); None if it would cover too much of the picture.

    The best corner has the fewest pixels with a class under the panel and, among equals, the least detail.
    """
    height, width = canvas.shape[:2]
    right, bottom = width - panel[1] - margin, height - panel[0] - margin
    if right < margin or bottom < margin or panel[0] * panel[1] > _LARGEST_SHARE * height * width:
        return None

    def hidden(place: tuple[int, int]) -> tuple[float, float]:
        x, y = place
        under = slice(y, y + panel[0]), slice(x, x + panel[1])
        covered = np.count_nonzero(labels[under]) / (panel[0] * panel[1])
        grey = cv2.cvtColor(canvas[under], cv2.COLOR_RGB2GRAY)
        return round(covered, 2), float(cv2.Laplacian(grey, cv2.CV_16S).std())

    return min(((margin, margin), (right, margin), (margin, bottom), (right, bottom)), key=hidden)
