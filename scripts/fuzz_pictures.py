"""Send mutants of pictures to decoder processes, or to a service: python -m scripts.fuzz_pictures

Each mutant must give a picture or a PictureError (from the service: 200, 400, 413, 415 or 422), in bounded
time and memory, and the next valid picture must work. Decoders that crash are counted. Mutants are
reproducible: `--only N` sends mutant N again.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import os
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks.exchange import exchange
from benchmarks.kinds import Ask
from benchmarks.service import running
from model.pictures import Limits, PictureError, whole
from model.pictures.isolation.decoders import Decoders
from scripts.decoder_watch import DecoderWatch
from tests.mutants import mutant, pictures

MAX_PIXELS = 1_000_000
EACH = 300

# Limits for a mutant of that many pixels: far above what is needed, far below what would be a problem.
MOST_BYTES = 300 << 20
MOST_CPU_SECONDS = 5.0
MOST_SECONDS = 60.0  # on a busy machine

_STATUSES = {200, 400, 413, 415, 422}

Take = Callable[[bytes, int], str]
"""Handles a mutant with a number; returns how it ended, raises if it broke a rule."""


@dataclass
class Outcome:
    """How the mutants ended.

    Attributes:
        answers: number of mutants by how they ended: a picture, the name of an error, or a status.
        deaths: number of crashed decoders, by signal or exit status.
        complaints: a line for each mutant that broke a rule.
        broke: numbers of those mutants, and of those that crashed a decoder.
        most_cpu_seconds: the most CPU time that a decoder used for one mutant.
        most_bytes: the most resident memory that a decoder used.
        most_seconds: the longest time to an answer.
    """

    answers: Counter[str] = field(default_factory=Counter)
    deaths: Counter[str] = field(default_factory=Counter)
    complaints: list[str] = field(default_factory=list)
    broke: set[int] = field(default_factory=set)
    most_cpu_seconds: float = 0.0
    most_bytes: int = 0
    most_seconds: float = 0.0

    def add(self, other: Outcome) -> None:
        """Add the outcome of another process."""
        self.answers += other.answers
        self.deaths += other.deaths
        self.complaints += other.complaints
        self.broke |= other.broke
        self.most_cpu_seconds = max(self.most_cpu_seconds, other.most_cpu_seconds)
        self.most_bytes = max(self.most_bytes, other.most_bytes)
        self.most_seconds = max(self.most_seconds, other.most_seconds)


def decoding(max_pixels: int = MAX_PIXELS) -> Take:
    """Decodes mutants in a decoder process; page and channel vary with the number."""
    decoders = Decoders()
    limits = Limits(max_pixels=max_pixels, max_frames=50)

    def take(data: bytes, number: int) -> str:
        page, channel = (number // 7) % 3 * (number % 2), None if number % 3 else number % 5
        try:
            image = decoders.decode(data, whole, limits, page=page, channel=channel).image
        except PictureError as error:
            return type(error).__name__
        if image.shape[0] * image.shape[1] > max_pixels:
            raise AssertionError(f"the picture, {image.shape}, exceeds the limit")
        return "a picture"

    return take


def posting() -> Take:
    """Posts mutants to the app with a stub as model."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "app"))
    from stub_segmenter import StubSegmenter

    from app import create_app
    from app.configuration.settings import Settings

    client = create_app({"stub": StubSegmenter()}, Settings(max_pixels=MAX_PIXELS)).test_client()  # type: ignore[dict-item]

    def take(data: bytes, number: int) -> str:
        status = client.post("/api/v1/segment", data=data, content_type="image/png").status_code
        return _checked(status)

    return take


