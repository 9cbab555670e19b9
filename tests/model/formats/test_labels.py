"""Labels that can be read: of any script, in pictures of any size."""

from __future__ import annotations

import concurrent.futures
import threading
from pathlib import Path

import numpy as np
import pytest
from hard_segments import placed

from model.formats.overlay import draw_overlay


def labelled(
    name: str, size: tuple[int, int] = (400, 300), box_size: tuple[int, int] = (300, 150)
) -> np.ndarray:
    """The overlay of an object of class `name` in the middle of a grey picture; sizes are width, height."""
    (width, height), (box_width, box_height) = size, box_size
    box = np.ones((box_height, box_width), np.uint8)
    segments = placed(size, ((width - box_width) // 2, (height - box_height) // 2, box))
    return draw_overlay(np.full((height, width, 3), 90, np.uint8), segments, ["background", name])


def resident_mebibytes() -> float:
    status = Path("/proc/self/status")
    if not status.exists():
        pytest.skip("resident memory is read from /proc, which this system does not have")
    (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def text_height(overlay: np.ndarray) -> int:
    """Rows that hold ink: only a label's text is black, as the pictures here are grey."""
    return np.count_nonzero((overlay < 40).all(axis=2).any(axis=1))


@pytest.mark.parametrize(
    ("size", "box_size", "font_size"),
    [
        ((200, 150), (150, 100), 12),  # never smaller than can be read
        ((640, 480), (300, 200), 12),
        ((1600, 1200), (500, 400), 27),  # as large a part of the screen as of any larger picture
        ((4000, 3000), (2000, 1000), 67),
        ((3000, 4000), (2000, 1000), 67),  # upright
        ((20_000, 100), (500, 60), 12),  # a strip is looked at piece by piece
        ((100, 20_000), (90, 500), 12),
        ((8000, 1000), (4000, 900), 67),
    ],
)
def test_the_text_is_as_high_as_can_be_read_where_the_picture_is_looked_at(
    size: tuple[int, int], box_size: tuple[int, int], font_size: int
) -> None:
    assert text_height(labelled("Äg", size, box_size)) == pytest.approx(1.15 * font_size, abs=3)


@pytest.mark.parametrize("side", [1, 2, 5, 20, 40])
def test_a_picture_smaller_than_a_label_has_none(side: int) -> None:
    overlay = labelled("nucleus", (side, side), (side, side))

    assert overlay.shape == (side, side, 3)
    assert text_height(overlay) == 0


@pytest.mark.parametrize(
    "name", ["Zürich", "Łódź", "tế bào", "κύτταρο", "клетка", "细胞核", "細胞", "かく", "세포"]
)
def test_names_are_written_in_their_own_letters(name: str) -> None:
    overlay = labelled(name)

    assert text_height(overlay) > 8
    assert (overlay != labelled("class 1")).any()
    assert (overlay != labelled("?" * len(name))).any()


@pytest.mark.parametrize(
    "name",
    [
        "เซลล์",  # letters that the font lacks
        "कोशिका",
        "cell 😀",
        "خلية",  # letters that it has, and OpenCV writes in the wrong order
        "תא",
        "two\nlines",
        "null\0",
        "lone surrogate \ud800",  # OpenCV would crash
    ],
)
def test_names_that_cannot_be_written_give_way_to_the_number_of_the_class(name: str) -> None:
    assert (labelled(name) == labelled("class 1")).all()


@pytest.mark.parametrize("name", ["?", "a?", "", " "])
def test_odd_names_are_written_as_they_are(name: str) -> None:
    assert (labelled(name) != labelled("class 1")).any()


def test_letters_with_marks_of_their_own_are_put_together() -> None:
    assert (labelled("Zu\N{COMBINING DIAERESIS}rich") == labelled("Zürich")).all()


def test_labels_of_many_threads_do_not_disturb_each_other() -> None:
    names = ["nucleus", "细胞核", "клетка", "Zürich"] * 8
    expected = [labelled(name) for name in names]

    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        drawn = list(threads.map(labelled, names))

    assert all((a == b).all() for a, b in zip(drawn, expected, strict=True))


def test_a_thread_that_has_drawn_keeps_nothing_of_it() -> None:
    labelled("nucleus")
    before = resident_mebibytes()

    with concurrent.futures.ThreadPoolExecutor(10) as threads:
        together = threading.Barrier(10)

        def draw(_: int) -> float:
            labelled("nucleus")
            together.wait()
            return resident_mebibytes()

        held = max(threads.map(draw, range(10)))

    assert held - before < 20  # a font a thread were 60
