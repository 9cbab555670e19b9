"""Outputs: the files of a run, below one folder in Cloud Storage or another file system that Beam knows.

    results/NAME.parquet     a row for each picture of a shard in which the model has looked
    errors/NAME.parquet      a row for each picture of a shard that could not be segmented
    coco/NAME.json           the segments of a shard as a COCO data set
    overlays/…/PICTURE.png   the picture's address without gs://, with .png after it
    label_maps/…/PICTURE.png
    question.json            what was asked

A picture is done once a row says so. Its other files are written before that.
"""

from __future__ import annotations

import io
import json
import re
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.io.filesystems import FileSystems

from pipelines.pictures import key_of
from pipelines.question import Question
from pipelines.rows import SCHEMA, Row

TABLES = ("results", "errors")
_TEMPORARY = "_temporary"
_QUESTION = "question.json"
_OWN = re.compile(
    rf"(results|errors)/\w+\.parquet|coco/\w+\.json|(overlays|label_maps|{_TEMPORARY})/.*|{_QUESTION}",
    re.DOTALL,
)
_LONGEST_NAME = 255
"""Bytes in the name of a file, on most disks."""
_LONGEST_OBJECT = 1024
"""Bytes in the name of an object in Cloud Storage."""


class OtherAnswers(ValueError):
    """The folder has the answers of a run that asked something else."""


class Damaged(ValueError):
    """A file of an earlier run cannot be read."""


class UnusableName(ValueError):
    """What is drawn about a picture cannot have the picture's name with .png after it."""


@dataclass(frozen=True)
class Outputs:
    """The folder of a run.

    Attributes:
        root: its address, without a slash at the end.
    """

    root: str

    def prepare(self, question: Question) -> None:
        """Begin a run, or go on with one that asked the same. There must not be two at the same time.

        Raises:
            OtherAnswers: the folder has answers to another question.
            Damaged: its question cannot be read.
        """
        if not self._in_bucket:
            self._prepare_folders()
        asked = json.dumps(asdict(question), indent=2).encode()
        path = self._path(_QUESTION)
        if not FileSystems.exists(path):
            self._write_whole([_QUESTION], asked)
            return
        with FileSystems.open(path) as file:
            before, now = _question_in(path, file.read()), json.loads(asked)
        if changed := [name for name in now if before.get(name) != now[name]]:
            was = ", ".join(f"{name}={before.get(name)}" for name in changed)
            raise OtherAnswers(f"{self.root} has the answers of a run with {was}: name another output")
        self._remove_unfinished_coco()

    def wrote(self, uri: str) -> bool:
        """Whether a run writes files with such an address, which patterns of pictures may fit too."""
        return uri.startswith(f"{self.root}/") and bool(_OWN.fullmatch(uri[len(self.root) + 1 :]))

    def tables(self) -> list[str]:
        """The addresses of the files with rows."""
        return [path for table in TABLES for path in _matching(self._path(table, "*.parquet"))]

    def write_rows(self, table: str, name: str, rows: Sequence[Row]) -> None:
        """Write a file of one of `TABLES`, completely or not at all.

        Without rows there is none afterwards: a worker that was lost may have had some.
        """
        if not rows:
            _remove(self._path(table, f"{name}.parquet"))
            return
        file = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(list(rows), SCHEMA), file, compression="zstd")
        self._write_whole([table, f"{name}.parquet"], file.getvalue())

    def write_coco(self, name: str, content: bytes) -> None:
        """Write the COCO data set of a shard."""
        _write(self._path("coco", f"{name}.json"), content)

    def write_drawn(self, folder: str, uri: str, content: bytes) -> None:
        """Write a PNG about the picture at an address."""
        _write(self._drawn_at(folder, uri), content)

    def check_name(self, folder: str, uri: str) -> None:
        """Raise UnusableName if `write_drawn` could not write a file, or would write it elsewhere."""
        path = self._drawn_at(folder, uri)
        if self._in_bucket:
            name, most = path.removeprefix("gs://").partition("/")[2], _LONGEST_OBJECT
        else:
            name, most = path.rpartition("/")[2], _LONGEST_NAME
            parts = uri.rpartition("://")[2].lstrip("/").split("/")
            if wrong := [part for part in parts if part in ("", ".", "..")]:  # .. would leave the output
                raise UnusableName(
                    f"disks have no folder {wrong[0]!r} as in {uri}: rename it, or leave out {folder}"
                )
        if len(name.encode()) > most:
            raise UnusableName(
                f"the name {name} has more than {most} bytes: rename the picture, or leave out {folder}"
            )

    def _drawn_at(self, folder: str, uri: str) -> str:
        return self._path(folder, f"{uri.removeprefix('gs://').lstrip('/')}.png")

    def _write_whole(self, place: Sequence[str], content: bytes) -> None:
        target = self._path(*place)
        if self._in_bucket:  # where an object appears once it is complete
            _write(target, content)
            return
        temporary = self._path(_TEMPORARY, uuid.uuid4().hex)
        _write(temporary, content)
        FileSystems.rename([temporary], [target])

    def _prepare_folders(self) -> None:
        for folder in (*TABLES, _TEMPORARY):
            if not FileSystems.exists(self._path(folder)):
                FileSystems.mkdirs(self._path(folder))
        if left := _matching(self._path(_TEMPORARY, "*")):
            FileSystems.delete(left)

    def _remove_unfinished_coco(self) -> None:
        """Remove data sets of shards without rows: their pictures will be in others."""
        finished = {_stem(path) for path in _matching(self._path("results", "*.parquet"))}
        for path in _matching(self._path("coco", "*.json")):
            if _stem(path) not in finished:
                FileSystems.delete([path])

    @property
    def _in_bucket(self) -> bool:
        return self.root.startswith("gs://")

    def _path(self, *names: str) -> str:
        return FileSystems.join(self.root, *names)


def keys_in(path: str) -> Iterator[str]:
    """The keys of the pictures that a file has rows about."""
    return (key_of(uri, generation) for uri, generation in pictures_in(path))


def pictures_in(path: str) -> Iterator[tuple[str, int]]:
    """The address and generation of the pictures that a file has rows about. Raises Damaged."""
    with FileSystems.open(path) as file:
        content = file.read()
    try:
        columns = pq.read_table(io.BytesIO(content), columns=["uri", "generation"])
    except pa.ArrowException as error:
        raise Damaged(
            f"{path} is no table of a run: delete it, and its pictures are segmented again"
        ) from error
    return zip(*(column.to_pylist() for column in columns), strict=True)


def _question_in(path: str, content: bytes) -> dict[str, object]:
    try:
        return dict(json.loads(content))
    except (ValueError, TypeError) as error:
        raise Damaged(f"{path} is no question of a run: name another output, or delete the folder") from error


def _stem(path: str) -> str:
    return path.rpartition("/")[2].partition(".")[0]


def _remove(path: str) -> None:
    if FileSystems.exists(path):
        FileSystems.delete([path])


def _matching(pattern: str) -> list[str]:
    (matched,) = FileSystems.match([pattern])
    return [found.path for found in matched.metadata_list]


def _write(path: str, content: bytes) -> None:
    from google.resumable_media import InvalidResponse  # which is no error of Cloud Storage's own

    try:
        with FileSystems.create(path, compression_type="uncompressed") as file:
            file.write(content)
    except InvalidResponse as error:
        status = error.response.status_code
        raise OSError(f"{path} cannot be written: Cloud Storage answers with status {status}") from error
