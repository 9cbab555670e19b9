"""Which pages of a TIFF are its pictures: thumbnails, smaller copies and masks are passed over."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from model.pictures import Limits, NoSuchPage, TooManyFrames, decode, decode_reduced, read_size, whole

THUMBNAIL, PAGE, MASK, DEPTH_MAP = 1, 2, 4, 8
SUBFILE_KIND, OLD_SUBFILE_KIND, UNUSED = 254, 255, 65_000

Page = tuple[int, dict[str, Any]]
"""A page's grey, and how it is written; "inner": the pages in its SubIFDs."""


def tiff_of_pages(pages: Sequence[Page], **options: Any) -> bytes:
    """A TIFF of flat pages; each is 16 x 12 pixels unless it says its `side`."""
    file = io.BytesIO()
    with tifffile.TiffWriter(file, **options) as writer:
        for grey, how in pages:
            inner = how.get("inner", [])
            writer.write(picture(grey, how), subifds=len(inner), **written(how))
            for inner_grey, inner_how in inner:
                writer.write(picture(inner_grey, inner_how), **written(inner_how))
    return _with_any_kind(file.getvalue(), options)


def _with_any_kind(data: bytes, options: dict[str, Any]) -> bytes:
    """With the kinds that tifffile does not write: they come as another tag, which is renamed."""
    order, count = options.get("byteorder", "<"), "Q" if options.get("bigtiff") else "I"
    there, wanted = (struct.pack(f"{order}HH{count}", number, 4, 1) for number in (UNUSED, SUBFILE_KIND))
    return data.replace(there, wanted)


def picture(grey: int, how: dict[str, Any]) -> np.ndarray:
    return np.full((how.get("side", 12), how.get("side", 12) + 4), grey, np.uint8)


def written(how: dict[str, Any]) -> dict[str, Any]:
    options = {name: value for name, value in how.items() if name not in ("inner", "side")}
    return {"metadata": None, "photometric": "minisblack", **options}


def kind(number: int) -> dict[str, Any]:
    return {"extratags": [(UNUSED, "I", 1, number, True)]}


def old_kind(number: int) -> dict[str, Any]:
    return {"extratags": [(OLD_SUBFILE_KIND, "H", 1, number, True)]}


SMALL = {"side": 4, "subfiletype": THUMBNAIL}
FULL: dict[str, Any] = {}

CASES: dict[str, tuple[list[Page], list[int]]] = {
    "one page": ([(50, FULL)], [50]),
    "a stack": ([(50, FULL), (60, FULL), (70, FULL)], [50, 60, 70]),
    "pages that say they are pages": ([(50, {"subfiletype": PAGE}), (60, {"subfiletype": PAGE})], [50, 60]),
    "a thumbnail first": ([(9, SMALL), (50, FULL)], [50]),
    "a thumbnail after each page, as Zeiss has it": (
        [(50, FULL), (9, SMALL), (60, FULL), (9, SMALL)],
        [50, 60],
    ),
    "a thumbnail and the picture in its SubIFD, as TIFF/EP has it": (
        [(9, {**SMALL, "inner": [(50, FULL)]})],
        [50],
    ),
    "a preview beside the picture, as DNG has it": (
        [(9, {**SMALL, "inner": [(50, FULL), (8, {"side": 8, "subfiletype": THUMBNAIL})]})],
        [50],
    ),
    "a preview before the picture": (
        [(9, {**SMALL, "inner": [(8, {"side": 8, "subfiletype": THUMBNAIL}), (50, FULL)]})],
        [50],
    ),
    "two full pictures in SubIFDs": ([(9, {**SMALL, "inner": [(50, FULL), (60, FULL)]})], [50, 60]),
    "a pyramid in SubIFDs, as OME has it": (
        [(50, {"inner": [(9, {"side": 6, "subfiletype": THUMBNAIL}), (8, SMALL)]}), (60, FULL)],
        [50, 60],
    ),
    "a pyramid whose SubIFDs do not say that they are smaller": ([(50, {"inner": [(9, {"side": 6})]})], [50]),
    "a pyramid in pages": ([(50, FULL), (9, {"side": 6, "subfiletype": THUMBNAIL}), (8, SMALL)], [50]),
    "a mask behind the picture, as GDAL has it": ([(50, FULL), (255, kind(MASK))], [50]),
    "a mask first": ([(255, kind(MASK)), (50, FULL)], [50]),
    "the mask of a smaller copy": ([(50, FULL), (255, {"side": 4, **kind(MASK | THUMBNAIL)})], [50]),
    "a depth map": ([(50, FULL), (255, kind(DEPTH_MAP))], [50]),
    "a slide scanner's label and overview": ([(50, FULL), (9, {"side": 4, **kind(9)})], [50]),
    "an old writer's thumbnail": ([(9, {"side": 4, **old_kind(2)}), (50, old_kind(1))], [50]),
    "an old writer's pages": ([(50, old_kind(3)), (60, old_kind(3))], [50, 60]),
    "nothing but smaller copies: the largest": ([(9, SMALL), (50, {"subfiletype": THUMBNAIL})], [50]),
    "smaller copies of one size": (
        [(50, {"subfiletype": THUMBNAIL}), (60, {"subfiletype": THUMBNAIL})],
        [50, 60],
    ),
    "what a sensor saw, and a preview of its size": (
        [(9, {**SMALL, "inner": [(80, {"photometric": "cfa"}), (50, {"subfiletype": THUMBNAIL})]})],
        [50],
    ),
    "nothing but a mask": ([(255, kind(MASK))], [255]),
}


