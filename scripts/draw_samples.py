"""Draw the sample pictures of the browser page: python scripts/draw_samples.py

Both are synthetic, so that no licence applies, and identical on every run. The functions also return label
maps, so that tests know what there is to find. The page shows thumbnails of them first, which load sooner.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

FOLDER = Path(__file__).parent.parent / "app" / "static" / "samples"
SIDE = 512  # pixels
_SMALL_PNG = (cv2.IMWRITE_PNG_COMPRESSION, 9)
_THUMBNAIL = 160  # pixels

Plane = npt.NDArray[np.float32]  # (SIDE, SIDE)
Labels = npt.NDArray[np.uint16]  # (SIDE, SIDE): 0 background, 1…n nuclei


def main() -> None:
    """Write both pictures, and their thumbnails."""
    (FOLDER / "small").mkdir(parents=True, exist_ok=True)
    for name, (picture, _) in (("fluorescence", fluorescence()), ("tissue", tissue())):
        cv2.imwrite(str(FOLDER / f"{name}.png"), picture, _SMALL_PNG)
        small = cv2.resize(
            picture[: SIDE // 2, : SIDE // 2], (_THUMBNAIL, _THUMBNAIL), interpolation=cv2.INTER_AREA
        )
        cv2.imwrite(str(FOLDER / "small" / f"{name}.webp"), small, (cv2.IMWRITE_WEBP_QUALITY, 75))


def fluorescence() -> tuple[npt.NDArray[np.uint8], Labels]:
    """The dark sample, grey."""
    return draw_fluorescence(np.random.default_rng(7))


def tissue() -> tuple[npt.NDArray[np.uint8], Labels]:
    """The stained sample, BGR."""
    return draw_tissue(np.random.default_rng(11))


def draw_fluorescence(random: np.random.Generator) -> tuple[npt.NDArray[np.uint8], Labels]:
    """uint8 (SIDE, SIDE): bright, uneven, blurred nuclei on black, some touching, with camera noise."""
    light = 9 + 5 * _clouds(random, 90)
    labels = np.zeros((SIDE, SIDE), np.uint16)
    for number, (x, y) in enumerate(_scatter(random, 62, nearest=25), start=1):
        shape = _nucleus(random, x, y, random.uniform(13, 21))
        labels[shape > 0.5] = number
        light += shape * random.uniform(60, 190) * (0.8 + 0.35 * _clouds(random, 7))
    light = np.asarray(cv2.GaussianBlur(light, (0, 0), 1.6), np.float32)
    light += random.normal(0, 1, light.shape).astype(np.float32) * (1.2 + 0.02 * light)
    return np.clip(light, 0, 255).astype(np.uint8), labels


def draw_tissue(random: np.random.Generator) -> tuple[npt.NDArray[np.uint8], Labels]:
    """uint8 (SIDE, SIDE, 3), BGR: violet nuclei in a pink, fibrous section (haematoxylin and eosin)."""
    pale, pink, violet = (
        np.array(bgr, np.float32) for bgr in ((243, 232, 244), (200, 150, 222), (138, 62, 92))
    )
    fibres = np.clip(0.45 + 0.55 * _fibres(random) + 0.25 * _clouds(random, 45), 0, 1)[..., np.newaxis]
    picture = pale * (1 - fibres) + pink * fibres
    labels = np.zeros((SIDE, SIDE), np.uint16)
    for number, (x, y) in enumerate(_scatter(random, 85, nearest=24), start=1):
        depth = random.uniform(0.6, 0.95) * (0.85 + 0.3 * _clouds(random, 4))
        shape = _nucleus(random, x, y, random.uniform(9, 16))
        labels[shape > 0.5] = number
        stain = np.clip(shape * depth, 0, 1)[..., np.newaxis]
        picture = picture * (1 - stain) + violet * stain
    picture = cv2.GaussianBlur(picture, (0, 0), 0.9)
    picture += random.normal(0, 1.2, (SIDE, SIDE, 1)).astype(np.float32)
    # Even values only: noise does not compress well, and half the levels make a file of a third of the size.
    return (np.clip(picture, 0, 255).astype(np.uint8) // 2) * 2, labels


def _nucleus(random: np.random.Generator, x: float, y: float, radius: float) -> Plane:
    """Values from 0 to 1: a slightly dented oval with a soft edge."""
    rows, columns = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    angle = np.arctan2(rows - y, columns - x)
    stretch, turn = random.uniform(0.05, 0.28), random.uniform(0, np.pi)
    edge = 1 + stretch * np.cos(2 * (angle - turn))
    for wave in (3, 4, 5):
        edge += random.uniform(0, 0.05) * np.cos(wave * angle + random.uniform(0, 2 * np.pi))
    distance = np.hypot(rows - y, columns - x) - radius * edge
    return np.clip(0.5 - distance / 2, 0, 1).astype(np.float32)


def _scatter(random: np.random.Generator, count: int, nearest: float) -> list[tuple[float, float]]:
    """Up to `count` points, no two closer than `nearest`, so that some nuclei touch."""
    points: list[tuple[float, float]] = []
    for _ in range(count * 40):
        x, y = random.uniform(0, SIDE, 2)
        if all(np.hypot(x - other_x, y - other_y) >= nearest for other_x, other_y in points):
            points.append((x, y))
        if len(points) == count:
            break
    return points


def _clouds(random: np.random.Generator, size: float) -> Plane:
    """Smooth noise, -1 to 1, with patches of about `size` pixels."""
    noise = cv2.GaussianBlur(random.normal(0, 1, (SIDE, SIDE)).astype(np.float32), (0, 0), size / 2)
    return np.asarray(noise / np.abs(noise).max(), np.float32)


def _fibres(random: np.random.Generator) -> Plane:
    """Wavy strands, -1 to 1: smooth noise, long in one direction, bent by more smooth noise."""
    strands = cv2.GaussianBlur(random.normal(0, 1, (SIDE, SIDE)).astype(np.float32), (0, 0), 22, sigmaY=2.2)
    rows, columns = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    bend = 45 * _clouds(random, 110)
    bent = cv2.remap(strands, columns, rows + bend, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(bent / np.abs(bent).max(), np.float32)


if __name__ == "__main__":
    main()
