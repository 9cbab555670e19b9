"""How wide a pixel is, in micrometres: told by OME, ImageJ and resolutions, but not by those for printers."""

from __future__ import annotations

import io
import time
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from model.pictures import decode_reduced, whole
from model.pictures.ome import physical_size
from model.pictures.pixel_size import PixelSize

GREY = np.zeros((6, 8), np.uint16)


def size_in(data: bytes, **how: Any) -> PixelSize | None:
    return decode_reduced(data, whole, **how).origin.pixel_size


def tiff(image: np.ndarray = GREY, pages: int = 1, **options: Any) -> bytes:
    file = io.BytesIO()
    big = options.pop("bigtiff", False)
    order = options.pop("byteorder", "<")
    writer_options = {name: options.pop(name) for name in ("imagej", "ome") if name in options}
    with tifffile.TiffWriter(file, bigtiff=big, byteorder=order, **writer_options) as writer:
        writer.write(
            np.stack([image] * pages) if pages > 1 else image, **{"photometric": "minisblack", **options}
        )
    return file.getvalue()


def ome(unit: str = "µm", **sizes: float) -> dict[str, Any]:
    named = {f"PhysicalSize{axis}": value for axis, value in sizes.items()}
    units = {f"PhysicalSize{axis}Unit": unit for axis in sizes}
    return {"ome": True, "metadata": {"axes": "YX", **named, **units}}


def imagej(unit: str, per_unit: float, **more: Any) -> dict[str, Any]:
    return {"imagej": True, "resolution": (per_unit, per_unit), "metadata": {"unit": unit, **more}}


TOLD: dict[str, tuple[dict[str, Any], PixelSize | None]] = {
    "OME": (ome(X=0.65, Y=0.325), (0.65, 0.325)),
    "OME in nanometres": (ome("nm", X=650, Y=650), (0.65, 0.65)),
    "OME in millimetres": (ome("mm", X=0.00065, Y=0.00065), (0.65, 0.65)),
    "OME with one side alone": (ome(X=0.65), None),
    "OME in pixels": (ome("pixel", X=1, Y=1), None),
    "OME of no size": (ome(X=0, Y=0), None),
    "OME without sizes": (ome(), None),
    "OME in BigTIFF": ({**ome(X=0.65, Y=0.65), "bigtiff": True}, (0.65, 0.65)),
    "OME, big-endian": ({**ome(X=0.65, Y=0.65), "byteorder": ">"}, (0.65, 0.65)),
    "ImageJ: micron": (imagej("micron", 1 / 0.65), (0.65, 0.65)),
    "ImageJ: um": (imagej("um", 4), (0.25, 0.25)),
    "ImageJ: the sign for micro as ImageJ writes it": (imagej("\\u00B5m", 2), (0.5, 0.5)),
    "ImageJ: nm": (imagej("nm", 0.01), (0.1, 0.1)),
    "ImageJ: mm": (imagej("mm", 100), (10, 10)),
    "ImageJ: micrometres of maps": (imagej("micron", 0.01), (100, 100)),
    "ImageJ: another unit upwards": (imagej("micron", 2, yunit="nm"), (0.5, 0.0005)),
    "ImageJ: pixel": (imagej("pixel", 1), None),
    "ImageJ: no unit": ({"imagej": True}, None),
    "ImageJ: an inch of a photo": (imagej("inch", 72), None),
    "ImageJ: an inch of a scanner": (imagej("inch", 300), None),
    "pixels a centimetre, of a microscope": (
        {"resolution": (1e4 / 0.65, 1e4 / 0.65), "resolutionunit": "CENTIMETER"},
        (0.65, 0.65),
    ),
    "pixels an inch, of a microscope": (
        {"resolution": (50_800, 25_400), "resolutionunit": "INCH"},
        (0.5, 1.0),
    ),
    "pixels a millimetre": ({"resolution": (2000, 4000), "resolutionunit": "MILLIMETER"}, (0.5, 0.25)),
    "pixels a micrometre": ({"resolution": (1 / 0.65, 4), "resolutionunit": "MICROMETER"}, (0.65, 0.25)),
    "pixels a millimetre, of large ones": (
        {"resolution": (10, 10), "resolutionunit": "MILLIMETER"},
        (100, 100),
    ),
    "no pixels a micrometre": ({"resolution": (0, 0), "resolutionunit": "MICROMETER"}, None),
    "72 dpi": ({"resolution": (72, 72), "resolutionunit": "INCH"}, None),
    "96 dpi": ({"resolution": (96, 96), "resolutionunit": "INCH"}, None),
    "300 dpi": ({"resolution": (300, 300), "resolutionunit": "INCH"}, None),
    "300 dpi in centimetres": ({"resolution": (118.11, 118.11), "resolutionunit": "CENTIMETER"}, None),
    "1,200 dpi": ({"resolution": (1200, 1200), "resolutionunit": "INCH"}, None),
    "a resolution without a unit": ({"resolution": (20_000, 20_000), "resolutionunit": "NONE"}, None),
    "no resolution at all": ({}, None),
}


