"""Pixel sizes: reads the width and height of a pixel in micrometres, if a file declares them.

Microscopes write them as OME-XML, as ImageJ does, or as a resolution. But every photo has a resolution too:
72, 96 or 300 pixels an inch, which is meant for printers and says nothing about the content. A resolution of
up to `_FINEST_PRINT_DPI` is therefore ignored.
"""

from __future__ import annotations

import math
from contextlib import suppress

from model.pictures.descriptions import description_of, told_by_imagej
from model.pictures.limits import BrokenPicture
from model.pictures.ome import physical_size
from model.pictures.tiff_directory import Directory
from model.pictures.units import micrometres_in

PixelSize = tuple[float, float]
"""(x, y) in micrometres."""

# Equals a pixel of 20 µm. Scanners and printers have lower resolutions; few microscopes do.
_FINEST_PRINT_DPI = 1_270

# Micrometres. Larger pixels, even of maps, and smaller ones are not plausible.
_LEAST, _MOST = 1e-6, 1e9

_X_RESOLUTION, _Y_RESOLUTION, _UNIT = 282, 283, 296
_INCHES_IN = {2: 1.0, 3: 1 / 2.54}  # by the number of the unit: inch, centimetre
_MICROMETRES_IN = {4: 1e3, 5: 1.0}  # millimetre, micrometre; no program writes these for printers
_FOR_PRINT = ("inch", "cm")  # units that ImageJ derives from a photo's resolution


def of_tiff(directory: Directory, first: Directory, size: tuple[int, int]) -> PixelSize | None:
    """Return the pixel size that a TIFF declares for one of its pictures.

    Args:
        directory: the picture's directory.
        first: the file's first directory, which contains the descriptions of OME and ImageJ.
        size: (width, height) of the picture.
    """
    with suppress(BrokenPicture):  # a broken tag that decoding does not need is no reason to refuse the file
        return _told(directory, first, size)
    return None


def _told(directory: Directory, first: Directory, size: tuple[int, int]) -> PixelSize | None:
    text = description_of(first)
    if told := told_by_imagej(text):
        return _of_imagej(told, directory) or _of_resolution(directory)
    return _believed(physical_size(text, size)) or _of_resolution(directory)


def of_density(pixels_per_inch: tuple[float, float] | None) -> PixelSize | None:
    """Return the pixel size that a resolution implies; None if it may be meant for printers."""
    if pixels_per_inch is None or min(pixels_per_inch) <= _FINEST_PRINT_DPI:
        return None
    return _believed((25_400 / pixels_per_inch[0], 25_400 / pixels_per_inch[1]))


def _of_imagej(told: dict[str, str], directory: Directory) -> PixelSize | None:
    x_unit = told.get("unit", "")
    x_micrometres, y_micrometres = micrometres_in(x_unit), micrometres_in(told.get("yunit", x_unit))
    x, y = directory.ratio(_X_RESOLUTION), directory.ratio(_Y_RESOLUTION)
    if x_unit in _FOR_PRINT or not x_micrometres or not y_micrometres or not x or not y:
        return None
    return _believed((x_micrometres / x, y_micrometres / y))


def _of_resolution(directory: Directory) -> PixelSize | None:
    unit = directory.first(_UNIT, 2)
    x, y = directory.ratio(_X_RESOLUTION), directory.ratio(_Y_RESOLUTION)
    if not x or not y:
        return None
    if unit in _MICROMETRES_IN:
        return _believed((_MICROMETRES_IN[unit] / x, _MICROMETRES_IN[unit] / y))
    if unit in _INCHES_IN:
        return of_density((x / _INCHES_IN[unit], y / _INCHES_IN[unit]))
    return None


def _believed(size: PixelSize | None) -> PixelSize | None:
    """Return the size, rounded; None if there is none or it is not plausible."""
    if size is None or not all(math.isfinite(side) and _LEAST <= side <= _MOST for side in size):
        return None
    return float(f"{size[0]:.9g}"), float(f"{size[1]:.9g}")
