"""The data sheet: some pictures of a data set side by side, with their objects drawn over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from model.data import Annotated, Sample
from model.data.classified import ClassifiedFolder
from model.data.findings import number_of
from model.formats.labels import drawable_name, text_width
from model.formats.lettering import FONT, in_one_thread
from model.formats.overlay import Colour, class_colour, pick_colours
from model.results.masks import Mask

TILE = 320  # pixels: the longer side of a picture on the sheet
GAP = 10  # pixels between pictures
CAPTION = 22  # pixels: height of a caption
FONT_SIZE = 14  # pixels
COLUMNS = 6
MOST_PICTURES = 24
ID_CHARACTERS = 24
FILL = 0.35  # opacity of an object
DARK = 60  # grey levels: a picture whose brightest pixels are darker is brightened
DISPLAY_PERCENTILE = 99.9
PAPER: Colour = (255, 255, 255)
INK: Colour = (30, 30, 30)
UNCOUNTED: Colour = (150, 150, 150)  # crowds, and pixels without a known class

Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class _Panel:
    picture: Picture
    caption: str


def draw_data_sheet(data: Annotated, path: Path) -> None:
    """Write a picture file of up to 24 samples, at least one of each class, with their objects.

    An object has the colour of its class; if there is only one class, neighbours have different colours.

    Raises:
        DataError: a sample cannot be read.
        OSError: the file cannot be written.
    """
    is_single = len(data.classes) == 2 and data.has_objects
    legend = [] if is_single else [(name, class_colour(id_)) for id_, name in enumerate(data.classes) if id_]
    nouns = ("object", "objects") if data.has_objects else ("class", "classes")
    samples = (data[index] for index in _chosen(data))
    panels = [
        _Panel(_drawn(sample, is_single), f"{_short(sample.id)}: {number_of(len(sample), *nouns)}")
        for sample in samples
    ]
    Image.fromarray(_arranged(panels, legend)).save(path)


def draw_classified_sheet(data: ClassifiedFolder, path: Path) -> None:
    """Write a picture file of up to 24 pictures, class by class.

    Raises:
        DataError: a picture cannot be read.
        OSError: the file cannot be written.
    """
    each = max(1, MOST_PICTURES // len(data.classes))
    panels = []
    for class_id, name in enumerate(data.classes):
        of_class = [index for index, other in enumerate(data.class_ids) if other == class_id]
        for index in _spread(of_class, each):
            one = data[index]
            panels.append(_Panel(_fitted(one.image), f"{name}: {_short(Path(one.id).name)}"))
    Image.fromarray(_arranged(panels, [])).save(path)


def _chosen(data: Annotated) -> list[int]:
    """Indices of samples: the first ones of each class, then others, evenly spread."""
    classes_of = [set(data.class_ids(index)) for index in range(len(data))]
    firsts = [
        next((index for index, there in enumerate(classes_of) if class_id in there), None)
        for class_id in range(1, len(data.classes))
    ]
    chosen = list(dict.fromkeys(index for index in firsts if index is not None))[:MOST_PICTURES]
    spread = _spread([index for index in range(len(data)) if index not in set(chosen)], MOST_PICTURES)
    return sorted([*chosen, *_spread(spread, MOST_PICTURES - len(chosen))])


def _spread(indices: Sequence[int], count: int) -> list[int]:
    """At most `count` of the indices, evenly spread."""
    places = np.linspace(0, len(indices) - 1, min(count, len(indices)))
    return [indices[int(place)] for place in places.round()]


def _drawn(sample: Sample, is_single: bool) -> Picture:
    """The sample's picture with its objects, scaled to a tile."""
    canvas = _bright(sample.image)
    if sample.unknown is not None:
        _fill(canvas, sample.unknown, UNCOUNTED)
    for box, mask in zip(sample.crowd_boxes, sample.crowd_masks, strict=True):
        _fill(_cut(canvas, box), mask, UNCOUNTED)
    colours = pick_colours(sample.boxes) if is_single else [class_colour(id_) for id_ in sample.class_ids]
    width = max(1, round(max(canvas.shape[:2]) / TILE))
    for box, mask, colour in zip(sample.boxes, sample.masks, colours, strict=True):
        _fill(_cut(canvas, box), mask, colour)
    for box, mask, colour in zip(sample.boxes, sample.masks, colours, strict=True):
        contours, _ = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(canvas, contours, -1, colour, width, offset=(int(box[0]), int(box[1])))
    return _fitted(canvas)


