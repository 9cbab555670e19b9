"""The growing table: a CSV file of the rows of many pictures, which need not have the same columns."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import orjson

from model.files.whole_files import whole_file


class GrowingTable:
    """Rows that are kept in a temporary file, since their columns are all known only at the end.

    Pictures differ in columns by their number of channels, and by whether the size of a pixel is known. Use
    it in a `with` statement, which deletes the temporary file.
    """

    def __init__(self) -> None:
        self._columns: dict[str, None] = {}  # in order; a set has none
        self._rows: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `__exit__`

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._rows.close()

    def add(self, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Add rows, each with a value for each of the columns. New columns follow those of earlier rows."""
        self._columns |= dict.fromkeys(columns)
        for row in rows:
            self._rows.write(
                orjson.dumps(dict(zip(columns, row, strict=True)), option=orjson.OPT_APPEND_NEWLINE)
            )

    def write(self, path: Path) -> None:
        """Write the table as CSV (RFC 4180, UTF-8), completely or not at all. Raises OSError."""
        with whole_file(path) as part, part.open("w", encoding="utf-8", newline="") as file:
            self.print(file)

    def print(self, file: IO[str]) -> None:
        """Write the table as CSV to an open file; cells are empty where a row lacks the column."""
        writer = csv.DictWriter(file, list(self._columns))
        writer.writeheader()
        self._rows.seek(0)
        writer.writerows(map(orjson.loads, self._rows))
        file.flush()
