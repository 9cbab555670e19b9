"""The second look: where it goes, and what it adds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import cv2
import numpy as np
import pytest
from networks import FunctionRunner, brightness, manifest, own_channels, patches, predict, predictor_of

from model.families.semantic.second_look import averaged, frame
from model.pictures.tiles import Tile
from model.results.result import Result, Wishes
from model.stopwatch import Stopwatch

SQUARE: dict[str, Any] = {"size": (32, 32), "fit": "scale"}
AGAIN = SQUARE | {"look_again": True}


def seen(*rectangles: tuple[int, int, int, int], value: float = 0.9) -> np.ndarray:
    """(1, 100, 100): what was found, as x1 y1 x2 y2."""
    planes = np.zeros((1, 100, 100), np.float32)
    for x1, y1, x2, y2 in rectangles:
        planes[:, y1:y2, x1:x2] = value
    return planes


@pytest.mark.parametrize(
    ("planes", "size", "expected"),
    [
        (seen((30, 40, 50, 80)), (1000, 1000), Tile(52, 72, 108, 168)),  # a tenth of 40 rows on each side
        (seen((30, 40, 50, 80)), (2000, 500), Tile(56, 64, 104, 176)),  # of 400 pixels' width
        (seen((30, 40, 40, 50), (60, 40, 70, 50)), (100, 100), Tile(52, 72, 148, 108)),  # around all
        (seen((30, 40, 50, 80), (90, 90, 93, 93)), (100, 100), Tile(52, 72, 108, 168)),  # but not specks
        (seen((0, 40, 20, 100)), (100, 100), Tile(0, 68, 52, 200)),  # ends where the picture does
        (seen((30, 40, 50, 80), value=0.2), (100, 100), None),  # improbable
        (seen((5, 5, 95, 95)), (100, 100), None),  # would be the whole picture again
    ],
)
def test_the_frame_holds_what_was_found_and_a_margin(
    planes: np.ndarray, size: tuple[int, int], expected: Tile | None
) -> None:
    # 9 cells of 10,000 are less than a thousandth
    assert frame(planes, None, size) == expected


def test_the_frame_is_drawn_around_what_is_not_background() -> None:
    planes = np.zeros((3, 100, 100), np.float32)
    planes[1] = 1
    planes[:, 40:80, 30:50] = np.array([0.25, 0.5, 0.25])[:, np.newaxis, np.newaxis]

    assert frame(planes, 1, (100, 100)) == Tile(52, 72, 108, 168)


def test_both_looks_count_in_the_frame_and_the_first_alone_around_it() -> None:
    first, second = np.full((2, 8, 8), 0.2, np.float32), np.full((2, 8, 8), 0.7, np.float32)

    planes = averaged(first, second, Tile(2, 4, 7, 9))

    expected = np.full((2, 16, 16), 0.2)
    expected[:, 4:9, 2:7] = 0.5
    np.testing.assert_allclose(planes, expected, rtol=1e-5)


def error(result: Result, image: np.ndarray) -> float:
    assert result.class_map is not None
    return float((result.class_map.labels != (image[..., 0] > 127)).mean())


def test_what_was_found_is_seen_sharper_by_a_second_look() -> None:
    image = np.zeros((256, 400, 3), np.uint8)
    cv2.circle(image, (230, 100), 40, (255, 255, 255), thickness=12)

    once, again = (predict(brightness, manifest(config), image) for config in (SQUARE, AGAIN))

    assert error(again, image) < 0.6 * error(once, image)


@pytest.mark.parametrize("mirror", [False, True])
def test_each_look_has_a_turn_of_its_own_and_may_be_mirrored(mirror: bool) -> None:
    runner, turns = FunctionRunner(brightness), []

    @contextmanager
    def turn() -> Iterator[None]:
        before = len(runner.pictures)
        yield
        turns.append((before, len(runner.pictures)))

    image = patches((200, 100), (110, 30, 150, 80))
    predictor_of(runner, manifest(AGAIN | {"mirror": mirror})).predict(
        image,
        Wishes(),
        size=(200, 100),
        stopwatch=Stopwatch(),
        turn=turn,
    )

    passes = 1 + mirror
    assert turns == [(0, passes), (passes, 2 * passes)]
    assert len(runner.pictures) == 2 * passes
    assert all(picture.shape == (1, 32, 32, 3) for picture in runner.pictures)
    assert runner.pictures[passes].mean() > 3 * runner.pictures[0].mean()  # enlarged


def test_where_nothing_is_found_one_look_is_enough() -> None:
    runner = FunctionRunner(brightness)

    assert len(predict(runner, manifest(AGAIN), np.zeros((100, 200, 3), np.uint8)).segments) == 0
    assert len(runner.pictures) == 1


@pytest.mark.parametrize(
    ("more", "classes"),
    [
        ({"gives": "classes", "background": 0}, ("red", "blue")),
        ({"gives": "labels"}, ("red", "green", "blue")),
        ({"gives": "labels", "refine_edges": True}, ("red", "green", "blue")),
    ],
)
def test_several_classes_are_looked_at_again_together(more: dict[str, Any], classes: tuple[str, ...]) -> None:
    image = np.zeros((200, 300, 3), np.uint8)
    image[:] = (255, 0, 0) if "background" in more else (0, 0, 0)
    image[40:160, 100:140], image[40:160, 140:200] = (0, 255, 0), (0, 0, 255)
    runner = FunctionRunner(own_channels)

    result = predict(runner, manifest(AGAIN | more, classes), image)

    assert len(runner.pictures) == 2
    assert result.class_map is not None
    expected = image.argmax(axis=2) + ("labels" in more.values()) * image.any(axis=2)
    assert (result.class_map.labels != expected).mean() < 0.03


def test_a_copy_with_twice_the_network_s_pixels_is_enough() -> None:
    image = np.zeros((600, 900, 3), np.uint8)
    cv2.circle(image, (430, 300), 150, (255, 255, 255), thickness=-1)
    predictor = predictor_of(FunctionRunner(brightness), manifest(AGAIN))
    copy = cv2.resize(image, predictor.enough((900, 600)), interpolation=cv2.INTER_AREA)

    answers = [
        predictor.predict(
            np.asarray(picture, np.uint8),
            Wishes(),
            size=(900, 600),
            stopwatch=Stopwatch(),
            turn=nullcontext,
        )
        for picture in (image, copy)
    ]

    assert copy.shape[:2] == (64, 64)
    assert all(error(answer, image) < 0.01 for answer in answers)


@pytest.mark.parametrize("size", [(1, 1), (3, 500), (500, 2)])
def test_pictures_of_hardly_any_pixels_are_looked_at_again(size: tuple[int, int]) -> None:
    image = np.zeros((size[1], size[0], 3), np.uint8)
    image[size[1] // 2 :, size[0] // 2 :] = 255

    assert error(predict(brightness, manifest(AGAIN), image), image) < 0.5
