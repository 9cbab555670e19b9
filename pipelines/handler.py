"""Handler: how Beam's RunInference loads a bundle, once in each process, and runs it on shards.

RunInference gives a model batches of examples. An example here is a whole shard: its pictures are decoded one
after the other, whatever their sizes, and their rows are written together once the last of them is there.
Examples of one picture each would have to be grouped again, and no runner gives out a group before the last
picture of all has been segmented: a run that was stopped would have written nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from apache_beam.ml.inference.base import ModelHandler

from pipelines.answering import Answerer
from pipelines.counting import Counting
from pipelines.outputs import Outputs
from pipelines.question import Question
from pipelines.rows import Row
from pipelines.shards import Shard


class SegmentedShard(NamedTuple):
    """The rows about the pictures of a shard, in the order of its pictures.

    Attributes:
        name: of the shard.
        rows: with and without errors.
    """

    name: str
    rows: list[Row]


class SegmenterHandler(ModelHandler[Shard, SegmentedShard, Answerer]):
    """Segments shards; writes what is drawn about a picture at once, rather than keep it in memory."""

    def __init__(self, question: Question, outputs: Outputs, threads: int | None) -> None:
        super().__init__()
        self._question = question
        self._outputs = outputs
        self._threads = threads

    def load_model(self) -> Answerer:
        return Answerer.load(self._question, self._outputs, self._threads)

    def batch_elements_kwargs(self) -> dict[str, int]:
        return {"min_batch_size": 1, "max_batch_size": 1}

    def get_metrics_namespace(self) -> str:
        return "maskserve_inference"  # here of whole shards; see `Counting` for pictures

    def run_inference(
        self, batch: Sequence[Shard], model: Answerer, inference_args: dict[str, Any] | None = None
    ) -> Iterator[SegmentedShard]:
        """Segment the shards, with the model that `load_model` has returned."""
        counting = Counting()
        for shard in batch:
            rows: list[Row] = []
            for answer in model.answers_to(shard.pictures):
                for folder, content in answer.drawn.items():
                    self._outputs.write_drawn(folder, answer.row["uri"], content)
                counting.count(answer.row, answer.milliseconds)
                rows.append(answer.row)
            yield SegmentedShard(shard.name, rows)
