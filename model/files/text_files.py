"""Text files: reads text in any encoding that an editor or a shell may have used."""

from __future__ import annotations

import codecs
from pathlib import Path

MARKS = {  # the longer ones first, because UTF-32's begins like UTF-16's
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def text_of(path: Path) -> tuple[str, str | None]:
    """Return the text of a file and the guessed encoding; None if a byte order mark or the bytes prove it.

    Raises:
        ValueError: the file is not text, is damaged, or has an unknown encoding.
    """
    content, name = path.read_bytes(), path.name
    encoding = next((encoding for mark, encoding in MARKS.items() if content.startswith(mark)), "utf-8")
    guessed = None
    if encoding == "utf-8" and 0 in content:
        encoding = "utf-16-be" if content[:1] == b"\0" else "utf-16-le"
        guessed = "UTF-16"
    try:
        return content.decode(encoding), guessed
    except UnicodeDecodeError:
        if guessed:
            raise ValueError(f"{name} is not a text file") from None
        if encoding != "utf-8":
            raise ValueError(
                f"{name} is damaged, or not in {encoding.upper().removesuffix('-SIG')}: save it in UTF-8"
            ) from None
    try:
        return content.decode("cp1252"), "Latin-1 (Windows-1252)"
    except UnicodeDecodeError:
        raise ValueError(f"{name} is in an unknown encoding: save it in UTF-8") from None
