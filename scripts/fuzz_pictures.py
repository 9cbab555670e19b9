"""Send mutants of pictures through `decode` and through the whole service: python -m scripts.fuzz_pictures

Each mutant may give a picture or a PictureError (through the service: any status below 500, and then the next
good request works), in bounded time and memory. A child process does it, so that a codec that crashes is
noticed and its mutant is known; it goes on behind that one. `--first N --count 1` is mutant N alone.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

from model.pictures import Limits, PictureError, decode
from tests.mutants import mutant, pictures

MAX_PIXELS = 1_000_000

# Of a mutant: far over what a million pixels take, far below what a machine notices.
MOST_BYTES = 128 << 20
MOST_SECONDS = 10.0

# What the child may map at all: an allocation without bounds fails in it and does not fill the machine.
_ADDRESS_SPACE = 8 << 30


@dataclass
class Outcome:
    """What became of the mutants.

    Attributes:
        answers: how many ended in each way: a picture, an error's name or a status.
        complaints: a line for each that broke a rule.
        most_seconds: of one mutant.
        most_bytes: by which resident memory rose during one mutant.
        grown_bytes: by which it rose from the first hundred to the last.
    """

    answers: Counter[str] = field(default_factory=Counter)
    complaints: list[str] = field(default_factory=list)
    most_seconds: float = 0.0
    most_bytes: int = 0
    grown_bytes: int = 0


def decode_mutant(data: bytes, number: int) -> str:
    """How `decode` ends; pages and channels vary with the number. Raises what is no PictureError."""
    page, channel = (number // 7) % 3 * (number % 2), None if number % 3 else number % 5
    try:
        rgb = decode(data, Limits(max_pixels=MAX_PIXELS, max_frames=50), page=page, channel=channel)
    except PictureError as error:
        return type(error).__name__
    if rgb.shape[0] * rgb.shape[1] > MAX_PIXELS:
        raise AssertionError(f"a picture of {rgb.shape} is beyond the limit")
    return "a picture"


def posting() -> Callable[[bytes, int], str]:
    """What posts a mutant to a service with a stub for a model, then a good picture."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "app"))
    from stub_segmenter import StubSegmenter

    from app import create_app
    from app.settings import Settings

    client = create_app({"stub": StubSegmenter()}, Settings(max_pixels=MAX_PIXELS)).test_client()  # type: ignore[dict-item]
    good = pictures()["png"]

    def post(data: bytes, number: int) -> str:
        status = client.post("/api/v1/segment", data=data, content_type="image/png").status_code
        if status >= 500:
            raise AssertionError(f"status {status}")
        after = client.post("/api/v1/segment", data=good, content_type="image/png").status_code
        if after != 200:
            raise AssertionError(f"status {after} of the good picture after it")
        return str(status)

    return post


def fuzz(first: int, count: int, through_app: bool) -> Outcome:
    """Send `count` mutants from number `first` on."""
    outcome = Outcome()
    context = multiprocessing.get_context("spawn")
    number, end = first, first + count
    while number < end:
        ours, theirs = context.Pipe(duplex=False)
        child = context.Process(target=_child, args=(number, end, through_app, theirs))
        child.start()
        theirs.close()
        number = _watch(ours, number, outcome)
        child.join(5)
        if child.is_alive():
            child.kill()
            child.join()
            outcome.complaints.append(f"{number}, {mutant(number)[0]}: it hung and was killed")
        elif child.exitcode:
            outcome.complaints.append(f"{number}, {mutant(number)[0]}: the process died ({child.exitcode})")
        number += 1
    return outcome


def _watch(reports: Connection, number: int, outcome: Outcome) -> int:
    """Note what the child reports until it ends or hangs; the number of the mutant that it last began."""
    try:
        while reports.poll(60 + 10 * MOST_SECONDS):
            what, *values = reports.recv()
            if what == "begin":
                (number,) = values
                continue
            if what == "end":
                break
            answer, seconds, rise, grown, complaint = values
            outcome.answers[answer] += 1
            outcome.most_seconds = max(outcome.most_seconds, seconds)
            outcome.most_bytes = max(outcome.most_bytes, rise)
            outcome.grown_bytes = grown
            if complaint:
                outcome.complaints.append(f"{number}, {mutant(number)[0]}: {complaint}")
    except EOFError:  # it died
        pass
    return number


def _child(first: int, end: int, through_app: bool, reports: Connection) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE, _ADDRESS_SPACE))
    warnings.simplefilter("ignore")  # Pillow warns of corrupt metadata
    take = posting() if through_app else decode_mutant
    for data in pictures().values():  # every codec has what it keeps
        take(data, 0)
    settled = 0
    for number in range(first, end):
        reports.send(("begin", number))
        _, data = mutant(number)
        Path("/proc/self/clear_refs").write_text("5")  # the peak of resident memory begins anew
        before, started, complaint = _resident("VmRSS"), time.perf_counter(), ""
        try:
            answer = take(data, number)
        except Exception as error:  # the point of it all
            answer, complaint = "a complaint", f"{type(error).__name__}: {error}"
        seconds, rise = time.perf_counter() - started, _resident("VmHWM") - before
        if seconds > MOST_SECONDS:
            complaint += f" it took {seconds:.1f} s"
        if rise > MOST_BYTES:
            complaint += f" it took {rise >> 20} MiB"
        if number < first + 100:
            settled = _resident("VmRSS")
        reports.send(("done", answer, seconds, rise, _resident("VmRSS") - settled, complaint))
    reports.send(("end",))


def _resident(which: str) -> int:
    """Bytes of this process in memory: VmRSS now, VmHWM at the peak."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(which))
    return int(line.split()[1]) << 10


def main() -> int:
    """Fuzz as the command line asks; 1 if there is a complaint."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--first", type=int, default=0, help="number of the first mutant (0)")
    parser.add_argument("--count", type=int, default=10_000, help="how many (10,000)")
    parser.add_argument("--app", action="store_true", help="through the whole service")
    arguments = parser.parse_args()
    started = time.perf_counter()
    outcome = fuzz(arguments.first, arguments.count, arguments.app)
    print(*outcome.complaints, sep="\n")
    print(", ".join(f"{answer}: {count:,}" for answer, count in outcome.answers.most_common()))
    took = time.perf_counter() - started
    print(
        f"{sum(outcome.answers.values()):,} mutants in {took:.0f} s; of one, at most"
        f" {outcome.most_seconds:.2f} s and {outcome.most_bytes / 2**20:.0f} MiB;"
        f" resident memory grew by {outcome.grown_bytes / 2**20:.1f} MiB,"
        f" {len(outcome.complaints)} complaints"
    )
    return 1 if outcome.complaints else 0


if __name__ == "__main__":
    sys.exit(main())
