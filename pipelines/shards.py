"""Shards: small sets of pictures that are segmented and written together, or not at all.

Which pictures form a shard depends on nothing but the pictures, and its name on nothing but its members. So a
shard that is segmented twice, because a worker was lost or was slow, replaces its own files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.pvalue import AsSingleton, PCollection

from pipelines.pictures import Picture


class Shard(NamedTuple):
    """Pictures whose rows are written as one file.

    Attributes:
        name: 16 hexadecimal digits.
        pictures: in the order of their addresses.
    """

    name: str
    pictures: list[Picture]


def shard_of(pictures: Iterable[Picture]) -> Shard:
    """The shard with these members."""
    members = sorted(pictures)
    return Shard(_digest("\n".join(picture.key for picture in members)), members)


class NotYetWritten(beam.PTransform):
    """Of the pictures listed, those that no row was written about; each once, however often it was listed."""

    def __init__(self, written: PCollection[str]) -> None:
        super().__init__()
        self._written = written

    def expand(self, listed: PCollection[Picture]) -> PCollection[Picture]:
        """Join the pictures with the keys that were written."""
        keyed = listed | "KeyPictures" >> beam.Map(lambda picture: (picture.key, picture))
        done = self._written | "KeyWritten" >> beam.Map(lambda key: (key, None))
        joined = {"listed": keyed, "written": done} | beam.CoGroupByKey()
        return joined | "Choose" >> beam.FlatMap(_if_not_written)


class InShards(beam.PTransform):
    """The pictures, in shards of about `size`."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size

    def expand(self, pictures: PCollection[Picture]) -> PCollection[Shard]:
        """Group the pictures by a hash of their addresses."""
        count = pictures | beam.combiners.Count.Globally()
        return (
            pictures
            | "NumberShards" >> beam.Map(_numbered, count=AsSingleton(count), size=self._size)
            | beam.GroupByKey()
            | "MakeShards" >> beam.MapTuple(lambda number, members: shard_of(members))
        )


def _if_not_written(joined: tuple[str, dict[str, Iterable[Any]]]) -> Iterator[Picture]:
    _, found = joined
    listed = list(found["listed"])
    if listed and not list(found["written"]):
        yield listed[0]


def _numbered(picture: Picture, count: int, size: int) -> tuple[int, Picture]:
    return int(_digest(picture.key), 16) % -(-count // size), picture


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
