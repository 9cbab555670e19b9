"""Labels: draws the class and score of each object that has room for them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from model.formats.lettering import FONT, in_one_thread
from model.results.segments import Segments

Picture = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]
Rectangle = tuple[int, int, int, int]  # xyxy

_FONT_SIZE = 1 / 60  # as a fraction of the side in view
_MIN_FONT_SIZE = 12  # pixels: the smallest legible size

# As multiples of the font size.
_TAG_HEIGHT = 1.4
_TAG_MARGIN = 0.3  # left and right of the text
_BASELINE = 1.05  # below the tag's top: leaves room for both Ä and g

_BLACK = (0, 0, 0)
_UNKNOWN = "?"  # OpenCV draws it for a character that its font lacks
_PROBE_SIZE = 16  # pixels


@in_one_thread
def draw_labels(
    canvas: Picture,
    segments: Segments,
    class_names: Sequence[str],
    colours: Sequence[Colour],
    view: int,
) -> None:
    """Draw a label such as "nucleus 0.98" on each object larger than the label, the best score first.

    Args:
        canvas: uint8 (H, W, 3), RGB, the picture to draw on.
        segments: the model's answer.
        class_names: the model's class names by class id. One that the font cannot draw becomes "class 3".
        colours: the background colour of each segment's label; the text is black.
        view: the length in pixels of the longer side of the part of the picture that one screen shows.
    """
    # Not cached: a font belongs to the thread that created it.
    font = cv2.FontFace(FONT)
    font_size = font_size_in(view)
    height = round(_TAG_HEIGHT * font_size)
    names = {index: drawable_name(class_names, index, font) for index in set(segments.class_ids.tolist())}
    taken: list[Rectangle] = []
    for index, mask in enumerate(segments.masks):
        if mask.shape[0] < 2 * height or not mask.any():
            continue
        text = f"{names[int(segments.class_ids[index])]} {segments.scores[index]:.2f}"
        width = text_width(text, font, font_size) + round(2 * _TAG_MARGIN * font_size)
        if mask.shape[1] < width:
            continue
        for left, top in _places(mask, segments.boxes[index], (width, height), segments.size):
            place = (left, top, left + width, top + height)
            if not any(_overlap(place, other) for other in taken):
                tag = canvas[top : top + height, left : left + width]
                tag[:] = colours[index]
                baseline = (round(_TAG_MARGIN * font_size), round(_BASELINE * font_size))
                cv2.putText(tag, text, baseline, _BLACK, font, font_size)
                taken.append(place)
                break


def font_size_in(view: int) -> int:
    """The font size in pixels if one screen shows `view` pixels of the picture."""
    return max(_MIN_FONT_SIZE, round(view * _FONT_SIZE))


def drawable_name(class_names: Sequence[str], class_id: int, font: cv2.FontFace) -> str:
    """The class name, or "class" and its id if the font lacks characters or would misplace them."""
    name = unicodedata.normalize("NFC", class_names[class_id])
    unknown = _glyph(_UNKNOWN, font)
    for character in set(name) - {_UNKNOWN}:
        if (
            unicodedata.category(character)[0] in "CM"  # control characters, marks; surrogates crash OpenCV
            or unicodedata.bidirectional(character) in ("R", "AL")  # OpenCV draws left to right only
            or np.array_equal(_glyph(character, font), unknown)
        ):
            return f"class {class_id}"
    return name


def _glyph(character: str, font: cv2.FontFace) -> npt.NDArray[np.uint8]:
    drawn = np.zeros((2 * _PROBE_SIZE, 2 * _PROBE_SIZE), np.uint8)
    cv2.putText(drawn, character, (0, _PROBE_SIZE), (255,), font, _PROBE_SIZE)
    return drawn


def text_width(text: str, font: cv2.FontFace, font_size: int) -> int:
    """The width of the text in pixels."""
    _, _, width, _ = cv2.getTextSize((0, 0), text, (0, 0), font, font_size)
    return int(width)


def _places(
    mask: npt.NDArray[np.uint8],
    box_xyxy: npt.NDArray[np.int32],
    tag_size: tuple[int, int],
    picture_size: tuple[int, int],
) -> Iterator[tuple[int, int]]:
    """(left, top) of the possible places for a label, best first: above the object, inside, below."""
    x1, y1 = box_xyxy[:2].tolist()
    width, height = tag_size
    rows = np.flatnonzero(mask.any(axis=1))
    head, foot = y1 + int(rows[0]), y1 + int(rows[-1]) + 1
    middle_of_head = x1 + int(np.flatnonzero(mask[rows[0]]).mean())
    left = min(max(middle_of_head - width // 2, 0), picture_size[0] - width)
    for top in (head - height, head, foot - height, foot):
        if 0 <= top <= picture_size[1] - height:
            yield left, top


def _overlap(a: Rectangle, b: Rectangle) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