def _cut(canvas: Picture, box_xyxy: npt.NDArray[np.int32]) -> Picture:
    x1, y1, x2, y2 = box_xyxy
    return canvas[y1:y2, x1:x2]


def _fill(part: Picture, mask: Mask, colour: Colour) -> None:
    """Tint the pixels of a mask, in place."""
    inside = mask.astype(bool)
    part[inside] = np.rint(part[inside] * (1 - FILL) + np.array(colour) * FILL).astype(np.uint8)


def _bright(image: Picture) -> Picture:
    """A copy of the picture, brightened if it is dark, as fluorescence is."""
    brightest = float(np.percentile(image, DISPLAY_PERCENTILE))
    if not 0 < brightest < DARK:
        return image.copy()
    return np.clip(image * (255 / brightest), 0, 255).astype(np.uint8)


def _fitted(picture: Picture) -> Picture:
    """The picture, scaled to a tile."""
    height, width = picture.shape[:2]
    scale = TILE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    resized = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST)
    return np.asarray(resized, np.uint8)


def _short(name: str) -> str:
    """The end of a long name, which tells more than its beginning."""
    return name if len(name) <= ID_CHARACTERS else f"…{name[-ID_CHARACTERS:]}"


@in_one_thread
def _arranged(panels: Sequence[_Panel], legend: Sequence[tuple[str, Colour]]) -> Picture:
    """uint8 (H, W, 3): the legend, and below it the panels in rows."""
    font = cv2.FontFace(FONT)  # not cached, as in `labels`
    columns = min(COLUMNS, max(1, len(panels)))
    rows = [panels[start : start + columns] for start in range(0, len(panels), columns)]
    heights = [max(one.picture.shape[0] for one in row) + CAPTION + GAP for row in rows]
    entries = _placed(legend, columns * (TILE + GAP), font)
    y = GAP + (entries[-1].y + CAPTION if entries else 0)
    sheet = np.full((y + sum(heights), columns * (TILE + GAP) + GAP, 3), PAPER, np.uint8)
    for entry in entries:
        sheet[entry.y + 4 : entry.y + 4 + FONT_SIZE, entry.x : entry.x + FONT_SIZE] = entry.colour
        _write(sheet, entry.name, entry.x + FONT_SIZE + 4, entry.y, font)
    for row, height in zip(rows, heights, strict=True):
        for column, one in enumerate(row):
            x = GAP + column * (TILE + GAP)
            _write(sheet[:, : x + TILE], _drawable(one.caption, font), x, y, font)
            sheet[y + CAPTION :][: one.picture.shape[0], x : x + one.picture.shape[1]] = one.picture
        y += height
    return sheet


@dataclass(frozen=True)
class _Entry:
    name: str
    colour: Colour
    x: int
    y: int


def _placed(legend: Sequence[tuple[str, Colour]], width: int, font: cv2.FontFace) -> list[_Entry]:
    """The entries of the legend from left to right, in as many lines as they need."""
    entries = []
    x = y = GAP
    for name, colour in legend:
        name = _drawable(name, font)
        needed = FONT_SIZE + 4 + text_width(name, font, FONT_SIZE) + 2 * GAP
        if x > GAP and x + needed > width:
            x, y = GAP, y + CAPTION
        entries.append(_Entry(name, colour, x, y))
        x += needed
    return entries


def _write(sheet: Picture, text: str, x: int, y: int, font: cv2.FontFace) -> None:
    """Write a line whose upper left corner is at (x, y)."""
    cv2.putText(sheet, text, (x, y + FONT_SIZE), INK, font, FONT_SIZE)


def _drawable(text: str, font: cv2.FontFace) -> str:
    """The text, with question marks for all that is not ASCII if the font lacks any of it."""
    return text if drawable_name([text], 0, font) == text else text.encode("ascii", "replace").decode()
