"""Stacks with one directory, as ImageJ, MetaMorph and tifffile write them: every plane is a page."""

from __future__ import annotations

import io
import struct
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from model.pictures import (
    BrokenPicture,
    Limits,
    NoSuchPage,
    PictureTooLarge,
    TooManyFrames,
    decode,
    decode_reduced,
    read_size,
    whole,
)
from model.pictures.pixel_size import PixelSize

PLANES_OF_METAMORPH = 33629
SIZE = (24, 16)  # width, height


def planes(dtype: str = "u2", channels: tuple[int, ...] = (), count: int = 5) -> np.ndarray:
    """An empty plane, and planes of noise."""
    width, height = SIZE
    shape = (count, height, width, *channels)
    values = np.random.default_rng(3).integers(1, 200, shape).astype(dtype)
    values[0] = 0
    return values


def written(values: np.ndarray, **options: Any) -> bytes:
    """With one directory, at the file's beginning."""
    file = io.BytesIO()
    of_writer = {name: options.pop(name) for name in ("imagej", "bigtiff", "byteorder") if name in options}
    with tifffile.TiffWriter(file, **of_writer) as writer:
        writer.write(values, **{"photometric": "minisblack", "truncate": True, **options})
    return file.getvalue()


def imagej(values: np.ndarray, **options: Any) -> bytes:
    return written(values, imagej=True, **options)


def metamorph(values: np.ndarray, order: str = "<", rows: int = 3) -> bytes:
    """An STK: each plane in strips of some rows."""
    return directory_last(values, (PLANES_OF_METAMORPH, 5, len(values), bytes(24 * len(values))), order, rows)


def directory_last(
    values: np.ndarray, tag: tuple[int, int, int, bytes], order: str = "<", rows: int = 16
) -> bytes:
    """All planes, the directory with one tag more (number, type, count and bytes), and the tags' values."""
    count, height, width = values.shape
    pixels = values.astype(values.dtype.newbyteorder(order)).tobytes()
    row = len(pixels) // (count * height)
    tops = range(0, height, rows)
    numbers = {
        256: [width],
        257: [height],
        258: [8 * values.dtype.itemsize],
        259: [1],
        262: [1],
        273: [8 + top * row for top in tops],
        277: [1],
        278: [rows],
        279: [min(rows, height - top) * row for top in tops],
    }
    tags = [(n, 4, len(those), struct.pack(f"{order}{len(those)}I", *those)) for n, those in numbers.items()]
    tags = sorted([*tags, tag])
    directory = 8 + len(pixels)
    values_at = directory + 2 + 12 * len(tags) + 4
    entries, behind = b"", b""
    for *kind, packed in tags:
        place = packed
        if len(packed) > 4:
            place, behind = struct.pack(f"{order}I", values_at + len(behind)), behind + packed
        entries += struct.pack(f"{order}HHI", *kind) + place
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", directory)
    return head + pixels + struct.pack(f"{order}H", len(tags)) + entries + bytes(4) + behind


def in_directories(values: np.ndarray, **options: Any) -> bytes:
    """The same stack with a directory for each plane, as the right answer."""
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        for plane in values:
            writer.write(plane, **{"photometric": "minisblack", "metadata": None, **options})
    return file.getvalue()


GREY, COLOURS = planes(), planes("u1", (3,))
IN_RGB = {"photometric": "rgb"}
SEPARATE = {**IN_RGB, "planarconfig": "separate"}

STACKS: dict[str, tuple[bytes, bytes]] = {
    "ImageJ": (imagej(GREY), in_directories(GREY)),
    "ImageJ, 8 bits": (imagej(planes("u1")), in_directories(planes("u1"))),
    "ImageJ, floats": (imagej(planes("f4")), in_directories(planes("f4"))),
    "ImageJ, big-endian": (imagej(GREY, byteorder=">"), in_directories(GREY)),
    "ImageJ, in strips": (imagej(GREY, rowsperstrip=5), in_directories(GREY)),
    "ImageJ, colours": (imagej(COLOURS, **IN_RGB), in_directories(COLOURS, **IN_RGB)),
    "ImageJ, channels and slices": (
        imagej(planes(count=6).reshape(3, 2, *GREY.shape[1:]), metadata={"axes": "ZCYX"}),
        in_directories(planes(count=6)),
    ),
    "MetaMorph": (metamorph(GREY), in_directories(GREY)),
    "MetaMorph, big-endian": (metamorph(GREY, ">"), in_directories(GREY)),
    "MetaMorph, 8 bits in one strip": (metamorph(planes("u1"), rows=16), in_directories(planes("u1"))),
    "tifffile": (written(GREY), in_directories(GREY)),
    "tifffile, BigTIFF": (written(GREY, bigtiff=True), in_directories(GREY)),
    "tifffile, named axes": (written(GREY, metadata={"axes": "ZYX"}), in_directories(GREY)),
    "tifffile, colours in planes": (
        written(COLOURS.transpose(0, 3, 1, 2), rowsperstrip=5, **SEPARATE),
        in_directories(COLOURS.transpose(0, 3, 1, 2), **SEPARATE),
    ),
}


