"""Formats figures as a Markdown table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def to_lines(rows: Mapping[str, Mapping[str, float | str | None]], title: str = "") -> list[str]:
    """The lines of a table with the name of each row in its first column; all rows have the same columns.

    The title is in the upper left cell, above the names.
    """
    columns = list(next(iter(rows.values())))
    header = [title, *columns]
    lines = [header, ["---", *["---:"] * len(columns)]]
    lines += [[name, *(cell(row[column]) for column in columns)] for name, row in rows.items()]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    return [_aligned(line, widths) for line in lines]


def cell(value: float | str | None) -> str:
    """A count or a text unchanged, a float with three decimals, a dash for None."""
    if value is None:
        return "–"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = zip(cells, widths, strict=True)
    padded = [first[0].ljust(first[1]), *(text.rjust(width) for text, width in others)]
    return f"| {' | '.join(padded)} |"
