"""Objects drawn over their image: masks, boxes, captions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt

from mrcnn.utils.matching import compute_matches
from mrcnn.visualize.canvas import frame, new_axes, outline_box, outline_mask
from mrcnn.visualize.colors import Color, apply_mask, random_colors

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARGIN = 10
"""Pixels shown beside the image."""
TRUE_COLOR, DETECTED_COLOR = (0, 1, 0, 0.8), (1, 0, 0, 1)


def display_instances(
    image: npt.NDArray,
    boxes: npt.NDArray,
    masks: npt.NDArray,
    class_ids: npt.NDArray,
    class_names: Sequence[str],
    scores: npt.NDArray | None = None,
    title: str = "",
    figsize: tuple[float, float] = (16, 16),
    ax: Axes | None = None,
    show_mask: bool = True,
    show_bbox: bool = True,
    colors: Sequence[Color] | None = None,
    captions: Sequence[str] | None = None,
) -> None:
    """Draw objects over their image.

    Args:
        image: (H, W, 3), 0 to 255.
        boxes: (N, 4), y1 x1 y2 x2. Objects with a box of zeros are left out.
        masks: (H, W, N), 0 and 1.
        class_ids: (N,).
        class_names: by class id.
        scores: (N,), 0 to 1.
        title: of the figure.
        figsize: width and height of the figure in inches.
        ax: draw on these axes; without them a new figure is shown.
        show_mask: whether masks are filled; their outlines are always drawn.
        show_bbox: whether boxes are drawn.
        colors: of each object; by default random ones.
        captions: of each object; by default its class and score.

    Raises:
        ValueError: there are not as many masks and class ids as boxes.
    """
    count = len(boxes)
    if not count:
        print("\n*** No instances to display ***\n")
    elif not count == masks.shape[-1] == len(class_ids):
        raise ValueError(f"{count} boxes, {masks.shape[-1]} masks, {len(class_ids)} class ids: give one each")
    colors = random_colors(count) if colors is None else colors
    axes = ax or new_axes(figsize)
    frame(axes, image, title, MARGIN, MARGIN, MARGIN)

    painted = image.astype(np.uint32)
    for index in range(count):
        if not np.any(boxes[index]):  # lost in cropping
            continue
        color, mask = colors[index], masks[..., index]
        if show_bbox:
            outline_box(axes, boxes[index], color, alpha=0.7, linestyle="dashed")
        caption = captions[index] if captions is not None else _caption(index, class_ids, class_names, scores)
        y1, x1 = boxes[index][:2]
        axes.text(x1, y1 + 8, caption, color="w", size=11, backgroundcolor="none")
        if show_mask:
            apply_mask(painted, mask, color)
        outline_mask(axes, mask, color)
    axes.imshow(painted.astype(np.uint8))
    if ax is None:
        plt.show()


def _caption(
    index: int, class_ids: npt.NDArray, class_names: Sequence[str], scores: npt.NDArray | None
) -> str:
    name = class_names[class_ids[index]]
    return f"{name} {scores[index]:.3f}" if scores is not None and scores[index] else name


def display_differences(
    image: npt.NDArray,
    gt_box: npt.NDArray,
    gt_class_id: npt.NDArray,
    gt_mask: npt.NDArray,
    pred_box: npt.NDArray,
    pred_class_id: npt.NDArray,
    pred_score: npt.NDArray,
    pred_mask: npt.NDArray,
    class_names: Sequence[str],
    title: str = "",
    ax: Axes | None = None,
    show_mask: bool = True,
    show_box: bool = True,
    iou_threshold: float = 0.5,
    score_threshold: float = 0.5,
) -> None:
    """Draw true objects in green, and detections in red with "score / IoU with the true object".

    The IoU of a detection without a match is its highest. Arguments are those of `display_instances` and of
    `mrcnn.utils.compute_matches`.
    """
    best_first = np.argsort(pred_score)[::-1]  # the order in which matches are numbered
    pred_box, pred_class_id, pred_score = (
        pred_box[best_first],
        pred_class_id[best_first],
        pred_score[best_first],
    )
    pred_mask = pred_mask[..., best_first]
    gt_match, pred_match, overlaps = compute_matches(
        *(gt_box, gt_class_id, gt_mask),
        *(pred_box, pred_class_id, pred_score, pred_mask),
        iou_threshold=iou_threshold,
        score_threshold=score_threshold,
    )
    true, found = len(gt_match), len(pred_match)  # without padding
    ious = [
        row[int(match)] if match > -1 else row.max(initial=0)
        for row, match in zip(overlaps, pred_match, strict=True)
    ]
    display_instances(
        image,
        np.concatenate([gt_box[:true], pred_box[:found]]),
        np.concatenate([gt_mask[..., :true], pred_mask[..., :found]], axis=-1),
        np.concatenate([gt_class_id[:true], pred_class_id[:found]]),
        class_names,
        title=title or "Ground Truth and Detections\n GT=green, pred=red, captions: score/IoU",
        ax=ax,
        show_mask=show_mask,
        show_bbox=show_box,
        colors=[TRUE_COLOR] * true + [DETECTED_COLOR] * found,
        captions=[""] * true
        + [f"{score:.2f} / {iou:.2f}" for score, iou in zip(pred_score, ious, strict=False)],
    )
