"""Segments the pictures of buckets and folders on Apache Beam: python -m pipelines.segment_images --help.

It runs in Beam's local runner, on Dataflow, Flink or Spark. Started again with the same output, it goes on
with the pictures that no row is about. See docs/bulk.md.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import apache_beam as beam
from apache_beam.ml.inference.base import RunInference
from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions, StandardOptions
from apache_beam.pvalue import PCollection
from apache_beam.runners.runner import PipelineResult

from pipelines.counting import summary
from pipelines.handler import SegmenterHandler
from pipelines.options import BulkOptions
from pipelines.outputs import Outputs, keys_in
from pipelines.pictures import (
    Picture,
    absolute,
    absolute_pattern,
    addresses_in,
    picture_at,
    pictures_matching,
    refusals,
)
from pipelines.progress import Rows, progress
from pipelines.shards import InShards, NotYetWritten
from pipelines.writing import write_shard

LOCAL = "FnApiRunner"
"""Beam's runner in Python. Beam's default would download another one, which is written in Go."""
DATAFLOW = "DataflowRunner"
_AGAIN = "Run the same command again to go on."
_ENDING = threading.Lock()
"""Held by the thread that ends the process and has the last word."""


def pictures(pipeline: beam.Pipeline, options: BulkOptions, outputs: Outputs) -> PCollection[Picture]:
    """The pictures that the options name, without those that a run has drawn itself."""
    listings = []
    if options.input:
        patterns = pipeline | "Patterns" >> beam.Create(
            [absolute_pattern(pattern) for pattern in options.input]
        )
        matched = patterns | "Match" >> beam.FlatMap(pictures_matching)
        listings.append(matched | "Foreign" >> beam.Filter(lambda picture: not outputs.wrote(picture.uri)))
    if options.input_list:
        lists = pipeline | "Lists" >> beam.Create([absolute(options.input_list)])
        addresses = lists | "ReadList" >> beam.FlatMap(addresses_in) | "Spread" >> beam.Reshuffle()
        listings.append(addresses | "LookUp" >> beam.Map(picture_at))
    return listings | beam.Flatten()


def segment(pipeline: beam.Pipeline, options: BulkOptions, outputs: Outputs) -> PCollection[str]:
    """Segment the pictures that no row is about; returns the names of the shards that were written."""
    question = options.question()
    classes = question.check().classes if question.coco else None
    written = pipeline | "Tables" >> beam.Create([outputs]) | "ListTables" >> beam.FlatMap(Outputs.tables)
    keys = written | "SpreadTables" >> beam.Reshuffle() | "ReadKeys" >> beam.FlatMap(keys_in)
    return (
        pictures(pipeline, options, outputs)
        | "NotYetWritten" >> NotYetWritten(keys)
        | "InShards" >> InShards(options.shard_size)
        | "Segment" >> RunInference(SegmenterHandler(question, outputs, options.threads or None))
        | "Write" >> beam.Map(write_shard, outputs, classes)
    )


def main(words: Sequence[str]) -> int:
    """Run the pipeline; on Dataflow, only start it, since a template's launcher must not wait for it."""
    options = BulkOptions(words)  # which has --help list them
    _choose_runner(options, words)
    runner, bulk = options.view_as(StandardOptions).runner, options.view_as(BulkOptions)
    try:
        if runner == LOCAL:
            _refuse_unknown(options, words)
        bulk.check()
        outputs = Outputs(absolute(bulk.output).rstrip("/"))
        question = bulk.question()
        version = question.check().full_name
        listed = bulk.listed(outputs) if runner == LOCAL else set()
        outputs.prepare(replace(question, model=version))  # another version asks something else
        rows = Rows(outputs, listed) if runner == LOCAL else None
    except refusals() as error:
        print(f"segment_images: {error}", file=sys.stderr)
        return 2
    pipeline = beam.Pipeline(options=options)
    segment(pipeline, bulk, outputs)
    if runner == DATAFLOW:
        pipeline.run()
        return 0
    if rows is None:
        result = _finished(pipeline)
    else:
        _end_when_interrupted()
        _end_without_workers()
        try:
            with progress(rows):
                result = _finished(pipeline)
        except Exception as error:  # of a worker, as text with a traceback
            with _ENDING:
                reason = str(error).strip().rpartition("\n")[2]
                print(f"segment_images: the run has failed: {reason} {_AGAIN}", file=sys.stderr)
                return 1
    print(summary(result), file=sys.stderr)
    return 0


def _finished(pipeline: beam.Pipeline) -> PipelineResult:
    result = pipeline.run()
    result.wait_until_finish()
    return result


def _refuse_unknown(options: PipelineOptions, words: Sequence[str]) -> None:
    """Raise ValueError for a word that Beam would ignore."""
    parsers: list[argparse.ArgumentParser] = []
    options.get_all_options(add_extra_args_fn=parsers.append)
    _, unknown = parsers[0].parse_known_args(list(words))
    if unknown:
        raise ValueError(f"there is no option {unknown[0]}: see --help, and quote patterns with *")


def _end_when_interrupted() -> None:
    """End the run on Ctrl-C at once; Beam would wait for its workers."""
    signal.signal(signal.SIGINT, lambda *_: _end(f"interrupted. {_AGAIN}", 128 + signal.SIGINT))


def _end_without_workers() -> None:
    """End the run when a worker process was killed, for want of memory perhaps; Beam would wait for ever."""

    def end(failed: threading.ExceptHookArgs) -> None:
        if failed.thread and failed.thread.name == "run_worker":
            _end(f"a worker process has ended: {failed.exc_value}. {_AGAIN}", 1)
        usual(failed)

    usual, threading.excepthook = threading.excepthook, end


def _end(message: str, status: int) -> NoReturn:
    """End this process and those that it has started, which would complain at length."""
    _ENDING.acquire()
    threading.excepthook = lambda _: None
    for process in list(_started_by(os.getpid())):
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    print(f"\nsegment_images: {message}", file=sys.stderr, flush=True)
    os._exit(status)


def _started_by(process: int) -> Iterator[int]:
    """The processes below a process, where the system tells (Linux)."""
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, children.read_text().split()):
                yield from _started_by(child)
                yield child


def _choose_runner(options: PipelineOptions, words: Sequence[str]) -> None:
    """Without --runner, run here, with a process for each core."""
    standard = options.view_as(StandardOptions)
    standard.runner = standard.runner or LOCAL
    direct = options.view_as(DirectOptions)
    if standard.runner == LOCAL and not any(word.startswith("--direct_num_workers") for word in words):
        direct.direct_num_workers = len(os.sched_getaffinity(0))
    if direct.direct_num_workers > 1:
        direct.direct_running_mode = "multi_processing"


if __name__ == "__main__":
    logging.getLogger().setLevel(logging.ERROR)  # Beam's own warnings are of no use here
    exit_status = main(sys.argv[1:])
    sys.stderr.flush()
    # Beam leaves threads behind. One that is in C++ when Python's own end stops it would abort the process.
    os._exit(exit_status)
