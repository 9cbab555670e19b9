"""Text files: what they say, in whatever encoding an editor or a shell left it."""

from __future__ import annotations

import codecs
from pathlib import Path

MARKS = {  # the longer first: UTF-32's begins as UTF-16's
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def text_of(path: Path) -> tuple[str, str | None]:
    """What a text file says, and the encoding that was guessed; None: a mark or the bytes prove it.

    Raises:
        ValueError: it is in no encoding that is known.
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
        raise ValueError(f"{name} is in an encoding that is not known here: save it in UTF-8") from None
