"""Outlines: converts shapes of annotation tools to polygons, x, y, x, y, … in pixels."""

from __future__ import annotations

import math

FEWEST_CORNERS, MOST_CORNERS = 16, 360
"""Corners of the polygon that approximates an ellipse: about one for each two pixels of its edge."""


def of_rectangle(x1: float, y1: float, x2: float, y2: float) -> list[float]:
    """The rectangle with two opposite corners (x1, y1) and (x2, y2), in any order."""
    return [x1, y1, x2, y1, x2, y2, x1, y2]


def of_ellipse(x: float, y: float, radius_x: float, radius_y: float, turn: float = 0.0) -> list[float]:
    """The ellipse around (x, y), rotated by `turn` radians from the x axis towards the y axis."""
    largest = max(abs(radius_x), abs(radius_y))
    corners = min(max(math.ceil(math.pi * largest), FEWEST_CORNERS), MOST_CORNERS)
    outline = []
    for corner in range(corners):
        angle = 2 * math.pi * corner / corners
        outline += [x + radius_x * math.cos(angle), y + radius_y * math.sin(angle)]
    return turned(outline, x, y, turn)


def turned(outline: list[float], x: float, y: float, turn: float) -> list[float]:
    """The outline rotated around (x, y) by `turn` radians from the x axis towards the y axis."""
    if not turn:
        return outline
    rotated = []
    for along, across in zip(outline[0::2], outline[1::2], strict=True):
        right, down = along - x, across - y
        rotated += [
            x + right * math.cos(turn) - down * math.sin(turn),
            y + right * math.sin(turn) + down * math.cos(turn),
        ]
    return rotated


def of_circle(x: float, y: float, radius: float) -> list[float]:
    """The circle around (x, y)."""
    return of_ellipse(x, y, radius, radius)
