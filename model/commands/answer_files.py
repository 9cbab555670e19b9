"""Answer files: writes the answer for each picture, completely or not at all."""

from __future__ import annotations

import errno
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

from model.answers.finding import Finding
from model.commands.pictures_named import STANDARD, NamedPicture
from model.files.system_errors import in_words
from model.formats.registry import Format, Options

# Errors that would also occur for the next picture.
_LASTING = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM, errno.EPIPE}


class CannotWrite(OSError):
    """Answers cannot be written, which would fail for other pictures too."""


class Answers(Protocol):
    """The destination of the answers."""

    def prepare(self) -> None:
        """Called once, before the first answer."""

    def has(self, picture: NamedPicture) -> bool:
        """Whether there is an answer for the picture as it is now."""

    def write(self, picture: NamedPicture, finding: Finding) -> None:
        """Write one answer.

        Raises:
            CannotWrite: for example, the disk is full; the message names the file.
            OSError, ValueError: this answer cannot be written.
        """


def answers_to(
    out: Path | None, output: Format, options: Options, pictures: Sequence[NamedPicture]
) -> Answers:
    """The destination of the answers for the pictures.

    Args:
        out: a folder, or `-` for standard output; None: standard output if a picture is from standard input,
            else the current folder.

    Raises:
        ValueError: an answer would overwrite a picture or another answer; or standard output would get more
            than one answer, or is a terminal and the answer is not text.
    """
    if out is None:
        out = STANDARD if any(picture.path is None for picture in pictures) else Path()
    if out == STANDARD:
        return _StandardOutput(output, options, pictures)
    return _Folder(out, output, options, pictures)


class _StandardOutput:
    def __init__(self, output: Format, options: Options, pictures: Sequence[NamedPicture]) -> None:
        if len(pictures) > 1:
            raise ValueError(
                f"only one answer can be written to standard output, but {len(pictures)} pictures are named:"
                " name a folder with --out"
            )
        if sys.stdout.isatty() and not output.is_text:
            raise ValueError(
                f"{output.name} is not text, which a terminal could show: redirect the output to a file, or"
                " name a folder with --out"
            )
        self._output, self._options = output, options

    def prepare(self) -> None:
        pass

    def has(self, picture: NamedPicture) -> bool:
        return False

    def write(self, picture: NamedPicture, finding: Finding) -> None:
        answer = self._output.write(finding, self._options)
        try:
            sys.stdout.buffer.write(answer)
            sys.stdout.buffer.flush()
        except OSError as error:
            raise CannotWrite(f"standard output: {in_words(error)}") from error


class _Folder:
    def __init__(
        self, folder: Path, output: Format, options: Options, pictures: Sequence[NamedPicture]
    ) -> None:
        self._folder, self._output, self._options = folder, output, options
        self._target_of = self._targets(pictures, output.ending_for(options))
        self._check_targets(pictures)

    def _targets(self, pictures: Sequence[NamedPicture], ending: str) -> dict[NamedPicture, Path]:
        """Each picture's answer. Pictures that differ in their suffixes alone keep these: a.png.json."""
        stems = Counter(picture.stem for picture in pictures)

        def target(picture: NamedPicture) -> Path:
            is_shared = picture.path is not None and stems[picture.stem] > 1
            name = picture.path.name if picture.path and is_shared else picture.stem.name
            # Path.with_suffix would truncate a stem that contains a dot.
            return self._folder / picture.stem.with_name(name + ending)

        return {picture: target(picture) for picture in pictures}

    def _check_targets(self, pictures: Sequence[NamedPicture]) -> None:
        path_of = {
            picture.path.resolve(): picture
            for picture in pictures
            if picture.path is not None and picture.path.exists()
        }
        written: dict[Path, NamedPicture] = {}
        for picture, target in self._target_of.items():
            overwritten = path_of.get(target.resolve())
            if overwritten is not None:
                raise ValueError(
                    f"the answer for {picture} would overwrite {overwritten}: name another folder with --out"
                )
            other = written.setdefault(target, picture)
            if other is not picture:
                raise ValueError(
                    f"the answers for {other} and {picture} would both be written to {target}: segment them"
                    " separately, with different --out"
                )

    def prepare(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)

    def has(self, picture: NamedPicture) -> bool:
        target = self._target_of[picture]
        try:
            is_there = target.is_file() or (target.is_dir() and any(target.iterdir()))
            return is_there and (picture.path is None or _changed(picture.path) <= _changed(target))
        except OSError:  # the picture cannot be read, which is reported when it is its turn
            return False

    def write(self, picture: NamedPicture, finding: Finding) -> None:
        target = self._target_of[picture]
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            if self._output.files is None:
                answer = self._output.write(finding, self._options)
                _make_whole(target, lambda part: part.write_bytes(answer))
            else:
                _check_empty(target)
                files = self._output.files(finding)
                _make_whole(target, lambda part: _fill(part, files))
        except OSError as error:
            message = in_words(error, target)  # not the temporary file, which is renamed to it
            raise (CannotWrite if error.errno in _LASTING else OSError)(message) from error


def _make_whole(target: Path, make: Callable[[Path], object]) -> None:
    """Make a file or folder next to the target, then rename it, so that the target is always complete."""
    with tempfile.TemporaryDirectory(prefix=".", suffix=".part", dir=target.parent) as temporary:
        part = Path(temporary) / "answer"
        make(part)
        part.replace(target)


def _changed(path: Path) -> int:
    return path.stat().st_mtime_ns


def _check_empty(folder: Path) -> None:
    if folder.is_dir() and any(folder.iterdir()):  # cutouts with another threshold, or the user's pictures
        raise ValueError(f"the folder {folder} is not empty: empty it, or name another one with --out")


def _fill(folder: Path, files: Iterable[tuple[str, bytes]]) -> None:
    folder.mkdir()
    for name, content in files:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
