"""Boxes before and after refinement: anchors, proposals, RoIs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt

from mrcnn.utils.masks import unmold_mask
from mrcnn.visualize.canvas import frame, new_axes, outline_box, outline_mask
from mrcnn.visualize.colors import apply_mask, random_colors

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FIGSIZE = (12, 12)
STYLES: list[dict[str, Any]] = [
    {"linestyle": "dotted", "alpha": 0.5},
    {"linestyle": "dotted", "alpha": 1},
    {"linestyle": "solid", "alpha": 1},
]
"""By visibility."""


def draw_box(image: npt.NDArray[np.uint8], box: Sequence[int], color: Sequence[int]) -> npt.NDArray[np.uint8]:
    """Draw the frame y1 x1 y2 x2, two pixels thick, into an image (H, W, 3), in place; returns the image.

    `color` is red, green and blue, 0 to 255.
    """
    y1, x1, y2, x2 = (int(end) for end in box)
    drawn = cv2.rectangle(image, (x1, y1), (x2, y2), color=[int(part) for part in color], thickness=2)
    return np.asarray(drawn, image.dtype)


def draw_rois(
    image: npt.NDArray,
    rois: npt.NDArray,
    refined_rois: npt.NDArray,
    mask: npt.NDArray,
    class_ids: npt.NDArray,
    class_names: Sequence[str],
    limit: int = 10,
) -> None:
    """Draw RoIs, dashed, with their refinement, class and mask; those of the background are grey.

    Args:
        image: (H, W, 3), 0 to 255.
        rois: (N, 4), y1 x1 y2 x2 in pixels.
        refined_rois: (N, 4), the same after refinement.
        mask: (N, h, w), the probabilities that the network gives in each RoI.
        class_ids: (N,); 0 is background.
        class_names: by class id.
        limit: draw as many, which NumPy's global generator chooses.
    """
    count = len(rois)
    chosen = np.random.choice(count, limit, replace=False) if count > limit else np.arange(count)
    title = f"Showing {limit} random ROIs out of {count}" if count > limit else f"{count} ROIs"
    ax = new_axes(FIGSIZE)
    frame(ax, image, title, left=50, right=20, vertical=20)

    painted = image.copy()
    for index in chosen:
        color = tuple(np.random.rand(3))
        class_id = class_ids[index]
        outline_box(ax, rois[index], color if class_id else "gray", linestyle="dashed")
        if not class_id:
            continue
        outline_box(ax, refined_rois[index], color)
        _connect(ax, rois[index], refined_rois[index], color)
        y1, x1 = refined_rois[index][:2]
        ax.text(x1, y1 + 8, class_names[class_id], color="w", size=11, backgroundcolor="none")
        whole = unmold_mask(mask[index], rois[index].astype(np.int32), image.shape)
        apply_mask(painted, whole, color)
    ax.imshow(painted)

    positive = int((class_ids > 0).sum())
    print("Positive ROIs: ", positive)
    print("Negative ROIs: ", int((class_ids == 0).sum()))
    print(f"Positive Ratio: {positive / max(len(class_ids), 1):.2f}")


def draw_boxes(
    image: npt.NDArray,
    boxes: npt.NDArray | None = None,
    refined_boxes: npt.NDArray | None = None,
    masks: npt.NDArray | None = None,
    captions: Sequence[str] | None = None,
    visibilities: Sequence[int] | None = None,
    title: str = "",
    ax: Axes | None = None,
) -> None:
    """Draw boxes and what they became.

    Args:
        image: (H, W, 3), 0 to 255.
        boxes: (N, 4), y1 x1 y2 x2; those of zeros are left out.
        refined_boxes: (N, 4), the same after refinement, drawn solid and connected with them.
        masks: (H, W, N), 0 and 1.
        captions: of each box.
        visibilities: of each box: 0 grey and dotted, 1 (the default) dotted, 2 solid.
        title: of the figure.
        ax: draw on these axes rather than in a new figure.

    Raises:
        ValueError: neither `boxes` nor `refined_boxes` are given.
    """
    first = boxes if boxes is not None else refined_boxes
    if first is None:
        raise ValueError("draw_boxes needs boxes or refined_boxes")
    colors = random_colors(len(first))
    axes = ax or new_axes(FIGSIZE)
    margin = image.shape[0] // 10
    frame(axes, image, title, margin, margin, margin)

    painted = image.astype(np.uint32)
    for index, random_color in enumerate(colors):
        visibility = visibilities[index] if visibilities is not None else 1
        color: Any = random_color if visibility else "gray"
        corner = first[index]
        if boxes is not None:
            if not np.any(boxes[index]):  # lost in cropping
                continue
            outline_box(axes, boxes[index], color, **STYLES[visibility])
        if refined_boxes is not None:
            corner = refined_boxes[index].astype(np.int32)
            if visibility:
                outline_box(axes, corner, color)
            if visibility and boxes is not None:
                _connect(axes, boxes[index], corner, color)
        if captions is not None:
            box_style = {"facecolor": color, "alpha": 0.5, "pad": 2, "edgecolor": "none"}
            at_top: dict[str, Any] = {
                "verticalalignment": "top",
                "color": "w",
                "backgroundcolor": "none",
                "size": 11,
            }
            axes.text(corner[1], corner[0], captions[index], bbox=box_style, **at_top)
        if masks is not None:
            apply_mask(painted, masks[..., index], random_color)
            outline_mask(axes, masks[..., index], random_color)
    axes.imshow(painted.astype(np.uint8))


def _connect(ax: Axes, box: npt.NDArray, refined: npt.NDArray, color: Any) -> None:
    """Draw a line between the top left corners of a box and of what it became."""
    ax.plot([box[1], refined[1]], [box[0], refined[0]], color=color)
