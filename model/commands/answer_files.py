"""Answer files: where the answer for each picture is written, whole or not at all."""

from __future__ import annotations

import errno
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

from model.answers.finding import Finding
from model.commands.pictures_named import STANDARD, NamedPicture
from model.files.system_errors import in_words
from model.formats.registry import Format, Options

# What will go wrong with the next picture, too.
_LASTING = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM, errno.EPIPE}


class CannotWrite(OSError):
    """Answers cannot be written, and it is no use to go on with other pictures."""


class Answers(Protocol):
    """Where answers go."""

    def prepare(self) -> None:
        """Called once, before the first answer."""

    def write(self, picture: NamedPicture, finding: Finding) -> None:
        """Write one answer.

        Raises:
            CannotWrite: the disk is full, say; says what could not be written.
            OSError, ValueError: this answer cannot be written.
        """


def answers_to(
    out: Path | None, output: Format, options: Options, pictures: Sequence[NamedPicture]
) -> Answers:
    """Where the answers for the pictures go.

    Args:
        out: a folder, or `-` for standard output; None: standard output for a picture from standard input,
            else the current folder.

    Raises:
        ValueError: an answer would overwrite a picture or another answer; more than one answer, or a
            picture for a terminal, would go to standard output.
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
                f"standard output takes one answer, and {len(pictures)} pictures are named: name a folder"
                " with --out"
            )
        if sys.stdout.isatty() and not output.is_text:
            raise ValueError(
                f"{output.name} is no text for a terminal: redirect the output to a file, or name a folder"
                " with --out"
            )
        self._output, self._options = output, options

    def prepare(self) -> None:
        pass

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
        self._ending = output.ending_for(options)
        self._check_targets(pictures)

    def _target(self, picture: NamedPicture) -> Path:
        # Path.with_suffix would cut a stem with a dot of its own.
        return self._folder / picture.stem.with_name(picture.stem.name + self._ending)

    def _check_targets(self, pictures: Sequence[NamedPicture]) -> None:
        path_of = {
            picture.path.resolve(): picture
            for picture in pictures
            if picture.path is not None and picture.path.exists()
        }
        written: dict[Path, NamedPicture] = {}
        for picture in pictures:
            target = self._target(picture)
            overwritten = path_of.get(target.resolve())
            if overwritten is not None:
                raise ValueError(
                    f"{picture} would be written over {overwritten}: name another folder with --out"
                )
            other = written.setdefault(target, picture)
            if other is not picture:
                raise ValueError(
                    f"{other} and {picture} would both be written to {target}: segment them apart"
                )

    def prepare(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)

    def write(self, picture: NamedPicture, finding: Finding) -> None:
        target = self._target(picture)
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
            message = in_words(error, target)  # and not of the temporary file that is to become it
            raise (CannotWrite if error.errno in _LASTING else OSError)(message) from error


def _make_whole(target: Path, make: Callable[[Path], object]) -> None:
    """Have a file or folder made beside the target, and rename it: what is there is whole at any time."""
    with tempfile.TemporaryDirectory(prefix=".", suffix=".part", dir=target.parent) as temporary:
        part = Path(temporary) / "answer"
        make(part)
        part.replace(target)


def _check_empty(folder: Path) -> None:
    if folder.is_dir() and any(folder.iterdir()):  # cutouts of another threshold, or somebody's own pictures
        raise ValueError(f"the folder {folder} is not empty: empty it, or name another one with --out")


def _fill(folder: Path, files: Iterable[tuple[str, bytes]]) -> None:
    folder.mkdir()
    for name, content in files:
        (folder / name).write_bytes(content)
