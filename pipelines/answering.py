"""Answering: from a picture's address to its row, with the model of this process."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import NamedTuple

from model.answering import find
from model.answers.choosing import Candidate
from model.answers.finding import Finding
from model.files.in_order import in_order
from model.formats.registry import Options
from model.pictures import PictureTooLarge
from model.pictures.isolation.decoders import Decoders, decoders_of_this_process
from model.segmenter import Segmenter, load
from model.storage.manifest import BundleError, Manifest
from pipelines.errors import code_and_message
from pipelines.outputs import Outputs
from pipelines.pictures import Picture, read
from pipelines.question import DRAWN, Question
from pipelines.rows import Row, error_row, row_of

_READ_AHEAD = 4
"""Files that are read at a time, while pictures are processed: Cloud Storage takes a while to answer."""

_PAUSES = (1.0, 10.0)
"""Seconds until a picture is tried again for which there was not enough memory."""


class Answer(NamedTuple):
    """What is written about a picture.

    Attributes:
        row: its row.
        drawn: the files that show it, by name of their option.
        milliseconds: how long each stage took.
    """

    row: Row
    drawn: dict[str, bytes]
    milliseconds: dict[str, float]


@dataclass(frozen=True)
class Answerer:
    """A loaded model, and what it is asked.

    Files are decoded in processes of their own, so that one which crashes its decoder is an error row.
    """

    segmenter: Segmenter
    candidate: Candidate
    decoders: Decoders
    question: Question
    outputs: Outputs

    @property
    def manifest(self) -> Manifest:
        return self.segmenter.bundle.manifest

    @classmethod
    def load(cls, question: Question, outputs: Outputs, threads: int | None) -> Answerer:
        """Load the model; `threads` as in `model.segmenter.load`. Raises as that does."""
        segmenter = load(
            question.model,
            precision=question.precision,
            threads=threads,
            tested=True,
        )
        wishes = question.wishes(segmenter.bundle.manifest)
        return cls(segmenter, Candidate(segmenter, wishes), decoders_of_this_process(), question, outputs)

    def answers_to(self, pictures: list[Picture]) -> Iterator[Answer]:
        """The answer about each picture, in order."""
        for picture, content in in_order(self._read, pictures, _READ_AHEAD):
            yield self._answer(picture, content)

    def _read(self, picture: Picture) -> bytes:
        if picture.length > self.question.max_bytes:
            raise PictureTooLarge(
                f"The file has {picture.length:,} bytes, more than max_bytes, which is "
                f"{self.question.max_bytes:,}."
            )
        for folder in self.question.drawn:
            self.outputs.check_name(folder, picture.uri)
        return read(picture)

    def _answer(self, picture: Picture, content: Future[bytes]) -> Answer:
        try:
            finding = self._find_patiently(content.result())
            drawn = {name: DRAWN[name].write(finding, Options()) for name in self.question.drawn}
            return Answer(row_of(picture, finding), drawn, finding.stopwatch.milliseconds)
        except BundleError:  # the model is broken, which is no picture's fault
            raise
        except Exception as error:
            return Answer(error_row(picture, self.manifest, *code_and_message(picture.uri, error)), {}, {})

    def _find_patiently(self, data: bytes) -> Finding:
        for pause in _PAUSES:
            try:
                return self._find(data)
            except MemoryError:  # another process has it for now, or the machine is overloaded
                time.sleep(pause)
        return self._find(data)

    def _find(self, data: bytes) -> Finding:
        question = self.question
        return find(
            data,
            [self.candidate],
            gate=question.gate,
            shows_picture=any(DRAWN[name].shows_picture for name in question.drawn),
            picture_format="png" if question.drawn else None,
            limits=question.limits(),
            page=question.page,
            channel=question.channel,
            projection=question.projection,
            measured=question.measure,
            pixel_size=question.pixel_size,
            decode=self.decoders.decode,
        )