@pytest.mark.parametrize(("options", "told"), TOLD.values(), ids=TOLD)
def test_the_size_of_a_pixel_is_what_the_tiff_tells(options: dict[str, Any], told: PixelSize | None) -> None:
    found = size_in(tiff(**options))

    assert found == (None if told is None else pytest.approx(told, rel=1e-4))


@pytest.mark.parametrize("page", [0, 2])
def test_each_page_of_a_stack_has_it(page: int) -> None:
    data = tiff(pages=3, **imagej("micron", 4))

    assert size_in(data, page=page) == (0.25, 0.25)
    assert size_in(data, projection="max") == (0.25, 0.25)


def test_it_is_turned_with_the_picture() -> None:
    turned = [(274, "H", 1, 6, True)]
    data = tiff(resolution=(50_000, 100_000), resolutionunit="CENTIMETER", extratags=turned)

    assert size_in(data) == (0.1, 0.2)


def test_a_reduced_jpeg_has_that_of_the_whole() -> None:
    file = io.BytesIO()
    Image.new("RGB", (800, 400)).save(file, "JPEG", dpi=(50_800, 50_800))

    decoded = decode_reduced(file.getvalue(), lambda _: (100, 50))

    assert decoded.image.shape[:2] == (50, 100)
    assert decoded.origin.pixel_size == (0.5, 0.5)


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "BMP"])
@pytest.mark.parametrize(("dpi", "micrometres"), [(50_800, 0.5), (72, None), (300, None), (1200, None)])
def test_other_formats_tell_it_by_the_same_rule(
    file_format: str, dpi: int, micrometres: float | None
) -> None:
    file = io.BytesIO()
    Image.new("L", (8, 6)).save(file, file_format, dpi=(dpi, dpi))

    found = size_in(file.getvalue())

    assert found == (None if micrometres is None else pytest.approx((micrometres, micrometres), rel=1e-3))


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "BMP", "GIF", "WEBP", "AVIF", "TIFF"])
def test_a_file_that_says_nothing_tells_none(file_format: str) -> None:
    file = io.BytesIO()
    Image.new("RGB", (8, 6)).save(file, file_format)

    assert size_in(file.getvalue()) is None


PIXELS = '<Pixels SizeX="{}" SizeY="{}" PhysicalSizeX="{}" PhysicalSizeY="{}"/>'
OME = '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">{}</OME>'


def test_of_several_images_in_ome_the_one_of_that_size_counts() -> None:
    text = OME.format(PIXELS.format(8, 6, 1, 1) + PIXELS.format(80, 60, 2, 3)).encode()

    assert physical_size(text, (80, 60)) == (2, 3)
    assert physical_size(text, (8, 6)) == (1, 1)
    assert physical_size(text, (7, 7)) == (1, 1)


def test_ome_under_another_prefix_or_broken_behind_its_sizes_is_read() -> None:
    pixels = PIXELS.format(8, 6, 0.5, 0.5)
    prefixed = f'<o:OME xmlns:o="x">{pixels.replace("<Pixels", "<o:Pixels")}</o:OME>'

    assert physical_size(prefixed.encode(), (8, 6)) == (0.5, 0.5)
    assert physical_size(OME.format(pixels)[:-6].encode(), (9, 9)) == (0.5, 0.5)


HOSTILE = {
    "entities that expand": '<!DOCTYPE OME [<!ENTITY a "1"><!ENTITY b "&a;&a;&a;&a;">]>'
    + OME.format(PIXELS.format(8, 6, "&b;", "&b;")),
    "an entity that lies elsewhere": '<!DOCTYPE OME [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
    + OME.format("&a;" + PIXELS.format(8, 6, 1, 1)),
    "an unknown encoding": '<?xml version="1.0" encoding="x-none"?>' + OME.format(PIXELS.format(8, 6, 1, 1)),
    "no number": OME.format(PIXELS.format(8, 6, "a", "b")),
    "not finite": OME.format(PIXELS.format(8, 6, "inf", "nan")),
    "negative": OME.format(PIXELS.format(8, 6, -1, -1)),
    "no XML": "<OME <<<",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_description_that_is_hostile_or_wrong_tells_nothing(text: str) -> None:
    data = tiff(description=text.encode(), metadata=None)

    assert size_in(data) is None


def test_a_long_description_costs_little() -> None:
    data = tiff(description=b"<OME>" + b"<a/>" * 4_000_000, metadata=None)

    started = time.process_time()
    assert size_in(data) is None
    assert time.process_time() - started < 2