def sending(port: int) -> Take:
    """Sends mutants to a running service."""

    def take(data: bytes, number: int) -> str:
        page = (number // 7) % 3 * (number % 2)
        return _checked(
            exchange(port, Ask("mutant", f"/api/v1/segment?model=people&page={page}", data)).status
        )

    return take


def _checked(status: int) -> str:
    if status not in _STATUSES:
        raise AssertionError(f"status {status}" if status else "no answer")
    return str(status)


def fuzz(numbers: Iterable[int], take: Take) -> Outcome:
    """Send mutants one after the other, and a valid picture after each that breaks something."""
    outcome = Outcome()
    good = pictures()["png"]
    wanted = take(good, 0)
    with DecoderWatch() as watch:
        for number in numbers:
            name, data = mutant(number)
            watch.begin()
            started, complaints = time.perf_counter(), []
            try:
                outcome.answers[take(data, number)] += 1
            except Exception as error:  # any exception is a finding
                complaints.append(f"{type(error).__name__}: {error}")
            seconds, cost = time.perf_counter() - started, watch.cost()
            outcome.most_seconds = max(outcome.most_seconds, seconds)
            outcome.most_cpu_seconds = max(outcome.most_cpu_seconds, cost.cpu_seconds)
            outcome.most_bytes = max(outcome.most_bytes, cost.bytes)
            outcome.deaths.update(cost.deaths)
            if seconds > MOST_SECONDS or cost.cpu_seconds > MOST_CPU_SECONDS:
                complaints.append(f"it took {seconds:.1f} s, {cost.cpu_seconds:.1f} s of the decoder")
            if cost.bytes > MOST_BYTES:
                complaints.append(f"it took {cost.bytes >> 20} MiB")
            if complaints or cost.deaths:
                outcome.broke.add(number)
                if (after := take(good, 0)) != wanted:
                    complaints.append(f"the good picture after it: {after}")
            outcome.complaints += [f"{number}, {name}: {complaint}" for complaint in complaints]
    return outcome


def _fuzz_apart(numbers: range, max_pixels: int) -> Outcome:
    warnings.simplefilter("ignore")
    logging.getLogger("model").propagate = False  # it logs each decoder that crashes
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # C codecs print a message for every broken picture
    return fuzz(numbers, decoding(max_pixels))


def _fuzz_decoders(numbers: range, max_pixels: int, processes: int) -> Outcome:
    """Distribute the mutants over several processes, each with decoders of its own."""
    outcome = Outcome()
    shares = [numbers[start :: processes * _PIECES] for start in range(processes * _PIECES)]
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        for done, share in enumerate(pool.map(partial(_fuzz_apart, max_pixels=max_pixels), shares), start=1):
            outcome.add(share)
            print(f"{done} of {len(shares)}: {_summary(outcome)}", file=sys.stderr, flush=True)
    return outcome


_PIECES = 10
"""Number of parts per process; progress is printed after each."""


def _fuzz_service(numbers: range, max_pixels: int) -> Outcome:
    with running(MASKSERVE_MAX_PIXELS=str(max_pixels)) as server:
        outcome = fuzz(numbers, sending(server.port))
        if server.process.poll() is not None:
            outcome.complaints.append("the service ended")
    return outcome


def _summary(outcome: Outcome) -> str:
    answers = ", ".join(f"{answer}: {count:,}" for answer, count in outcome.answers.most_common())
    deaths = ", ".join(f"{count} by {how}" for how, count in outcome.deaths.most_common())
    return (
        f"{sum(outcome.answers.values()):,} mutants: {answers}. Of one, at most"
        f" {outcome.most_seconds:.2f} s, {outcome.most_cpu_seconds:.2f} s and"
        f" {outcome.most_bytes / 2**20:.0f} MiB of a decoder. Decoders died: {deaths or 'none'}."
        f" {len(outcome.complaints)} complaints."
    )


def main() -> int:
    """Run with the arguments of the command line; returns 1 if there is a complaint."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--each",
        type=int,
        default=EACH,
        help=f"mutants of each of the {len(pictures())} pictures (default: {EACH})",
    )
    parser.add_argument("--first", type=int, default=0, help="number of the first mutant (default: 0)")
    parser.add_argument("--only", type=int, help="send only the mutant with this number")
    parser.add_argument("--service", action="store_true", help="start a service and send the mutants to it")
    parser.add_argument(
        "--max-pixels", type=int, default=MAX_PIXELS, help="largest picture, in pixels (default: %(default)s)"
    )
    parser.add_argument(
        "--processes",
        type=int,
        default=len(os.sched_getaffinity(0)),
        help="processes to use (default: %(default)s)",
    )
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="folder to save mutants that break something"
    )
    arguments = parser.parse_args()
    numbers = range(arguments.first, arguments.first + arguments.each * len(pictures()))
    if arguments.only is not None:
        numbers = range(arguments.only, arguments.only + 1)
    if arguments.service:
        outcome = _fuzz_service(numbers, arguments.max_pixels)
    else:
        outcome = _fuzz_decoders(numbers, arguments.max_pixels, min(arguments.processes, len(numbers)))
    print(*outcome.complaints, _summary(outcome), sep="\n")
    if arguments.keep:
        arguments.keep.mkdir(parents=True, exist_ok=True)
        for number in sorted(outcome.broke):
            (arguments.keep / str(number)).write_bytes(mutant(number)[1])
    return 1 if outcome.complaints else 0


if __name__ == "__main__":
    sys.exit(main())
