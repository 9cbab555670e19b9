"""A sheet of the images with a model's worst results, truth beside prediction."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from model.data import DataSet, Sample
from model.evaluation.matching import FALSE
from model.evaluation.result import Evaluation, ImageResult
from model.results.masks import Mask

TILE = 600  # pixels, the longer side of a picture on the sheet
GAP = 8  # pixels between truth and prediction
MARGIN = 28  # pixels around a pair
LINE_HEIGHT = 32  # pixels
FONT_SIZE = 20  # pixels
PAIRS_A_ROW = 2
ID_CHARACTERS = 12  # the nuclei's ids have 64
DISPLAY_PERCENTILES = (0.1, 99.9)  # of brightness: unstretched, fluorescence is nearly black
SUBPIXEL_BITS = 4  # cv2 takes coordinates in sixteenths of a pixel

Colour = tuple[int, int, int]
PAPER: Colour = (255, 255, 255)
INK: Colour = (30, 30, 30)
# Blue, orange and red are distinguishable for the colour-blind, and on grey, violet and green.
MATCHED: Colour = (0, 190, 255)
MISSED: Colour = (255, 160, 0)
WRONG: Colour = (235, 0, 40)
IN_CROWD: Colour = (150, 150, 150)


def worst_sheet(evaluation: Evaluation, data: DataSet, path: str | Path, *, count: int = 8) -> None:
    """Writes a PNG of the `count` images with the lowest AP, worst first: truth left, prediction right.

    Ranking and colours use the evaluation's first IoU threshold. Brightness is stretched for display.
    """
    ap_name = f"AP{round(100 * evaluation.iou_thresholds[0])}"
    worst = sorted(range(len(data)), key=lambda index: _badness(evaluation.images[index]))[:count]
    pairs = [_draw_pair(data[index], evaluation.images[index], ap_name) for index in worst]
    _arrange(pairs).save(path)


def _badness(result: ImageResult) -> tuple[float, int]:
    """Sorts by ascending AP and, among equals, by descending number of objects and predictions."""
    return result.average_precision[0], -result.truth - result.found


def _arrange(pairs: Sequence[Image.Image]) -> Image.Image:
    """The legend, and below it the pairs in rows, each row as high as its highest pair."""
    rows = [pairs[start : start + PAIRS_A_ROW] for start in range(0, len(pairs), PAIRS_A_ROW)]
    row_heights = [max(pair.height for pair in row) + MARGIN for row in rows]
    pair_width = 2 * TILE + GAP + MARGIN
    width = pair_width * len(rows[0]) + MARGIN
    sheet = Image.new("RGB", (width, LINE_HEIGHT + MARGIN + sum(row_heights)), PAPER)
    _draw_legend(sheet)
    y = LINE_HEIGHT + MARGIN
    for row, row_height in zip(rows, row_heights, strict=True):
        for column, pair in enumerate(row):
            sheet.paste(pair, (MARGIN + column * pair_width, y))
        y += row_height
    return sheet


def _draw_legend(sheet: Image.Image) -> None:
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(FONT_SIZE)
    x = MARGIN
    for text, colour in [
        ("left: truth, right: prediction", INK),
        ("found", MATCHED),
        ("missed", MISSED),
        ("false", WRONG),
        ("crowd", IN_CROWD),
    ]:
        draw.text((x, MARGIN // 2), text, colour, font)
        x += round(draw.textlength(text, font)) + MARGIN


def _draw_pair(sample: Sample, result: ImageResult, ap_name: str) -> Image.Image:
    """The sample's caption, and its picture twice: with the objects and with the predictions outlined."""
    truth, prediction = _Picture(sample.image), _Picture(sample.image)
    found = set(result.matches[0].tolist())
    truth.outline(sample.crowd_boxes, sample.crowd_masks, [IN_CROWD] * len(sample.crowd_boxes))
    truth.outline(sample.boxes, sample.masks, [MATCHED if i in found else MISSED for i in range(len(sample))])
    segments = result.segments
    prediction.outline(segments.boxes, segments.masks, [_verdict(match) for match in result.matches[0]])

    height, width = truth.canvas.shape[:2]
    pair = Image.new("RGB", (2 * TILE + GAP, LINE_HEIGHT + height), PAPER)
    ImageDraw.Draw(pair).text((0, 0), _caption(result, ap_name), INK, ImageFont.load_default(FONT_SIZE))
    pair.paste(Image.fromarray(truth.canvas), (0, LINE_HEIGHT))
    pair.paste(Image.fromarray(prediction.canvas), (width + GAP, LINE_HEIGHT))
    return pair


def _verdict(match: np.int32) -> Colour:
    if match >= 0:
        return MATCHED
    return WRONG if match == FALSE else IN_CROWD


def _caption(result: ImageResult, ap_name: str) -> str:
    counts = f"{result.truth} objects, {result.found} predicted, {result.matched[0]} matched"
    name = result.id[:ID_CHARACTERS]
    parts = [name, result.kind, f"{ap_name} {result.average_precision[0]:.2f}", counts]
    return "   ".join(part for part in parts if part is not None)


class _Picture:
    """An image, scaled for the sheet, with outlines of objects."""

    def __init__(self, image: npt.NDArray[np.uint8]) -> None:
        height, width = image.shape[:2]
        self.scale = TILE / max(height, width)
        size = max(1, round(width * self.scale)), max(1, round(height * self.scale))
        interpolation = cv2.INTER_AREA if self.scale < 1 else cv2.INTER_CUBIC
        self.canvas = cv2.resize(_stretched(image), size, interpolation=interpolation)

    def outline(
        self, boxes_xyxy: npt.NDArray[np.int32], masks: Sequence[Mask], colours: Sequence[Colour]
    ) -> None:
        """Draws the edge of each box-local mask in its colour."""
        for box, mask, colour in zip(boxes_xyxy, masks, colours, strict=True):
            contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
            # The centre of pixel i is at i + 0.5 in the image; cv2 draws with centres at whole numbers.
            scaled = [(contour + box[:2] + 0.5) * self.scale - 0.5 for contour in contours]
            points = [np.rint(contour * (1 << SUBPIXEL_BITS)).astype(np.int32) for contour in scaled]
            cv2.polylines(
                self.canvas, points, True, colour, thickness=2, lineType=cv2.LINE_AA, shift=SUBPIXEL_BITS
            )


def _stretched(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The image with its darkest pixels black and its brightest white."""
    darkest, brightest = np.percentile(image, DISPLAY_PERCENTILES)
    stretched = (image - darkest) * (255 / max(brightest - darkest, 1.0))
    return np.clip(stretched, 0, 255).astype(np.uint8)
