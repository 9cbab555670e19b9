"""OME-XML: reads the size of a pixel from the text that microscopes write into the first page of a TIFF."""

from __future__ import annotations

from contextlib import suppress
from xml.parsers import expat

from model.pictures.units import micrometres_in


class _Enough(Exception):
    """Raised to stop the parser once the rest of the text is not needed."""


def physical_size(text: bytes, size: tuple[int, int]) -> tuple[float, float] | None:
    """Return the (x, y) micrometres of a pixel of the first image of that (width, height), else of the first.

    A truncated text is read as far as it goes. A text with a document type is ignored, because it may contain
    entities that are external or expand without end.

    Args:
        text: a description; if it is not OME-XML, the result is None.
        size: (width, height) of the picture.
    """
    if b"<OME" not in text[:4096] and b":OME" not in text[:4096]:
        return None
    sizes: dict[tuple[str, str], tuple[float, float] | None] = {}
    wanted = (str(size[0]), str(size[1]))

    def begin(name: str, attributes: dict[str, str]) -> None:
        if name.rpartition(":")[2] == "Pixels":
            own = (attributes.get("SizeX", ""), attributes.get("SizeY", ""))
            sizes.setdefault(own, _told(attributes))
            if own == wanted:
                raise _Enough

    def refuse(*_: object) -> None:
        sizes.clear()
        raise _Enough

    parser = expat.ParserCreate()
    parser.StartElementHandler = begin
    parser.StartDoctypeDeclHandler = refuse
    with suppress(
        _Enough, expat.ExpatError, LookupError, ValueError
    ):  # LookupError: an encoding that Python does not know
        parser.Parse(text, True)
    return sizes[wanted] if wanted in sizes else next(iter(sizes.values()), None)


def _told(attributes: dict[str, str]) -> tuple[float, float] | None:
    sides = []
    for axis in "XY":
        micrometres = micrometres_in(attributes.get(f"PhysicalSize{axis}Unit", "µm"))
        try:
            side = float(attributes[f"PhysicalSize{axis}"])
        except (KeyError, ValueError):
            return None
        if micrometres is None:
            return None
        sides.append(side * micrometres)
    return sides[0], sides[1]
