"""The table: CSV with a row for each segment, for spreadsheets and statistics."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Sequence
from typing import Any

import cv2

from model.measures import Measures, heading
from model.results.masks import Mask
from model.results.segments import Segments

COLUMNS = (
    "id",
    "class",
    "class_id",
    "score",
    "x",
    "y",
    "width",
    "height",
    "area",
    "centroid_x",
    "centroid_y",
    "equivalent_diameter",
)

# Characters that spreadsheets read as the start of a formula, at the start of a cell or after a separator at
# which some of them split.
_FORMULA = re.compile('(?:^|(?<=[;,\t\r\n"]))(?=\\s*[-=+@\uff0d\uff1d\uff0b\uff20])')


# The same in micrometres, if the size of a pixel is known.
SIZED_COLUMNS = (
    "width_um",
    "height_um",
    "area_um2",
    "centroid_x_um",
    "centroid_y_um",
    "equivalent_diameter_um",
)

EDITED_COLUMN = "edited"


def segments_to_csv(
    segments: Segments,
    class_names: Sequence[str],
    *,
    pixel_size: float | None = None,
    measures: Measures | None = None,
) -> bytes:
    """A CSV file (RFC 4180) in UTF-8: a header, then a row for each segment, best score first.

    The arguments and the columns are those of `segments_to_rows`; cells without a value are empty.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)  # its default dialect is that of the RFC
    columns, rows = segments_to_rows(segments, class_names, pixel_size=pixel_size, measures=measures)
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue().encode()


def segments_to_rows(
    segments: Segments,
    class_names: Sequence[str],
    *,
    pixel_size: float | None = None,
    measures: Measures | None = None,
) -> tuple[list[str], list[list[Any]]]:
    """The headings of the table and its rows, a row for each segment, best score first.

    Args:
        segments: the model's answer.
        class_names: the model's class names by class id; entry 0 is the background. An apostrophe is
            inserted before any part of a name that a spreadsheet would read as a formula.
        pixel_size: the width of a pixel in micrometres; if given, SIZED_COLUMNS follow COLUMNS.
        measures: those of the segments. They follow, except those that already have a column, such as the
            area in pixels.

    If a person has edited any of the segments, the last column is EDITED_COLUMN: "true" or "false".

    Returns:
        Lengths are in pixels. Positions are relative to the image's upper left corner, so that the centre of
        its first pixel is at 0.5, 0.5, as in ImageJ and QuPath. `equivalent_diameter` is that of a circle
        with the same area. A mask without pixels has no centroid: its value is None.
    """
    edited = segments.are_edited()
    ids = segments.ids()
    tells_edited = any(edited)
    columns = [
        *COLUMNS,
        *(() if pixel_size is None else SIZED_COLUMNS),
        *((EDITED_COLUMN,) if tells_edited else ()),
    ]
    added = _added(measures, columns)
    rows: list[list[Any]] = []
    areas = segments.areas().tolist()
    scores = segments.written_scores()
    for index, (x1, y1, x2, y2) in enumerate(segments.boxes.tolist()):
        class_id = int(segments.class_ids[index])
        width, height, area = x2 - x1, y2 - y1, areas[index]
        x, y = _centroid(segments.masks[index], x1, y1)
        diameter = 2 * math.sqrt(area / math.pi)
        row = [
            ids[index],
            cell_text(class_names[class_id]),
            class_id,
            scores[index],
            *(x1, y1, width, height, area),
            *(_rounded(x), _rounded(y), round(diameter, 2)),
        ]
        if pixel_size is not None:
            lengths = [None if length is None else length * pixel_size for length in (x, y, diameter)]
            sized = [width * pixel_size, height * pixel_size, area * pixel_size**2, *lengths]
            row += [None if number is None else f"{number:.6g}" for number in sized]
        if tells_edited:
            row.append(str(edited[index]).lower())
        if measures is not None:
            of_segment = measures.values[index]
            row += [_digits(of_segment[name]) for name in added]
        rows.append(row)
    return [*columns, *added.values()], rows


def cell_text(text: str) -> str:
    """The text, with an apostrophe before any part of it that a spreadsheet would read as a formula."""
    return _FORMULA.sub("'", text)


def _added(measures: Measures | None, columns: Sequence[str]) -> dict[str, str]:
    """The heading by name of each measure that is not yet in a column."""
    if measures is None:
        return {}
    headings = {name: heading(name, measures.pixel_size) for name in measures.names}
    return {name: title for name, title in headings.items() if title not in columns}


def _digits(measure: float | None) -> float | str | None:
    """The measure with no more digits than anybody compares; a whole number stays as it is."""
    return f"{measure:.10g}" if isinstance(measure, float) else measure


def _centroid(mask: Mask, left: int, top: int) -> tuple[float | None, float | None]:
    """The mask's centroid, x and y in pixels of the image."""
    moments = cv2.moments(mask, binaryImage=True)
    pixels = moments["m00"]
    if not pixels:
        return None, None
    return left + moments["m10"] / pixels + 0.5, top + moments["m01"] / pixels + 0.5


def _rounded(pixels: float | None) -> float | None:
    return None if pixels is None else round(pixels, 2)
