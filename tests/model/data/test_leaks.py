"""Copies of a picture are found however they were resized, compressed or turned; other pictures are not."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from model.data.leaks import leaks, near, print_of

Picture = np.ndarray


def picture(seed: int, size: tuple[int, int] = (120, 90)) -> Picture:
    """Bright blobs on dark, as fluorescence: pictures of one kind, but of different things."""
    random = np.random.default_rng(seed)
    canvas = np.full((size[1], size[0], 3), 12, np.uint8)
    for _ in range(25):
        centre = tuple(int(value) for value in random.integers(0, size))
        cv2.circle(canvas, centre, int(random.integers(3, 9)), (int(random.integers(60, 220)),) * 3, -1)
    return canvas


def as_jpeg(image: Picture) -> Picture:
    return cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 40])[1], cv2.IMREAD_COLOR)


COPIES: dict[str, Callable[[Picture], Picture]] = {
    "half the size": lambda image: cv2.resize(image, (60, 45), interpolation=cv2.INTER_AREA),
    "larger": lambda image: cv2.resize(image, (500, 375), interpolation=cv2.INTER_CUBIC),
    "stretched to a square": lambda image: cv2.resize(image, (128, 128)),
    "JPEG": as_jpeg,
    "mirrored": lambda image: image[:, ::-1],
    "upside down": lambda image: image[::-1],
    "rotated": lambda image: np.rot90(image),
    "all of these": lambda image: as_jpeg(cv2.resize(np.rot90(image[:, ::-1]), (64, 80))),
    "brighter": lambda image: np.clip(image * 1.15 + 8, 0, 255).astype(np.uint8),
}


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_is_found(how: str) -> None:
    training = [print_of(picture(seed), str(seed)) for seed in range(30)]
    validation = [print_of(picture(99), "other"), print_of(COPIES[how](picture(7)), "copy")]
    ((copy, original, likeness),) = near(training, validation)
    assert (copy.name, original.name) == ("copy", "7")
    assert likeness > 0.95


def test_different_pictures_of_one_kind_are_no_copies() -> None:
    training = [print_of(picture(seed)) for seed in range(200)]
    validation = [print_of(picture(seed)) for seed in range(200, 300)]
    assert not list(near(training, validation))


def test_pictures_without_details_are_compared_by_their_pixels_alone() -> None:
    plain = [np.full((20, 30, 3), level, np.uint8) for level in (0, 0, 200)]
    noise = np.random.default_rng(0).integers(0, 2, (400, 400, 3)).astype(np.uint8)
    training = [print_of(plain[0], "black"), print_of(noise)]
    found = list(leaks(training, [print_of(plain[1], "black too"), print_of(plain[2])]))
    assert [finding.refused for finding in found] == [True]
    assert "1 validation picture is also a training picture, pixel for pixel: black too = black" in str(
        found[0]
    )
    assert not list(leaks([], training))
