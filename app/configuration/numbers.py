"""Numbers in text, as people write them: int() and float() would also accept "1_0", "nan" and " 5 "."""

from __future__ import annotations

import re

_WHOLE = re.compile("-?[0-9]{1,15}")
_NUMBER = re.compile("-?([0-9]{1,15}([.][0-9]{0,20})?|[.][0-9]{1,20})([eE][+-]?[0-9]{1,3})?")


def number_in(text: str) -> int | float | None:
    """The number that `text` is as a whole, such as 5, -0.5, .5, 5. or 1e-3; None for anything else.

    The decimal separator is a point; spaces and a leading plus are not accepted. A number beyond the range of
    floats is infinite.
    """
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else None
