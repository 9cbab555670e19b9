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
        along, across = radius_x * math.cos(angle), radius_y * math.sin(angle)
        outline += [
            x + along * math.cos(turn) - across * math.sin(turn),
            y + along * math.sin(turn) + across * math.cos(turn),
        ]
    return outline


def of_circle(x: float, y: float, radius: float) -> list[float]:
    """The circle around (x, y)."""
    return of_ellipse(x, y, radius, radius)
