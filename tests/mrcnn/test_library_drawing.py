"""What `mrcnn.visualize` draws, seen on Matplotlib's axes and in pixels."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.patches import Polygon, Rectangle

from mrcnn import utils, visualize

pytestmark = pytest.mark.filterwarnings("ignore:FigureCanvasAgg is non-interactive:UserWarning")

NAMES = ["BG", "cell", "dust"]
IMAGE = np.full((60, 80, 3), 100, np.uint8)
MASKS = np.zeros((60, 80, 3), bool)
MASKS[0:20, 0:30, 0] = MASKS[30:50, 20:40, 1] = MASKS[25:30, 60:70, 2] = True
BOXES = utils.extract_bboxes(MASKS)
CLASS_IDS = np.array([1, 1, 2])
SCORES = np.array([0.7, 0.95, 0.8])


@pytest.fixture(autouse=True)
def figures() -> Iterator[None]:
    plt.switch_backend("Agg")
    yield
    plt.close("all")


def texts() -> list[str]:
    return [text.get_text() for text in plt.gca().texts]


def patches(kind: type) -> list:
    return [patch for patch in plt.gca().patches if isinstance(patch, kind)]


def shown() -> np.ndarray:
    return np.asarray(plt.gca().get_images()[0].get_array())


def test_colors_are_distinct_and_follow_pythons_seed() -> None:
    random.seed(4)
    colors = visualize.random_colors(6)
    random.seed(4)
    assert visualize.random_colors(6) == colors
    assert len(set(colors)) == 6
    assert {max(color) for color in visualize.random_colors(6, bright=False)} == {0.7}


def test_a_mask_is_blended_into_the_image_itself() -> None:
    image = IMAGE.copy()
    assert visualize.apply_mask(image, MASKS[..., 0], (1, 0, 0.5)) is image
    assert image[5, 5].tolist() == [177, 50, 113]
    assert image[40, 70].tolist() == [100, 100, 100]


def test_objects_are_drawn_with_box_outline_mask_and_caption() -> None:
    boxes = np.concatenate([BOXES[:2], np.zeros((1, 4), np.int32)])  # the last was lost in cropping
    colors = [(1.0, 0, 0), (0, 1.0, 0), (0, 0, 1.0)]
    visualize.display_instances(
        IMAGE, boxes, MASKS, CLASS_IDS, NAMES, SCORES, title="Cells", figsize=(4, 3), colors=colors
    )
    assert texts() == ["cell 0.700", "cell 0.950"]
    assert plt.gca().get_title() == "Cells"
    assert plt.gcf().get_size_inches().tolist() == [4, 3]
    assert [box.get_bbox().bounds for box in patches(Rectangle)] == [(0, 0, 30, 20), (20, 30, 20, 20)]
    corner = patches(Polygon)[0].get_xy()  # of the mask in the corner, closed at the edge of the image
    assert (corner.min(axis=0).tolist(), corner.max(axis=0).tolist()) == ([-0.5, -0.5], [29.5, 19.5])
    assert shown()[40, 30].tolist() == [50, 177, 50]
    assert shown()[27, 65].tolist() == [100, 100, 100]
    assert (IMAGE == 100).all()


def test_boxes_and_masks_can_be_left_out_and_captions_given() -> None:
    _, axes = plt.subplots()
    visualize.display_instances(
        *(IMAGE, BOXES, MASKS, CLASS_IDS, NAMES),
        ax=axes,
        show_mask=False,
        show_bbox=False,
        captions=["a", "b", "c"],
    )
    assert texts() == ["a", "b", "c"]
    assert patches(Rectangle) == []
    assert len(patches(Polygon)) == 3
    assert (shown() == 100).all()


def test_no_objects_are_said_and_a_missing_mask_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    visualize.display_instances(IMAGE, BOXES[:0], MASKS[..., :0], CLASS_IDS[:0], NAMES)
    assert "No instances to display" in capsys.readouterr().out
    with pytest.raises(ValueError, match="3 boxes, 2 masks, 3 class ids"):
        visualize.display_instances(IMAGE, BOXES, MASKS[..., :2], CLASS_IDS, NAMES)


def test_differences_are_captioned_with_score_and_overlap_of_the_same_object() -> None:
    shifted = np.roll(MASKS[..., :2], 5, axis=1)
    visualize.display_differences(
        *(IMAGE, BOXES, CLASS_IDS, MASKS),
        *(utils.extract_bboxes(shifted), CLASS_IDS[:2], SCORES[:2], shifted),
        NAMES,
    )
    assert texts() == ["", "", "", "0.95 / 0.60", "0.70 / 0.71"]
    assert [patch.get_edgecolor()[:2] for patch in patches(Rectangle)] == [(0, 1)] * 3 + [(1, 0)] * 2


def test_images_are_shown_in_rows_with_titles() -> None:
    visualize.display_images([IMAGE] * 3, titles=["a", "b", "c"], cols=2)
    assert [axes.get_title() for axes in plt.gcf().axes] == ["a", "b", "c"]
    assert plt.gcf().axes[2].get_subplotspec().rowspan.start == 1


def test_top_masks_show_the_largest_classes_first() -> None:
    visualize.display_top_masks(IMAGE, MASKS, CLASS_IDS[[0, 2, 2]], NAMES, limit=3)
    axes = plt.gcf().axes
    assert [one.get_title() for one in axes] == ["H x W=60x80", "cell", "dust", "-"]
    dust = np.asarray(axes[2].get_images()[0].get_array())
    assert (dust[40, 30], dust[27, 65], dust[5, 5]) == (1, 2, 0)


def test_a_box_is_drawn_into_the_image_itself() -> None:
    image = IMAGE.copy()
    drawn = visualize.draw_box(image, BOXES[1], [255, 0, 0])
    assert np.array_equal(drawn, image)
    assert image[30, 30].tolist() == image[40, 20].tolist() == [255, 0, 0]
    assert image[40, 30].tolist() == [100, 100, 100]


def test_rois_are_drawn_with_what_they_became(capsys: pytest.CaptureFixture[str]) -> None:
    small = np.ones((3, 28, 28), np.float32)
    visualize.draw_rois(IMAGE, BOXES, BOXES + 2, small, np.array([1, 0, 2]), NAMES)
    assert plt.gca().get_title() == "3 ROIs"
    assert texts() == ["cell", "dust"]
    assert len(patches(Rectangle)) == 5
    assert (shown()[5, 5] != 100).any()
    assert "Positive Ratio: 0.67" in capsys.readouterr().out
    visualize.draw_rois(IMAGE, BOXES, BOXES, small, CLASS_IDS, NAMES, limit=2)
    assert plt.gca().get_title() == "Showing 2 random ROIs out of 3"


def test_refined_boxes_are_connected_with_their_origin() -> None:
    visualize.draw_boxes(
        IMAGE,
        boxes=BOXES,
        refined_boxes=BOXES + 3,
        masks=MASKS,
        captions=["a", "b", "c"],
        visibilities=[0, 1, 2],
        title="Proposals",
    )
    assert [box.get_linestyle() for box in patches(Rectangle)] == [
        "dotted",
        "dotted",
        "solid",
        "solid",
        "solid",
    ]
    assert len(plt.gca().lines) == 2  # those that are grey are not refined
    assert [text.get_position() for text in plt.gca().texts] == [(3, 3), (23, 33), (63, 28)]
    visualize.draw_boxes(IMAGE, refined_boxes=BOXES)
    assert len(patches(Rectangle)) == 3
    with pytest.raises(ValueError, match="boxes or refined_boxes"):
        visualize.draw_boxes(IMAGE)


def test_curves_and_overlaps_are_plotted() -> None:
    visualize.plot_precision_recall(0.5, [1, 0.5, 0], [0, 0.5, 1])
    assert plt.gca().get_title() == "Precision-Recall Curve. AP@50 = 0.500"
    assert plt.gca().lines[0].get_xdata().tolist() == [0, 0.5, 1]

    overlaps = np.array([[0.9, 0.1], [0, 0.8]])
    visualize.plot_overlaps(np.array([1, 2, 0]), np.array([1, 1]), SCORES, overlaps, NAMES)
    assert texts() == ["0.900\nmatch", "0.100\n", "0.000\n", "0.800\nwrong"]
    assert [label.get_text() for label in plt.gca().get_yticklabels()] == ["cell (0.70)", "cell (0.95)"]


class Layer:
    def __init__(self, name: str, **weights: np.ndarray) -> None:
        self.name = name
        self.weights = [SimpleNamespace(name=one) for one in weights]
        self._values = list(weights.values())

    def get_weights(self) -> list[np.ndarray]:
        return self._values


def test_weights_are_printed_with_a_mark_on_dead_and_huge_ones(capsys: pytest.CaptureFixture[str]) -> None:
    layers = [
        Layer("conv1", kernel=np.array([-1.5, 2000.0]), bias=np.zeros(3)),
        Layer("rpn", kernel=np.array([0.25, 0.5])),
    ]
    visualize.display_weight_stats(SimpleNamespace(get_trainable_layers=lambda: layers))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["WEIGHT", "NAME", "SHAPE", "MIN", "MAX", "STD"]
    assert lines[1].startswith("conv1/kernel*** Overflow?")
    assert lines[2].startswith("conv1/bias*** dead?")
    assert lines[3].split() == ["rpn/kernel", "(2,)", "+0.2500", "+0.5000", "+0.1250"]


def test_a_notebook_shows_tables_as_html(monkeypatch: pytest.MonkeyPatch) -> None:
    displayed: list[str] = []
    display = SimpleNamespace(HTML=str, display=displayed.append)
    ipython = SimpleNamespace(get_ipython=object, display=display)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    visualize.display_table([["a", 1], ["<b>b</b>", 2]])
    assert displayed == ["<table><tr><td>a</td><td>1</td></tr><tr><td><b>b</b></td><td>2</td></tr></table>"]
