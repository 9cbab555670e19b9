"""The overlay: the picture with its segments or classes filled, outlined and, if there is room, named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from model.formats.labels import draw_labels
from model.formats.legend import Entry, draw_legend
from model.results.result import ClassMap, Result
from model.results.segments import Segments

Picture = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]

# Okabe and Ito's colours, which people with any colour vision can distinguish, ordered so that successive
# ones differ strongly. Without black, and with a lighter blue, which is visible on black fluorescence images;
# black text is legible on each.
PALETTE: tuple[Colour, ...] = (
    (86, 180, 233),  # sky blue
    (230, 159, 0),  # orange
    (0, 158, 115),  # bluish green
    (204, 121, 167),  # reddish purple
    (240, 228, 66),  # yellow
    (46, 119, 224),  # blue
    (213, 94, 0),  # vermillion
)

# If there are more classes than colours, the colours repeat, mixed with white, then with black.
_TINTS = ((255, 0.0), (255, 0.5), (0, 0.45))

USUAL_FILL = 0.4
"""The opacity of the fill."""
_STRIP_PIXELS = 1 << 18
_NEIGHBOUR_GAP = 6  # pixels: boxes that are this close get different colours
_OUTLINE_TOLERANCE = 0.8  # pixels: smooths the steps of a mask into slopes that anti-aliasing can draw

# Viewers scale pictures to the screen by their longer side; a picture with a larger aspect ratio than this
# would be only a thin line there, so it is viewed in parts.
_LONGEST_VIEW = 4

_LINE_WIDTH = 1 / 640  # as a fraction of the side in view

# As a fraction of the object's shorter side, so that the outlines of small objects do not hide them.
_MAX_LINE_WIDTH = 1 / 12


@dataclass(frozen=True)
class Layers:
    """What is drawn over the picture.

    Attributes:
        fill: the opacity of the fill, 0 to 1.
        outlines: whether the outlines of segments or classes are drawn.
        labels: whether labels are drawn on segments; for class maps, whether the legend is.
        boxes: whether the boxes of segments are drawn.
    """

    fill: float = USUAL_FILL
    outlines: bool = True
    labels: bool = True
    boxes: bool = False


USUAL_LAYERS = Layers()


def draw_result(
    image: Picture,
    result: Result,
    class_names: Sequence[str],
    layers: Layers = USUAL_LAYERS,
    colours: Sequence[Colour] | None = None,
) -> Picture:
    """`draw_class_map` for the result of a semantic model, else `draw_overlay`."""
    if result.class_map is not None:
        return draw_class_map(image, result.class_map, class_names, layers, result.segments)
    return draw_overlay(image, result.segments, class_names, layers, colours)


def draw_overlay(
    image: Picture,
    segments: Segments,
    class_names: Sequence[str],
    layers: Layers = USUAL_LAYERS,
    colours: Sequence[Colour] | None = None,
) -> Picture:
    """The picture with the segments drawn over it, the best score on top.

    Args:
        image: uint8 (H, W, 3), the RGB picture that the segments belong to; not modified.
        segments: the model's answer.
        class_names: the model's class names by class id; entry 0 is the background.
        layers: what is drawn.
        colours: a colour for each segment. Default: `pick_colours` picks them.

    Returns:
        uint8 (H, W, 3), RGB. A label such as "nucleus 0.98" is drawn only on an object larger than the label,
        and only if it does not cover the label of an object with a higher score.
    """
    canvas = image.copy()
    colours = colours or pick_colours(segments.boxes)
    view = _view(segments.size)
    if layers.fill:
        for index in reversed(range(len(segments))):
            x1, y1, x2, y2 = segments.boxes[index]
            _fill(canvas[y1:y2, x1:x2], segments.masks[index], colours[index], layers.fill)
    # After all fills, so that an object in front does not tint the outline of one behind it.
    for index in reversed(range(len(segments))):
        box, colour = segments.boxes[index], colours[index]
        if layers.outlines:
            _outline(canvas, segments.masks[index], box, colour, view * _LINE_WIDTH)
        if layers.boxes:
            _draw_box(canvas, box, colour, view * _LINE_WIDTH)
    if layers.labels:
        draw_labels(canvas, segments, class_names, colours, view)
    return canvas


def draw_class_map(
    image: Picture,
    class_map: ClassMap,
    class_names: Sequence[str],
    layers: Layers = USUAL_LAYERS,
    segments: Segments | None = None,
) -> Picture:
    """The picture with its classes drawn over it, each in its own colour, and a legend.

    Args:
        image: uint8 (H, W, 3), the RGB picture that the map belongs to; not modified.
        class_map: the model's answer.
        class_names: the model's class names by class id; entry 0 is the background.
        layers: what is drawn.
        segments: the segments whose boxes are drawn, if boxes are.

    Returns:
        uint8 (H, W, 3), RGB. The legend has the classes that occur and their shares of the picture, the
        largest first; it is left out if it would cover too much of the picture.
    """
    canvas = image.copy()
    labels = class_map.labels
    height, width = labels.shape
    view = _view((width, height))
    counts = _counts(labels)
    class_ids = np.flatnonzero(counts[1:]) + 1
    entries = [
        Entry(int(class_id), class_colour(int(class_id)), int(counts[class_id]) / labels.size)
        for class_id in class_ids[np.argsort(-counts[class_ids], kind="stable")]
    ]
    if layers.fill:
        _fill_classes(canvas, labels, entries, layers.fill)
    for entry in entries if layers.outlines else ():
        mask, box = _area_of(labels, entry.class_id)
        _outline(canvas, mask, box, entry.colour, view * _LINE_WIDTH)
    if layers.boxes and segments is not None:
        for box, class_id in zip(segments.boxes, segments.class_ids.tolist(), strict=True):
            _draw_box(canvas, box, class_colour(class_id), view * _LINE_WIDTH)
    if layers.labels:
        draw_legend(canvas, entries, class_names, labels, view)
    return canvas


def class_colour(class_id: int) -> Colour:
    """The colour of a class, the same in every picture; 21 successive classes all have different colours."""
    turn, place = divmod(class_id - 1, len(PALETTE))
    level, share = _TINTS[turn % len(_TINTS)]
    red, green, blue = (round(value + (level - value) * share) for value in PALETTE[place])
    return red, green, blue


def pick_colours(boxes_xyxy: npt.NDArray[np.int32]) -> list[Colour]:
    """A palette colour for each of the boxes, int32 (N, 4), in pixels.

    Boxes take the colours in turn; if a neighbour already has a box's colour, it takes the next free one.
    """
    left, top = np.ascontiguousarray(boxes_xyxy[:, :2].T)
    right, bottom = np.ascontiguousarray(boxes_xyxy[:, 2:].T) + _NEIGHBOUR_GAP
    choices = np.empty(len(boxes_xyxy), np.int64)
    for index in range(len(boxes_xyxy)):
        # Row by row: ten thousand boxes have a hundred million pairs.
        meets = (left[:index] < right[index]) & (left[index] < right[:index])
        meets &= (top[:index] < bottom[index]) & (top[index] < bottom[:index])
        taken = set(choices[:index][meets].tolist())
        turn = [(index + step) % len(PALETTE) for step in range(len(PALETTE))]
        choices[index] = next((choice for choice in turn if choice not in taken), turn[0])
    return [PALETTE[choice] for choice in choices]


def _view(size: tuple[int, int]) -> int:
    """The longer side in pixels of the part of a picture of this (width, height) that one screen shows."""
    return min(max(size), _LONGEST_VIEW * min(size))


def _strips(labels: npt.NDArray[np.uint16]) -> Iterator[slice]:
    """Slices of the picture's rows, for computations that need much memory per pixel."""
    rows = max(1, _STRIP_PIXELS // labels.shape[1])
    return (slice(top, top + rows) for top in range(0, labels.shape[0], rows))


def _counts(labels: npt.NDArray[np.uint16]) -> npt.NDArray[np.int64]:
    """int64 (largest class id + 1,): the number of pixels of each class."""
    length = int(labels.max()) + 1
    counts = np.zeros(length, np.int64)
    for rows in _strips(labels):
        counts += np.bincount(labels[rows].ravel(), minlength=length)
    return counts


def _area_of(
    labels: npt.NDArray[np.uint16], class_id: int
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32]]:
    """The mask of a class that occurs, uint8 of 0 and 1, and its box xyxy in the picture."""
    mask = (labels == class_id).view(np.uint8)
    x, y, width, height = cv2.boundingRect(mask)
    return mask[y : y + height, x : x + width], np.array([x, y, x + width, y + height], np.int32)


