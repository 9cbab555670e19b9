"""OME-XML: reads sizes and channels from the text that microscopes write into the first page of a TIFF."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from xml.parsers import expat

from model.pictures.units import micrometres_in


class _Enough(Exception):
    """Raised to stop the parser once the rest of the text is not needed."""


@dataclass(frozen=True)
class Planes:
    """The planes of an image in OME-XML.

    Attributes:
        order: "XYCZT" or another order of the axes, the one that changes fastest first.
        sizes: the number of channels, slices and points in time by "C", "Z" and "T", as declared.
        names: the name of each channel; "" for a channel without one.
    """

    order: str
    sizes: dict[str, str]
    names: list[str] = field(default_factory=list)


def physical_size(text: bytes, size: tuple[int, int]) -> tuple[float, float] | None:
    """Return the (x, y) micrometres of a pixel of the first image of that (width, height), else of the first.

    A truncated text is read as far as it goes. A text with a document type is ignored, because it may contain
    entities that are external or expand without end.

    Args:
        text: a description; if it is not OME-XML, the result is None.
        size: (width, height) of the picture.
    """
    sizes: dict[tuple[str, str], tuple[float, float] | None] = {}
    wanted = (str(size[0]), str(size[1]))

    def begin(name: str, attributes: dict[str, str]) -> None:
        if name == "Pixels":
            own = _size_of(attributes)
            sizes.setdefault(own, _told(attributes))
            if own == wanted:
                raise _Enough

    _parse(text, begin)
    return sizes[wanted] if wanted in sizes else next(iter(sizes.values()), None)


def planes(text: bytes, size: tuple[int, int]) -> Planes | None:
    """Return the planes of the first image of that (width, height); None if there is none.

    Text is read as in `physical_size`.
    """
    found: list[Planes] = []
    wanted = (str(size[0]), str(size[1]))

    def begin(name: str, attributes: dict[str, str]) -> None:
        if name == "Pixels":
            if found:
                raise _Enough
            if _size_of(attributes) == wanted:
                sizes = {axis: attributes.get(f"Size{axis}", "1") for axis in "CZT"}
                found.append(Planes(attributes.get("DimensionOrder", "XYCZT"), sizes))
        elif name == "Channel" and found:
            found[0].names.append(attributes.get("Name", ""))

    _parse(text, begin)
    return found[0] if found else None


def _parse(text: bytes, begin: Callable[[str, dict[str, str]], None]) -> None:
    """Call `begin` with the name, without its namespace, and the attributes of each element of OME-XML."""
    if b"<OME" not in text[:4096] and b":OME" not in text[:4096]:
        return

    def refuse(*_: object) -> None:  # before the first element
        raise _Enough

    parser = expat.ParserCreate()
    parser.StartElementHandler = lambda name, attributes: begin(name.rpartition(":")[2], attributes)
    parser.StartDoctypeDeclHandler = refuse
    with suppress(
        _Enough, expat.ExpatError, LookupError, ValueError
    ):  # LookupError: an encoding that Python does not know
        parser.Parse(text, True)


def _size_of(attributes: dict[str, str]) -> tuple[str, str]:
    return attributes.get("SizeX", ""), attributes.get("SizeY", "")


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
