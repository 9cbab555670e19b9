"""Which pixels of a picture say what its black and its white are: marks and saturated objects."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from model.pictures.bulk import bulk_of
from model.pictures.colours import stretch

Change = Callable[[np.ndarray], None]


def nuclei(brightest: float = 4000, offset: float = 100) -> np.ndarray:
    """float64 (256, 320, 1): smooth nuclei of many brightnesses on the noise of a camera."""
    return offset + _light() * (brightest - offset)


@cache
def _light() -> np.ndarray:
    rng = np.random.default_rng(5)
    rows, columns = np.mgrid[:256, :320]
    light = rng.normal(0.03, 0.005, (256, 320))
    for _ in range(40):
        away = np.hypot(rows - rng.integers(20, 236), columns - rng.integers(20, 300)) / rng.uniform(5, 11)
        light = np.maximum(light, rng.uniform(0.3, 1) * np.exp(-(away**4)))
    return np.maximum(light, 0)[:, :, np.newaxis]


def box(
    value: float | tuple[float, ...], width: int, height: int, at: tuple[int, int] = (240, 230)
) -> Change:
    """A bar whose lower left corner is at (row, column)."""

    def draw(values: np.ndarray) -> None:
        values[at[0] - height : at[0], at[1] : at[1] + width] = value

    return draw


def writing(value: float, *, smooth: bool, words: str = "50 um") -> Change:
    def draw(values: np.ndarray) -> None:
        line = cv2.LINE_AA if smooth else cv2.LINE_8
        inked = cv2.putText(np.zeros(values.shape[:2], np.uint8), words, (8, 30), 0, 0.7, 255, 2, line)
        ink = inked[:, :, np.newaxis] / 255
        values[:] = values * (1 - ink) + value * ink

    return draw


def border(value: float, left: int = 0, top: int = 0) -> Change:
    def draw(values: np.ndarray) -> None:
        values[:, :left] = values[:top] = value

    return draw


def frame(value: float, thickness: int) -> Change:
    def draw(values: np.ndarray) -> None:
        inside = slice(thickness, -thickness), slice(thickness, -thickness)
        kept = values[inside].copy()
        values[:] = value
        values[inside] = kept

    return draw


def printed(value: float, size: int, words: str = "50 µm", *, smooth: bool = True, at: int = 228) -> Change:
    """Writing as Pillow draws it, above a bar of `box`."""

    def draw(values: np.ndarray) -> None:
        page = Image.new("L" if smooth else "1", values.shape[1::-1])
        pen = ImageDraw.Draw(page)
        pen.fontmode = "L" if smooth else "1"
        font = ImageFont.load_default(size)
        pen.text((265, at), words, fill=255, font=font, anchor="mb")
        ink = np.asarray(page, float)[:, :, np.newaxis] / (255 if smooth else 1)
        values[:] = values * (1 - ink) + value * ink

    return draw


def blurred_bar(values: np.ndarray) -> None:
    ink = np.zeros(values.shape[:2])
    box(1, 70, 8)(ink)
    ink = cv2.GaussianBlur(ink, (0, 0), 1)[:, :, np.newaxis]
    values[:] = values * (1 - ink) + 65535 * ink


def noisy_bar(values: np.ndarray) -> None:
    values[232:240, 230:300] = np.random.default_rng(2).normal(60_000, 2000, (8, 70, 1)).clip(0, 65535)


def turned_by(degrees: float) -> Change:
    """Smooth black triangles in the corners."""

    def draw(values: np.ndarray) -> None:
        turn = cv2.getRotationMatrix2D((160, 128), degrees, 1)
        inside = cv2.warpAffine(np.ones(values.shape[:2]), turn, values.shape[1::-1])
        values *= inside[:, :, np.newaxis]

    return draw


def turned_by_ten_degrees(values: np.ndarray) -> None:
    """Zeros in the four corners, as after registration."""
    rows, columns = np.mgrid[: values.shape[0], : values.shape[1]]
    values[np.abs((rows - 128) * 0.985 + (columns - 160) * 0.174) > 132] = 0


def both(*changes: Change) -> Change:
    def draw(values: np.ndarray) -> None:
        for change in changes:
            change(values)

    return draw


@pytest.mark.parametrize("dtype", ["u2", ">u2", "i4", "f4", "f8"])
@pytest.mark.parametrize(
    ("mark", "brightest", "offset"),
    [
        pytest.param(box(65535, 70, 8), 4000, 100, id="a scale bar"),
        pytest.param(box(65535, 40, 6, at=(10, 4)), 4000, 100, id="a small one"),
        pytest.param(box(65535, 200, 20, at=(140, 60)), 4000, 100, id="a large one in the middle"),
        pytest.param(box(65535, 6, 90, at=(200, 0)), 4000, 100, id="an upright one at the edge"),
        pytest.param(box(65535, 60, 2), 4000, 100, id="a thin one"),
        pytest.param(box(65535, 100, 1), 4000, 100, id="a line"),
        pytest.param(box(8000, 70, 8), 4000, 100, id="a bar twice as bright as the rest"),
        pytest.param(box(65535, 70, 8), 300, 100, id="a bar in a dim picture"),
        pytest.param(writing(65535, smooth=False), 4000, 100, id="sharp writing"),
        pytest.param(writing(65535, smooth=True), 4000, 100, id="smooth writing"),
        pytest.param(
            both(box(65535, 70, 8), writing(65535, smooth=True)), 4000, 100, id="a bar and smooth writing"
        ),
        pytest.param(
            both(box(65535, 70, 8), box(50_000, 40, 40, at=(60, 20))), 4000, 100, id="marks of two values"
        ),
        pytest.param(both(box(0, 90, 40), box(65535, 70, 8)), 3000, 2000, id="a white bar in a black box"),
        pytest.param(box(0, 70, 8), 3000, 2000, id="a black bar"),
        pytest.param(border(0, left=48, top=30), 3000, 2000, id="a border of zeros"),
        pytest.param(turned_by_ten_degrees, 3000, 2000, id="corners of zeros"),
        pytest.param(border(65535, left=20), 4000, 100, id="a white border"),
        *(pytest.param(frame(65535, t), 4000, 100, id=f"a white frame of {t}") for t in (1, 2, 3, 5, 6)),
        *(pytest.param(frame(0, t), 13_000, 10_000, id=f"a black frame of {t}") for t in (2, 5)),
        *(pytest.param(border(65535, t, t), 4000, 100, id=f"white above and left, {t}") for t in (2, 5)),
        pytest.param(border(0, 3, 2), 3000, 2000, id="black above and left after registration"),
        pytest.param(border(0, 4, 4), 13_000, 10_000, id="the same, far from black"),
        *(pytest.param(turned_by(d), 13_000, 10_000, id=f"turned by {d} degrees") for d in (1, 2, 5)),
        pytest.param(turned_by(2), 3000, 2000, id="turned by 2 degrees, near black"),
        *(
            pytest.param(both(box(65535, 70, 8), printed(65535, s)), 4000, 100, id=f"a bar, label of {s}")
            for s in (9, 11, 14, 16)
        ),
        *(pytest.param(printed(65535, s), 4000, 100, id=f"a label of {s}") for s in (10, 12, 14, 16, 24)),
        *(
            pytest.param(printed(65535, 12, "t = 00:15:30", smooth=s), 4000, 100, id=f"a time, smooth: {s}")
            for s in (False, True)
        ),
        pytest.param(noisy_bar, 4000, 100, id="a noisy bar"),
        pytest.param(both(border(0, top=40), box(65535, 70, 8)), 3000, 2000, id="a border and a bar"),
    ],
)
def test_marks_do_not_change_the_grey_levels_of_the_rest(
    dtype: str, mark: Change, brightest: float, offset: float
) -> None:
    values = np.floor(nuclei(brightest, offset))
    marked = values.copy()
    mark(marked)
    is_rest = (marked == values)[:, :, 0]

    seen = stretch(marked.astype(dtype))[:, :, 0].astype(int)

    expected = stretch(values.astype(dtype))[:, :, 0].astype(int)
    assert np.abs(seen - expected)[is_rest].max() <= 4  # the brightest pixel may lie below the mark
    assert set(seen[(marked == marked.max())[:, :, 0] & ~is_rest]) <= {0, 255}


@pytest.mark.parametrize("mark", [(65535, 65535, 65535), (65535, 65535, 0), (0, 65535, 0)])
def test_a_mark_of_any_colour_is_one(mark: tuple[int, int, int]) -> None:
    values = np.repeat(nuclei(), 3, axis=2) * [1, 0.7, 0.4]
    marked = values.copy()
    box(mark, 70, 8)(marked)

    bulk = bulk_of(marked.astype(np.uint16))

    assert bulk is not None
    assert bulk.high == pytest.approx(values.max(), rel=0.02)


def test_a_bar_that_jpeg_has_blurred_is_one() -> None:
    values = nuclei(60, 3).astype(np.uint8)
    box(255, 70, 8)(values)
    blurred = cv2.imdecode(cv2.imencode(".jpg", values, [cv2.IMWRITE_JPEG_QUALITY, 85])[1], 0)

    bulk = bulk_of(blurred[:, :, np.newaxis])

    assert bulk is not None
    assert bulk.high < 80


@pytest.mark.parametrize("factor", [0.5, 0.75, 1.5, 2])
@pytest.mark.parametrize("method", [cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4])
def test_a_bar_that_was_resized_is_one(factor: float, method: int) -> None:
    values = nuclei()
    plain = cv2.resize(values, None, fx=factor, fy=factor, interpolation=method)
    box(40_000, 70, 8)(values)
    resized = cv2.resize(values, None, fx=factor, fy=factor, interpolation=method)

    bulk = bulk_of(resized.clip(0, 65535).astype(np.uint16)[:, :, np.newaxis])

    assert bulk is not None
    assert bulk.high == pytest.approx(plain.max(), rel=0.15)  # some lies around the bar


def test_a_blurred_bar_is_one() -> None:
    values = nuclei()
    highest = values.max()
    blurred_bar(values)

    bulk = bulk_of(values.astype(np.uint16))

    assert bulk is not None
    assert bulk.high == pytest.approx(highest, rel=0.1)


@pytest.mark.parametrize("width", [1, 2, 3])
def test_a_single_filament_on_noise_is_no_writing(width: int) -> None:
    rng = np.random.default_rng(3)
    line = np.zeros((256, 320))
    path = np.cumsum(np.concatenate([[[60, 60]], rng.normal(1.5, 1, (80, 2))]), axis=0).astype(np.int32)
    cv2.polylines(line, [path.reshape(-1, 1, 2)], False, 1, width)
    values = rng.normal(100, 5, line.shape) + 8000 * cv2.GaussianBlur(line, (0, 0), 1)

    bulk = bulk_of(values.astype(np.uint16)[:, :, np.newaxis])

    assert bulk is not None
    assert bulk.marks is None


def clipped(values: np.ndarray) -> None:
    """A camera of too few bits: many nuclei are flat, and all have slopes."""
    np.minimum(values, 2000, out=values)


def one_nucleus(width: float, length: float, top: float) -> Change:
    """A single one, saturated within, and no other light."""

    def draw(values: np.ndarray) -> None:
        rows, columns = np.mgrid[:256, :320]
        away = np.hypot((rows - 100) / width, (columns - 150) / length)
        light = np.minimum(12_000 / (1 + np.exp(6 * (away - 1))), top)
        values[:] = np.maximum(np.random.default_rng(1).normal(100, 5, values.shape), light[:, :, np.newaxis])

    return draw


def flat_disc(values: np.ndarray) -> None:
    """As simulations have it: no slopes at all."""
    values[:] = np.random.default_rng(1).normal(100, 5, values.shape)
    cv2.circle(values[:, :, 0], (150, 100), 8, 4000, -1)


def slope(values: np.ndarray) -> None:
    """As of uneven light."""
    values[:] = np.linspace(100, 4000, 256)[:, np.newaxis, np.newaxis]


def on_black(values: np.ndarray) -> None:
    """Objects that somebody cut out: most of the picture is a border, so to speak."""
    values[values < 900] = 0


def label_map(values: np.ndarray) -> None:
    values[:] = 0
    for label in range(1, 5):
        values[50 * label : 50 * label + 20, 30 : 30 + 60 * label] = label**3


def black_and_white(values: np.ndarray) -> None:
    values[:] = 0
    box(65535, 70, 8)(values)


@pytest.mark.parametrize("dtype", ["u2", "f4"])
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda values: None, id="nuclei"),
        pytest.param(clipped, id="saturated nuclei"),
        pytest.param(one_nucleus(8, 8, 60_000), id="one nucleus of 200 pixels"),
        pytest.param(one_nucleus(8, 8, 4095), id="one saturated nucleus"),
        pytest.param(one_nucleus(3, 14, 4095), id="a thin saturated one"),
        pytest.param(flat_disc, id="one flat disc"),
        pytest.param(on_black, id="objects cut out"),
        pytest.param(slope, id="a slope"),
        pytest.param(label_map, id="a label map"),
        pytest.param(black_and_white, id="black and white"),
        pytest.param(box(2500, 70, 8), id="a bar within the range"),
    ],
)
def test_what_is_no_mark_keeps_its_grey_levels(dtype: str, change: Change) -> None:
    values = nuclei()
    change(values)
    # A larger field, in which a single nucleus is one pixel in 5,000.
    values = cv2.copyMakeBorder(values, 0, 744, 0, 680, cv2.BORDER_REFLECT)[:, :, np.newaxis].astype(dtype)

    bulk = bulk_of(values)

    assert bulk is not None
    assert bulk.marks is None
    assert bulk.low <= np.quantile(values, 0.001)
    assert bulk.high >= 0.8 * values.max()


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 300, 1), (300, 1, 3), (3, 3, 1), (40, 40, 3)])
@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "f2", "f8"])
def test_small_and_constant_pictures_have_a_range(shape: tuple[int, int, int], dtype: str) -> None:
    values = np.full(shape, 7, dtype)
    bulk = bulk_of(values)
    assert bulk is not None
    assert (bulk.low, bulk.high, bulk.marks) == (7, 7, None)

    values.reshape(-1)[:] = np.arange(values.size) % 100
    bulk = bulk_of(values)
    assert bulk is not None
    assert (bulk.low, bulk.high) == (0, min(99, values.size - 1))


def test_what_is_not_a_number_is_neither_mark_nor_range() -> None:
    values = nuclei().astype(np.float32)
    plain = bulk_of(values)
    values[:20, :30] = np.nan
    values[30, 40:90], values[200, 40:90] = np.inf, -np.inf

    bulk = bulk_of(values)

    assert plain is not None
    assert bulk is not None
    assert bulk.high == pytest.approx(plain.high, rel=0.02)
    assert bulk_of(np.full((20, 20, 1), np.nan, np.float32)) is None