@pytest.mark.parametrize(("data", "same"), STACKS.values(), ids=STACKS)
def test_every_plane_behind_one_directory_is_a_page(data: bytes, same: bytes, tmp_path: Path) -> None:
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        assert len(file.pages) == 1
    count = decode_reduced(same, whole).origin.pages

    for page in range(count):
        seen, right = (decode_reduced(stack, whole, page=page) for stack in (data, same))
        assert (seen.image == right.image).all(), page
        assert (seen.origin.pages, seen.origin.page) == (count, page)
        assert seen.origin.channels == right.origin.channels
    assert (decode(data, page=1) > 0).any()
    for how in ("max", "mean"):
        assert (decode(data, projection=how) == decode(same, projection=how)).all()  # type: ignore[arg-type]
    assert (decode(data, page=2, channel=0) == decode(same, page=2, channel=0)).all()
    with pytest.raises(NoSuchPage, match=f"the file has {count} pages: ask for 0 to {count - 1}"):
        decode(data, page=count)
    (tmp_path / "stack.tif").write_bytes(data)
    assert read_size(tmp_path / "stack.tif") == SIZE


def test_each_plane_has_the_size_of_its_pixels() -> None:
    data = imagej(GREY, resolution=(4, 4), metadata={"unit": "micron"})
    told: PixelSize = (0.25, 0.25)

    assert decode_reduced(data, whole, page=4).origin.pixel_size == told
    assert decode_reduced(data, whole, projection="max").origin.pixel_size == told


@pytest.mark.parametrize(
    "data", [imagej(GREY), metamorph(GREY), written(GREY)], ids=["ImageJ", "STK", "tifffile"]
)
def test_planes_count_as_pages_do(data: bytes) -> None:
    decode(data, Limits(max_frames=5))
    for how in ({}, {"page": 1}, {"projection": "max"}):
        with pytest.raises(TooManyFrames, match="more than 4 pages or frames"):
            decode(data, Limits(max_frames=4), **how)  # type: ignore[arg-type]
    with pytest.raises(PictureTooLarge, match="consists of 1,920 pixels"):
        decode(data, Limits(max_pixels=600), projection="mean")


def with_images(number: str, data: bytes = imagej(GREY)) -> bytes:
    """An ImageJ stack that tells of another number of images."""
    text = b"ImageJ=1.11a\nimages=" + number.encode()
    start = data.index(b"ImageJ=")
    end = data.index(b"\0", start)
    return data[:start] + text.ljust(end - start, b"\n") + data[end:]


@pytest.mark.parametrize("number", ["1000000000", "1001", "999999999999"])
def test_a_forged_number_of_planes_is_refused_at_once(number: str) -> None:
    started = time.process_time()
    with pytest.raises(TooManyFrames, match="more than 1,000 pages"):
        decode(with_images(number))
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize("number", ["0", "-3", "1", "", "x", "5.5", "9" * 30, "٣"])
def test_a_number_of_planes_that_is_none_is_no_stack(number: str) -> None:
    assert decode_reduced(with_images(number), whole).origin.pages == 1


@pytest.mark.parametrize(("data", "missing"), [(imagej(GREY)[:-10], 4), (with_images("9"), 5)])
def test_of_a_stack_that_is_cut_off_the_pages_before_are_there(data: bytes, missing: int) -> None:
    assert (decode(data, page=3) == decode(in_directories(GREY), page=3)).all()
    assert decode_reduced(data, whole).origin.pages > missing
    for asked in ({"page": missing}, {"projection": "max"}):
        with pytest.raises(
            BrokenPicture, match=f"truncated: .* ends before the last pixel of page {missing}"
        ):
            decode(data, **asked)  # type: ignore[arg-type]


def test_an_ordinary_imagej_stack_without_its_end_still_has_its_pages() -> None:
    """Its other directories are at the end."""
    file = io.BytesIO()
    tifffile.imwrite(file, GREY, imagej=True)
    data = file.getvalue()
    with tifffile.TiffFile(io.BytesIO(data)) as opened:
        second = opened.pages[1].offset

    cut = decode_reduced(data[: second + 20], whole, page=4)

    assert cut.origin.pages == 5
    assert (cut.image == decode(data, page=4)).all()


@pytest.mark.parametrize("count", [2**32 - 1, 1001])
def test_a_forged_number_of_metamorph_planes_is_refused_at_once(count: int) -> None:
    started = time.process_time()
    with pytest.raises(TooManyFrames, match="more than 1,000 pages"):
        decode(directory_last(GREY, (PLANES_OF_METAMORPH, 5, count, bytes(120))))
    assert time.process_time() - started < 0.5


COPIED = "ImageJ=1.54f\nimages=5\nslices=5\n"


def saved(**options: Any) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, GREY[1], metadata=None, description=COPIED, **options)
    return file.getvalue()


SINGLE = {
    "pixels last": saved(),
    "compressed": saved(compression="zlib") + bytes(10_000),
    "tiles": saved(tile=(16, 16)) + bytes(10_000),
    "directory last": directory_last(GREY[1:2], (270, 2, len(COPIED), COPIED.encode())) + bytes(10_000),
}


@pytest.mark.parametrize("data", SINGLE.values(), ids=SINGLE)
def test_the_description_of_a_stack_copied_to_a_single_picture_is_passed_over(data: bytes) -> None:
    assert decode_reduced(data, whole).origin.pages == 1


@pytest.mark.parametrize("gap", [1, 100])
def test_strips_with_gaps_between_them_are_one_page(gap: int) -> None:
    data = metamorph(GREY, rows=8)
    second = struct.pack("<II", 8, 8 + 8 * 48)
    assert data.count(second) == 1

    moved = data.replace(second, struct.pack("<II", 8, 8 + 8 * 48 + gap))

    assert decode_reduced(moved, whole).origin.pages == 1


def test_many_planes_in_many_strips_are_read_in_little_time() -> None:
    """Not in a strip for each of their rows."""
    data = imagej(np.ones((900, 2000, 2), np.uint8), rowsperstrip=1)

    started = time.process_time()
    decode(data, projection="mean")

    assert time.process_time() - started < 5
