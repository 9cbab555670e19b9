"""The names and signatures of Matterport's library, but for those of `mrcnn.model`."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import imgaug
import mrcnn.utils
import mrcnn.visualize
from imgaug import augmenters

ROOT = Path(__file__).parents[2]

TRUTH = "gt_box, gt_class_id, gt_mask, pred_box, pred_class_id, pred_score, pred_mask"
TRUTHS = "gt_boxes, gt_class_ids, gt_masks, pred_boxes, pred_class_ids, pred_scores, pred_masks"

UTILS = {
    "apply_box_deltas": "boxes, deltas",
    "batch_slice": "inputs, graph_fn, batch_size, names=None",
    "box_refinement": "box, gt_box",
    "box_refinement_graph": "box, gt_box",
    "compute_ap": f"{TRUTHS}, iou_threshold=0.5",
    "compute_ap_range": f"{TRUTH}, iou_thresholds=None, verbose=1",
    "compute_iou": "box, boxes, box_area, boxes_area",
    "compute_matches": f"{TRUTHS}, iou_threshold=0.5, score_threshold=0.0",
    "compute_overlaps": "boxes1, boxes2",
    "compute_overlaps_masks": "masks1, masks2",
    "compute_recall": "pred_boxes, gt_boxes, iou",
    "denorm_boxes": "boxes, shape",
    "download_trained_weights": "coco_model_path, verbose=1",
    "expand_mask": "bbox, mini_mask, image_shape",
    "extract_bboxes": "mask",
    "generate_anchors": "scales, ratios, shape, feature_stride, anchor_stride",
    "generate_pyramid_anchors": "scales, ratios, feature_shapes, feature_strides, anchor_stride",
    "minimize_mask": "bbox, mask, mini_shape",
    "mold_mask": "mask, config",
    "non_max_suppression": "boxes, scores, threshold",
    "norm_boxes": "boxes, shape",
    "resize": (
        "image, output_shape, order=1, mode='constant', cval=0, clip=True, preserve_range=False, "
        "anti_aliasing=False, anti_aliasing_sigma=None"
    ),
    "resize_image": "image, min_dim=None, max_dim=None, min_scale=None, mode='square'",
    "resize_mask": "mask, scale, padding, crop=None",
    "trim_zeros": "x",
    "unmold_mask": "mask, bbox, image_shape",
    "Dataset": "class_map=None",
    "Dataset.add_class": "self, source, class_id, class_name",
    "Dataset.add_image": "self, source, image_id, path, **kwargs",
    "Dataset.append_data": "self, class_info, image_info",
    "Dataset.get_source_class_id": "self, class_id, source",
    "Dataset.image_reference": "self, image_id",
    "Dataset.load_image": "self, image_id",
    "Dataset.load_mask": "self, image_id",
    "Dataset.map_source_class_id": "self, source_class_id",
    "Dataset.prepare": "self, class_map=None",
    "Dataset.source_image_link": "self, image_id",
}
VISUALIZE = {
    "apply_mask": "image, mask, color, alpha=0.5",
    "display_differences": (
        f"image, {TRUTH}, class_names, title='', ax=None, show_mask=True, show_box=True, iou_threshold=0.5, "
        "score_threshold=0.5"
    ),
    "display_images": "images, titles=None, cols=4, cmap=None, norm=None, interpolation=None",
    "display_instances": (
        "image, boxes, masks, class_ids, class_names, scores=None, title='', figsize=(16, 16), ax=None, "
        "show_mask=True, show_bbox=True, colors=None, captions=None"
    ),
    "display_table": "table",
    "display_top_masks": "image, mask, class_ids, class_names, limit=4",
    "display_weight_stats": "model",
    "draw_box": "image, box, color",
    "draw_boxes": (
        "image, boxes=None, refined_boxes=None, masks=None, captions=None, visibilities=None, title='', "
        "ax=None"
    ),
    "draw_rois": "image, rois, refined_rois, mask, class_ids, class_names, limit=10",
    "plot_overlaps": "gt_class_ids, pred_class_ids, pred_scores, overlaps, class_names, threshold=0.5",
    "plot_precision_recall": "AP, precisions, recalls",
    "random_colors": "N, bright=True",
}
AUGMENTERS = {
    "Add": "value=(-20, 20), per_channel=False",
    "AdditiveGaussianNoise": "loc=0, scale=(0, 15), per_channel=False",
    "Affine": (
        "scale=None, translate_percent=None, translate_px=None, rotate=None, shear=None, order=1, cval=0, "
        "mode='constant', fit_output=False, backend='auto'"
    ),
    "ContrastNormalization": "alpha=1.0, per_channel=False",
    "Crop": "px=None, percent=None, keep_size=True, sample_independently=True",
    "CropAndPad": (
        "px=None, percent=None, pad_mode='constant', pad_cval=0, keep_size=True, sample_independently=True"
    ),
    "Fliplr": "p=1",
    "Flipud": "p=1",
    "GaussianBlur": "sigma=(0.0, 3.0)",
    "Identity": "",
    "LinearContrast": "alpha=(0.6, 1.4), per_channel=False",
    "Multiply": "mul=(0.8, 1.2), per_channel=False",
    "Noop": "",
    "OneOf": "children",
    "Pad": (
        "px=None, percent=None, pad_mode='constant', pad_cval=0, keep_size=True, sample_independently=True"
    ),
    "PiecewiseAffine": (
        "scale=(0.0, 0.04), nb_rows=(2, 4), nb_cols=(2, 4), order=1, cval=0, mode='constant', "
        "absolute_scale=False, polygon_recoverer=None"
    ),
    "Sequential": "children=None, random_order=False",
    "SomeOf": "n=None, children=None, random_order=False",
    "Sometimes": "p=0.5, then_list=None, else_list=None",
}
COMMON = "seed=None, name=None, random_state=None, deterministic=False"


def signature_of(function: Any) -> str:
    parameters = inspect.signature(function).parameters.values()
    return ", ".join(str(one.replace(annotation=inspect.Parameter.empty)) for one in parameters)


@pytest.mark.parametrize(
    ("module", "expected"), [(mrcnn.utils, UTILS), (mrcnn.visualize, VISUALIZE)], ids=["utils", "visualize"]
)
def test_functions_take_what_the_library_takes(module: ModuleType, expected: dict[str, str]) -> None:
    found = {}
    for name in expected:
        function: Any = module
        for part in name.split("."):
            function = getattr(function, part)
        found[name] = signature_of(function)
    assert found == expected
    public = {name.split(".")[0] for name in expected} | {"COCO_MODEL_URL"} & set(module.__all__)
    assert set(module.__all__) == public


def test_augmenters_take_what_imgaug_takes() -> None:
    classes = {name: getattr(augmenters, name) for name in augmenters.__all__ if name != "Augmenter"}
    common = signature_of(augmenters.Augmenter)
    found = {
        name: signature_of(one).replace("**common", COMMON).removesuffix(COMMON).removesuffix(", ")
        for name, one in classes.items()
    }
    assert common == COMMON
    assert found == AUGMENTERS
    assert signature_of(imgaug.HooksImages) == (
        "activator=None, propagator=None, preprocessor=None, postprocessor=None"
    )


def test_the_documentation_says_of_every_name_whether_it_works() -> None:
    page = (ROOT / "docs" / "matterport.md").read_text()
    rows = re.findall(r"^\| (`.+?) \| (\w+) \|", page, re.MULTILINE)
    listed = {name for names, _ in rows for name in re.findall(r"`([\w.]+)", names)}
    public = {*mrcnn.utils.__all__, *mrcnn.visualize.__all__, *augmenters.__all__, *imgaug.__all__}
    assert public - {"Augmenter", "augmenters"} <= listed


def test_what_does_not_exist_any_more_says_what_to_use() -> None:
    from mrcnn.parallel_model import ParallelModel

    with pytest.raises(NotImplementedError, match="IMAGES_PER_GPU"):
        ParallelModel(None, gpu_count=2)
    with pytest.raises(NotImplementedError, match="minimize_mask"):
        mrcnn.utils.mold_mask(None, None)
    with pytest.raises(AttributeError, match=r"'CLAHE'. It has Add, AdditiveGaussianNoise, Affine"):
        augmenters.CLAHE  # noqa: B018
    with pytest.raises(AttributeError, match="'parameters'"):
        imgaug.parameters  # noqa: B018


def test_another_copy_on_the_path_is_warned_of_once(tmp_path: Path) -> None:
    for package in ("mrcnn", "imgaug"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("raise SystemExit('the other one')\n")
    script = "import mrcnn.config, mrcnn.parallel_model, imgaug, imgaug.augmenters"
    ended = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr.count(f"The one in {tmp_path / 'mrcnn'} is not used") == 1
    assert ended.stderr.count(f"The one in {tmp_path / 'imgaug'} is not used") == 1
