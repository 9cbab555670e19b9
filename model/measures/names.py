"""Names of measures: their groups, their units, and the measures of a picture's segments under them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

Group = Literal["shape", "intensity"]
GROUPS: tuple[Group, ...] = get_args(Group)
"""The groups of measures that can be requested."""

PixelSize = tuple[float, float]
"""(x, y), the width and height of a pixel in micrometres."""

LENGTHS = (
    "perimeter",
    "axis_major_length",
    "axis_minor_length",
    "equivalent_diameter_area",
    "feret_diameter_max",
    "centroid_x",
    "centroid_y",
)
AREAS = ("area",)
ANGLES = ("orientation",)

_ENDINGS = {**dict.fromkeys(LENGTHS, "_um"), **dict.fromkeys(AREAS, "_um2")}


@dataclass(frozen=True)
class Measures:
    """The measures of a picture's segments.

    Attributes:
        names: the names of the measures, which every segment has in this order.
        values: for each segment, in order, its measures by name; None where a measure is not defined, such
            as the circularity of a single pixel.
        pixel_size: the size of a pixel by which lengths are in µm and areas in µm²; None: they are in pixels.
    """

    names: Sequence[str]
    values: Sequence[dict[str, float | None]]
    pixel_size: PixelSize | None = None

    @property
    def unit(self) -> Literal["µm", "px"]:
        """The unit of lengths; that of areas is its square."""
        return "px" if self.pixel_size is None else "µm"


def heading(name: str, pixel_size: PixelSize | None) -> str:
    """Return the heading of a measure in a table, which says its unit unless that is the pixel or none.

    >>> heading("area", (0.5, 0.5)), heading("area", None), heading("orientation", None)
    ('area_um2', 'area', 'orientation_rad')
    """
    if name in ANGLES:
        return f"{name}_rad"
    return name if pixel_size is None else name + _ENDINGS.get(name, "")