@pytest.mark.parametrize("options", [{}, {"bigtiff": True}, {"byteorder": ">"}], ids=["", "big", "MM"])
@pytest.mark.parametrize(("pages", "seen"), CASES.values(), ids=CASES)
def test_pages_are_numbered_without_thumbnails_copies_and_masks(
    pages: list[Page], seen: list[int], options: dict[str, Any], tmp_path: Path
) -> None:
    data = tiff_of_pages(pages, **options)

    for page, grey in enumerate(seen):
        decoded = decode_reduced(data, whole, page=page)
        assert decoded.image[0, 0].tolist() == [grey] * 3
        assert decoded.size == (16, 12)
        assert (decoded.origin.pages, decoded.origin.page) == (len(seen), page)
    count = "1 page: ask for page 0" if len(seen) == 1 else f"{len(seen)} pages: ask for 0 to {len(seen) - 1}"
    with pytest.raises(NoSuchPage, match=f"no page {len(seen)}; the file has {count}"):
        decode(data, page=len(seen))
    (tmp_path / "picture.tif").write_bytes(data)
    assert read_size(tmp_path / "picture.tif") == (16, 12)


@pytest.mark.parametrize(
    ("sizes", "are_rows"),
    [
        ([(30, 3)], True),  # X x C
        ([(3, 30)], True),
        ([(30, 16), (30, 3)], False),  # not all of one size
        ([(30, 30)], False),
        ([(8, 3)], False),  # small pictures
    ],
)
def test_the_rows_of_a_tall_picture_saved_as_pages_are_told_from_a_stack(
    sizes: list[tuple[int, int]], are_rows: bool
) -> None:
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        for number in range(12):
            grey = np.zeros(sizes[number % len(sizes)], np.uint8)
            writer.write(grey, photometric="minisblack", metadata=None)
    height, width = sizes[0]

    with pytest.raises(TooManyFrames, match="more than 11 pages or frames, the maximum") as refused:
        decode(file.getvalue(), Limits(max_frames=11))

    rows = f"; its pages of {width} x {height} pixels look like the rows of one picture"
    anything = ", because they are counted one by one: save those that you need as a separate file"
    assert (rows in str(refused.value)) == are_rows
    assert str(refused.value).endswith(anything) != are_rows


def test_pages_in_subifds_count_as_others_do() -> None:
    inner = [(50, FULL)] * 4
    data = tiff_of_pages([(9, {**SMALL, "inner": inner})])

    assert decode(data, Limits(max_frames=5)).shape == (12, 16, 3)
    with pytest.raises(TooManyFrames, match="more than 4 pages"):
        decode(data, Limits(max_frames=4))


@pytest.mark.parametrize("place", [0, 1, 8, 10**6, 2**32 - 1], ids=str)
def test_a_subifd_that_is_no_directory_is_passed_over(place: int) -> None:
    data = tiff_of_pages([(50, {**SMALL, "extratags": [(330, "I", 1, place, True)]})])

    assert decode_reduced(data, whole).origin.pages == 1


def test_the_picture_of_a_camera_is_found_behind_its_thumbnail(shared: Path) -> None:
    data = (shared / "cases" / "thumbnail_first_full_picture_in_subifd.tif").read_bytes()
    reference = decode((shared / "cases" / "reference.png").read_bytes())

    decoded = decode_reduced(data, whole)

    assert decoded.size == (200, 160)
    assert decoded.origin.pages == 1
    assert np.corrcoef(decoded.image.ravel(), reference.ravel())[0, 1] > 0.99
