"""A process that changes versions again and again needs no more memory than before."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

CHANGES = """
import sys, threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from model import malloc
malloc.tune()  # first, as the service does
from app.versions.version import Version
from app.versions.versions import Loaded, Versions
from model.pictures import read
from model.segmenter import load

def resident():
    malloc.trim()
    # Without what was compiled, which is mapped from a file that all processes share.
    return int(Path("/proc/self/status").read_text().split("RssAnon:")[1].split()[0])

def opened(cache=None):
    with ThreadPoolExecutor(1) as thread:
        return Version("nuclei", thread.submit(load, "nuclei", threads=1, tested=True, cache=cache).result())

def answer():
    with ThreadPoolExecutor(2) as clients:
        for _ in range(4):
            clients.submit(versions.loaded.named("nuclei").segmenter.segment, picture)

picture = read("app/static/samples/fluorescence.png")
versions, cache = Versions(), Path(sys.argv[1])
versions.replace(Loaded([opened()]))
answer()
before = resident()
for _ in range(3):
    versions.replace(Loaded([opened(cache)]))
    while versions.unloading:
        threading.Event().wait(0.01)
    answer()
print(resident() / before)
"""

GAPS = """
from model import malloc
malloc.tune()
malloc.trim()
before = malloc.resident()
blocks = [bytes(100_000) for _ in range(2000)]
del blocks[::2]
gaps = malloc.resident() - before
malloc.trim_if_grown()
print((malloc.resident() - before) / gaps)
"""


def number_from(script: str, *arguments: str | Path) -> float:
    """The number that the script prints in a process of its own."""
    if not Path("/proc/self/statm").exists():
        pytest.skip("resident memory is read from /proc, which this system does not have")
    words = [sys.executable, "-c", script, *arguments]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True, timeout=600)
    return float(done.stdout.split()[-1])


def test_changes_of_versions_leave_no_more_memory_in_use(tmp_path: Path) -> None:
    assert number_from(CHANGES, tmp_path) <= 1.02


def test_gaps_between_blocks_in_use_are_given_back_once_they_are_large() -> None:
    assert number_from(GAPS) < 0.6
