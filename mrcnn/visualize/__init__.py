"""What Matterport's library has in `mrcnn.visualize`, on Matplotlib."""

from mrcnn.visualize.boxes import draw_box, draw_boxes, draw_rois
from mrcnn.visualize.colors import apply_mask, random_colors
from mrcnn.visualize.images import display_images, display_top_masks
from mrcnn.visualize.instances import display_differences, display_instances
from mrcnn.visualize.plots import plot_overlaps, plot_precision_recall
from mrcnn.visualize.tables import display_table, display_weight_stats

__all__ = [
    "apply_mask",
    "display_differences",
    "display_images",
    "display_instances",
    "display_table",
    "display_top_masks",
    "display_weight_stats",
    "draw_box",
    "draw_boxes",
    "draw_rois",
    "plot_overlaps",
    "plot_precision_recall",
    "random_colors",
]
