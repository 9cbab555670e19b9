"""Canvas: Matplotlib's axes prepared for an image, and what is drawn on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from contourpy import contour_generator
from matplotlib.patches import Polygon, Rectangle

from mrcnn.visualize.colors import Color

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def new_axes(figsize: tuple[float, float]) -> Axes:
    """The axes of a new figure of that size in inches."""
    return plt.subplots(1, figsize=figsize)[1]


def frame(ax: Axes, image: npt.NDArray, title: str, left: float, right: float, vertical: float) -> None:
    """Show the image's area and this many pixels beside it, without ticks."""
    height, width = image.shape[:2]
    ax.set_ylim(height + vertical, -vertical)
    ax.set_xlim(-left, width + right)
    ax.axis("off")
    ax.set_title(title)


def outline_box(ax: Axes, box_yxyx: npt.NDArray, color: Any, **style: Any) -> None:
    """Draw the frame of a box."""
    y1, x1, y2, x2 = box_yxyx[:4]
    ax.add_patch(
        Rectangle((x1, y1), x2 - x1, y2 - y1, linewidth=2, edgecolor=color, facecolor="none", **style)
    )


def outline_mask(ax: Axes, mask: npt.NDArray, color: Color) -> None:
    """Draw the outlines of a mask (H, W); they are closed at the edge of the image too."""
    framed = np.pad(np.asarray(mask, np.float64), 1)
    for points_xy in contour_generator(z=framed).lines(0.5):
        ax.add_patch(Polygon(np.asarray(points_xy) - 1, facecolor="none", edgecolor=color))
