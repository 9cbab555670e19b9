"""A sheet of pictures, each with its truth and its prediction beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

Classes = npt.NDArray[np.uint16]
Colour = tuple[int, int, int]

SIDE = 320  # pixels, the longer side of a picture on the sheet
GAP = 6  # pixels between the three
MARGIN = 16  # pixels around them
LINE_HEIGHT = 22  # pixels
FONT_SIZE = 15  # pixels
ROWS_OF = 2  # pictures in a row of the sheet
ID_CHARACTERS = 40
SHOWN_THROUGH = 0.45  # share of the picture in the colour over it
PAPER: Colour = (255, 255, 255)
INK: Colour = (30, 30, 30)
UNKNOWN_COLOUR: Colour = (150, 150, 150)
# Okabe and Ito's colours, which are distinguishable for the colour-blind; more classes repeat them.
COLOURS: tuple[Colour, ...] = (
    (0, 158, 255),
    (230, 159, 0),
    (0, 158, 115),
    (204, 121, 167),
    (240, 228, 66),
    (213, 94, 0),
    (0, 114, 178),
)


@dataclass(frozen=True)
class Shown:
    """One picture of the sheet.

    Attributes:
        id: its name.
        image: uint8 (H, W, 3), RGB.
        truth: uint16 (H, W) of class ids.
        unknown: bool (H, W), pixels whose class is not known.
        found: uint16 (H, W) of class ids.
    """

    id: str
    image: npt.NDArray[np.uint8]
    truth: Classes
    unknown: npt.NDArray[np.bool_]
    found: Classes


def write_sheet(pictures: Sequence[Shown], classes: Sequence[str], path: Path) -> None:
    """Write a PNG: of each picture, itself, its truth and what was found, in colours of the classes.

    Args:
        pictures: to show.
        classes: names, the background first.
        path: of the file.
    """
    cells = [_cell(picture) for picture in pictures]
    rows = [cells[start : start + ROWS_OF] for start in range(0, len(cells), ROWS_OF)]
    heights = [max(cell.height for cell in row) + MARGIN for row in rows]
    width = ROWS_OF * (3 * SIDE + 2 * GAP + MARGIN) + MARGIN
    sheet = Image.new("RGB", (width, LINE_HEIGHT + 2 * MARGIN + sum(heights)), PAPER)
    _legend(sheet, classes)
    y = LINE_HEIGHT + MARGIN
    for row, height in zip(rows, heights, strict=True):
        for column, cell in enumerate(row):
            sheet.paste(cell, (MARGIN + column * (3 * SIDE + 2 * GAP + MARGIN), y))
        y += height
    sheet.save(path, format="PNG")


def _legend(sheet: Image.Image, classes: Sequence[str]) -> None:
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(FONT_SIZE)
    entries = [("picture, truth, prediction:", INK)]
    entries += [(name, _colour(class_id)) for class_id, name in enumerate(classes) if class_id]
    entries.append(("unknown", UNKNOWN_COLOUR))
    x = MARGIN
    for text, colour in entries:
        draw.text((x, MARGIN // 2), text, colour, font)
        x += round(draw.textlength(text, font)) + MARGIN


def _cell(picture: Shown) -> Image.Image:
    height, width = picture.image.shape[:2]
    scale = SIDE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    image = cv2.resize(picture.image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    truth, found, unknown = (
        cv2.resize(plane, size, interpolation=cv2.INTER_NEAREST_EXACT)
        for plane in (picture.truth, picture.found, picture.unknown.astype(np.uint8))
    )
    cell = Image.new("RGB", (3 * SIDE + 2 * GAP, LINE_HEIGHT + size[1]), PAPER)
    ImageDraw.Draw(cell).text((0, 0), picture.id[:ID_CHARACTERS], INK, ImageFont.load_default(FONT_SIZE))
    seen = [image, _coloured(image, truth, unknown), _coloured(image, found, np.zeros_like(unknown))]
    for column, one in enumerate(seen):
        cell.paste(Image.fromarray(np.asarray(one, np.uint8)), (column * (SIDE + GAP), LINE_HEIGHT))
    return cell


def _coloured(image: cv2.typing.MatLike, classes: cv2.typing.MatLike, unknown: cv2.typing.MatLike) -> Classes:
    colours = np.zeros((*classes.shape, 3), np.float32)
    for class_id in np.unique(classes):
        if class_id:
            colours[classes == class_id] = _colour(int(class_id))
    colours[unknown > 0] = UNKNOWN_COLOUR
    covered = ((classes > 0) | (unknown > 0))[..., np.newaxis]
    mixed = image * SHOWN_THROUGH + colours * (1 - SHOWN_THROUGH)
    return np.where(covered, mixed, image)


def _colour(class_id: int) -> Colour:
    return COLOURS[(class_id - 1) % len(COLOURS)]
