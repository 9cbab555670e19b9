"""Problems: what pydantic found wrong with some values, for people to read."""

from __future__ import annotations

from pydantic import ValidationError


def problems_in(error: ValidationError) -> str:
    """What is wrong, value by value, in one line."""
    return "; ".join(
        ": ".join(
            [*filter(None, [".".join(map(str, item["loc"]))]), item["msg"].removeprefix("Value error, ")]
        )
        for item in error.errors()
    )
