"""Units of length, as microscopes and microscopy software write them."""

from __future__ import annotations

import re

_MICROMETRES = {
    "pm": 1e-6,
    "Å": 1e-4,
    "nm": 1e-3,
    "nanometer": 1e-3,
    "nanometre": 1e-3,
    "µm": 1.0,
    "um": 1.0,
    "micron": 1.0,
    "microns": 1.0,
    "micrometer": 1.0,
    "micrometre": 1.0,
    "mm": 1e3,
    "millimeter": 1e3,
    "millimetre": 1e3,
    "cm": 1e4,
    "dm": 1e5,
    "m": 1e6,
    "in": 25_400.0,
    "inch": 25_400.0,
    "inches": 25_400.0,
}

_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")  # how ImageJ writes characters outside ASCII
_GREEK_MU, _MICRO_SIGN = "\u03bc", "\u00b5"


def micrometres_in(unit: str) -> float | None:
    """Return how many micrometres a unit has; None for pixels and others that are not units of length."""
    text = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), unit).strip().replace(_GREEK_MU, _MICRO_SIGN)
    return _MICROMETRES.get(text, _MICROMETRES.get(text.lower()))
