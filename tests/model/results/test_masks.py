"""Box-local mask arithmetic gives what the full frame would."""

from __future__ import annotations

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from model.results.masks import from_label_map, paste, to_rle

# pycocotools decodes in a way that NumPy 2 will give up one day.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def bilinear_with_zeros_outside(source: np.ndarray, width: int, height: int) -> np.ndarray:
    """The definition, pixel by pixel: float64 (height, width)."""
    padded = np.pad(source.astype(np.float64), 1)
    resized = np.empty((height, width))
    for y in range(height):
        for x in range(width):
            row = (y + 0.5) * source.shape[0] / height + 0.5  # -0.5, and one for the padding
            column = (x + 0.5) * source.shape[1] / width + 0.5
            top, left = int(row), int(column)
            down, right = row - top, column - left
            upper = padded[top, left] * (1 - right) + padded[top, left + 1] * right
            lower = padded[top + 1, left] * (1 - right) + padded[top + 1, left + 1] * right
            resized[y, x] = upper * (1 - down) + lower * down
    return resized


@pytest.mark.parametrize(
    ("width", "height"),
    [
        (28, 28),  # as it is
        (56, 84),  # whole multiples
        (53, 31),  # larger
        (9, 13),  # smaller
        (1, 1),
        (1, 40),
        (90, 1),
    ],
)
def test_paste_is_a_bilinear_resize_that_sees_zeros_outside(width: int, height: int) -> None:
    probabilities = np.random.default_rng(0).random((28, 28)).astype(np.float32)

    mask = paste(probabilities, width, height)

    assert mask.dtype == np.uint8
    assert (mask == (bilinear_with_zeros_outside(probabilities, width, height) >= 0.5)).all()


def test_paste_rounds_the_corners_of_an_object_that_fills_its_box() -> None:
    probabilities = np.full((28, 28), 0.9, np.float32)
    probabilities[14, 14] = 0  # so that the range reaches to zero

    mask = paste(probabilities, 280, 280)

    assert mask[0, 0] == 0  # a quarter of 0.9 or so is left in the corner
    assert mask[0, 140] == 1 or mask[1, 140] == 1
    assert mask[20, 20] == 1


def test_paste_fills_the_box_where_the_whole_map_is_over_the_threshold() -> None:
    # scikit-image, which Matterport calls, clips to the range of the map: here to 0.6 and more.
    probabilities = np.linspace(0.6, 0.9, 28 * 28, dtype=np.float32).reshape(28, 28)

    assert paste(probabilities, 40, 30).all()


def test_paste_takes_maps_that_are_not_square_and_other_thresholds() -> None:
    probabilities = np.tile(np.array([0.2, 0.4, 0.8], np.float32), (2, 1))

    assert paste(probabilities, 3, 2, threshold=0.7).tolist() == [[0, 0, 1], [0, 0, 1]]
    assert paste(probabilities, 3, 2, threshold=0.3).tolist() == [[0, 1, 1], [0, 1, 1]]


def full_frame(mask: np.ndarray, box: tuple[int, int, int, int], size: tuple[int, int]) -> np.ndarray:
    x1, y1, x2, y2 = box
    frame = np.zeros((size[1], size[0]), np.uint8)
    frame[y1:y2, x1:x2] = mask
    return frame


def noise(height: int, width: int, share: float = 0.5) -> np.ndarray:
    return (np.random.default_rng(height * width).random((height, width)) < share).astype(np.uint8)


@pytest.mark.parametrize(
    ("mask", "box", "size"),
    [
        (noise(5, 4), (3, 2, 7, 7), (20, 10)),  # inside
        (noise(5, 4), (0, 0, 4, 5), (20, 10)),  # touches top and left
        (noise(5, 4), (16, 5, 20, 10), (20, 10)),  # touches bottom and right
        (noise(10, 20), (0, 0, 20, 10), (20, 10)),  # touches all edges
        (noise(10, 20, 0.9), (0, 0, 20, 10), (20, 10)),  # with many runs from column to column
        (noise(10, 3, 0.9), (5, 0, 8, 10), (20, 10)),  # as high as the picture
        (noise(3, 20, 0.9), (0, 4, 20, 7), (20, 10)),  # as wide as the picture
        (np.ones((10, 20), np.uint8), (0, 0, 20, 10), (20, 10)),  # the full frame, one run
        (np.ones((10, 3), np.uint8), (5, 0, 8, 10), (20, 10)),  # whole columns, one run
        (np.ones((10, 3), np.uint8), (17, 0, 20, 10), (20, 10)),  # up to the last pixel
        (np.zeros((4, 4), np.uint8), (3, 2, 7, 6), (20, 10)),  # empty
        (np.zeros((10, 20), np.uint8), (0, 0, 20, 10), (20, 10)),  # empty, full frame
        (np.ones((1, 1), np.uint8), (0, 0, 1, 1), (20, 10)),  # first pixel
        (np.ones((1, 1), np.uint8), (19, 9, 20, 10), (20, 10)),  # last pixel
        (np.ones((1, 1), np.uint8), (7, 9, 8, 10), (20, 10)),  # foot of a column
        (np.ones((1, 1), np.uint8), (0, 0, 1, 1), (1, 1)),  # a picture of one pixel
        (noise(1, 20), (0, 0, 20, 1), (20, 1)),  # a picture of one row
        (noise(300, 200), (1000, 900, 1200, 1200), (3000, 2000)),  # large counts
    ],
)
def test_rle_is_the_one_that_pycocotools_makes_of_the_full_frame(mask, box, size) -> None:
    rle = to_rle(mask, np.array(box, np.int32), size)

    frame = full_frame(mask, box, size)
    assert rle["size"] == [size[1], size[0]]
    assert isinstance(rle["counts"], str)
    assert rle["counts"] == coco_mask.encode(np.asfortranarray(frame))["counts"].decode()
    assert (coco_mask.decode(rle) == frame).all()


def random_segments(count: int, seed: int, width: int = 60, height: int = 40):
    rng = np.random.default_rng(seed)
    corners = np.sort(rng.integers(0, [[width], [height]], (count, 2, 2)), axis=2)
    boxes = np.concatenate([corners[:, :, 0], corners[:, :, 1] + 1], axis=1).astype(np.int32)
    masks = [(rng.random((y2 - y1, x2 - x1)) < 0.6).astype(np.uint8) for x1, y1, x2, y2 in boxes]
    return boxes, masks


def test_a_label_map_gives_tight_boxes_and_their_masks_in_the_order_of_the_labels() -> None:
    labels = np.array(
        [
            [9, 0, 0, 0, 2],
            [0, 0, 2, 2, 2],
            [0, 0, 0, 0, 65535],
            [9, 0, 0, 0, 65535],  # label 9 is in two pieces
        ],
        np.uint16,
    )

    boxes, masks = from_label_map(labels)

    assert boxes.dtype == np.int32
    assert boxes.tolist() == [[2, 0, 5, 2], [0, 0, 1, 4], [4, 2, 5, 4]]
    assert [mask.tolist() for mask in masks] == [[[0, 0, 1], [1, 1, 1]], [[1], [0], [0], [1]], [[1], [1]]]
    assert all(mask.dtype == np.uint8 for mask in masks)


@pytest.mark.parametrize("shape", [(4, 5), (0, 0)])
def test_a_label_map_of_background_has_no_instances(shape: tuple[int, int]) -> None:
    boxes, masks = from_label_map(np.zeros(shape, np.uint16))

    assert boxes.shape == (0, 4)
    assert masks == []
