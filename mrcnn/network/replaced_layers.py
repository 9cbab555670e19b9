"""The layers of the library's graph that are NumPy between three graphs here."""

from __future__ import annotations

from mrcnn.replaced import replaced

FAMILY = "model.families.mask_rcnn"

ProposalLayer = replaced("ProposalLayer", f"{FAMILY}.proposals.propose does its work, on NumPy arrays")
PyramidROIAlign = replaced(
    "PyramidROIAlign", f"{FAMILY}.sampling.sampling_points and roi_align.RoIAlign do its work"
)
DetectionLayer = replaced("DetectionLayer", f"{FAMILY}.detections.refine does its work, on NumPy arrays")
refine_detections_graph = replaced(
    "refine_detections_graph", f"{FAMILY}.detections.refine does its work, on NumPy arrays"
)
DetectionTargetLayer = replaced(
    "DetectionTargetLayer", f"{FAMILY}.targets.roi_targets does its work, on NumPy arrays"
)
detection_targets_graph = replaced(
    "detection_targets_graph", f"{FAMILY}.targets.roi_targets does its work, on NumPy arrays"
)
rpn_graph = replaced("rpn_graph", f"{FAMILY}.rpn.build_rpn builds this part")
build_rpn_model = replaced("build_rpn_model", f"{FAMILY}.rpn.build_rpn builds this part")
fpn_classifier_graph = replaced("fpn_classifier_graph", f"{FAMILY}.heads.build_box_head builds this part")
build_fpn_mask_graph = replaced("build_fpn_mask_graph", f"{FAMILY}.heads.build_mask_head builds this part")
