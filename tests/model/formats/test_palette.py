"""Colours that people of any colour vision tell apart, and that carry black text."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest

from model.formats.overlay import PALETTE

# Machado, Oliveira and Fernandes, "A Physiologically-based Model for Simulation of Color Vision Deficiency",
# IEEE TVCG 2009: the matrices for linear RGB where one kind of cone is missing altogether.
VISION = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}

# CIELAB units. Side by side people see 2; apart from each other, in thin lines on a photo, many see 10.
FAR_ENOUGH = 15


def linear(colours: np.ndarray) -> np.ndarray:
    """sRGB, 0 to 255, as light, 0 to 1."""
    shares = colours / 255
    return np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)


def smallest_distance(colours: np.ndarray, vision: str) -> float:
    """Between any two of the colours, (N, 3) in sRGB, as somebody of that colour vision sees them."""
    seen = np.clip(linear(colours) @ VISION[vision].T, 0, 1).astype(np.float32)
    lab = cv2.cvtColor(seen[np.newaxis], cv2.COLOR_LRGB2Lab)[0]
    return min(float(np.linalg.norm(a - b)) for a, b in itertools.combinations(lab, 2))


@pytest.mark.parametrize("vision", VISION)
def test_any_two_colours_are_told_apart(vision: str) -> None:
    # Any two, not only those in succession: which objects are neighbours, the picture decides.
    assert smallest_distance(np.array(PALETTE), vision) >= FAR_ENOUGH


@pytest.mark.parametrize(
    ("one", "other", "vision"),
    [
        ((214, 39, 40), (127, 96, 30), "protanopia"),  # red and olive
        ((44, 160, 44), (196, 128, 40), "deuteranopia"),  # green and ochre
        ((0, 158, 115), (46, 145, 180), "tritanopia"),  # green and blue
    ],
)
def test_the_distance_is_small_where_people_mix_colours_up(
    one: tuple[int, int, int], other: tuple[int, int, int], vision: str
) -> None:
    colours = np.array([one, other])

    assert smallest_distance(colours, "normal") >= FAR_ENOUGH
    assert smallest_distance(colours, vision) < FAR_ENOUGH


@pytest.mark.parametrize("colour", PALETTE)
def test_black_text_on_each_colour_has_the_contrast_that_wcag_asks_for(
    colour: tuple[int, int, int],
) -> None:
    luminance = linear(np.array(colour)) @ (0.2126, 0.7152, 0.0722)

    assert (luminance + 0.05) / (0 + 0.05) >= 4.5  # WCAG 2.2, 1.4.3, level AA
