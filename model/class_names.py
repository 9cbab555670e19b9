"""Class names: a text file with one a line."""

from __future__ import annotations

from pathlib import Path

BACKGROUND_NAMES = {"bg", "background", "__background__"}


def classes_from(path: Path) -> list[str]:
    """Class names, one a line, with "background" put first unless the file has it already.

    Raises ValueError for a folder, and for a name that comes twice.
    """
    if path.is_dir():
        raise ValueError(f"--classes {path} names a folder: give a text file with a class name a line")
    names = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    if names and names[0].lower() in BACKGROUND_NAMES:
        names = names[1:]
    classes = ["background", *names]
    repeated = sorted({name for name in classes if classes.count(name) > 1})
    if repeated:
        raise ValueError(f"{path.name} names {', '.join(repeated)} twice: every class needs its own name")
    return classes