def _fill_classes(
    canvas: Picture, labels: npt.NDArray[np.uint16], entries: Sequence[Entry], opacity: float
) -> None:
    """Blend into each pixel with a class the colour of that class."""
    colours = np.zeros((int(labels.max()) + 1, 3), np.uint8)
    for entry in entries:
        colours[entry.class_id] = entry.colour
    for rows in _strips(labels):
        strip, ids = canvas[rows], labels[rows]
        blended = cv2.addWeighted(strip, 1 - opacity, colours[ids], opacity, 0)
        cv2.copyTo(np.asarray(blended), (ids > 0).view(np.uint8), strip)


def _fill(region: Picture, mask: npt.NDArray[np.uint8], colour: Colour, opacity: float) -> None:
    """Blend the colour into the masked pixels of a region of the canvas."""
    # With a lookup table of the 256 levels of each channel, which avoids floating point for each pixel.
    levels = np.arange(256)[:, np.newaxis]
    blend = levels * (1 - opacity) + np.array(colour) * opacity
    tinted = cv2.LUT(region, np.rint(blend).astype(np.uint8)[np.newaxis])
    cv2.copyTo(tinted, mask, region)


def _outline(
    canvas: Picture,
    mask: npt.NDArray[np.uint8],
    box_xyxy: npt.NDArray[np.int32],
    colour: Colour,
    line_width: float,
) -> None:
    """Draw a line around the mask and around its holes, thinner if the object is small."""
    width = _width_for(mask.shape, line_width)
    contours, _ = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    smooth = [cv2.approxPolyDP(contour, _OUTLINE_TOLERANCE, closed=True) for contour in contours]
    cv2.drawContours(canvas, smooth, -1, colour, width, cv2.LINE_AA, offset=box_xyxy[:2].tolist())


def _draw_box(canvas: Picture, box_xyxy: npt.NDArray[np.int32], colour: Colour, line_width: float) -> None:
    """Draw a line along the outermost pixels of a box, as wide as the outline of an object of its size."""
    x1, y1, x2, y2 = box_xyxy.tolist()
    width = _width_for((y2 - y1, x2 - x1), line_width)
    cv2.rectangle(canvas, (x1, y1), (x2 - 1, y2 - 1), colour, width)


def _width_for(shape: tuple[int, ...], line_width: float) -> int:
    """The width of a line around an object of this (height, width), in pixels."""
    return max(1, round(min(line_width, min(shape) * _MAX_LINE_WIDTH)))
