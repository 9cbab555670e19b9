"""Files of counts take their place on the disk before they are written, or do without."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.monitoring import counts
from app.monitoring.counts import CountsFile


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """To a file that grows, this limit is what a full disk is."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def values_in(path: Path) -> dict[str, float]:
    return {key: value for key, value, *_ in CountsFile.read_all_values_from_file(str(path))}


def fill(file: CountsFile, number: int) -> dict[str, float]:
    written = {f"key {number} {'x' * 1000}": float(number) for number in range(number)}
    for key, value in written.items():
        assert file.read_value(key) == (0.0, 0.0)
        file.write_value(key, value, 0.0)
    return written


def test_a_file_has_all_of_its_bytes_on_the_disk_also_when_it_has_grown(tmp_path: Path) -> None:
    path = tmp_path / "counter_1.db"
    file = CountsFile(str(path))
    assert path.stat().st_blocks * 512 >= path.stat().st_size > 0
    written = fill(file, 600)
    assert path.stat().st_blocks * 512 >= path.stat().st_size > 600_000
    file.close()
    assert values_in(path) == written
    again = CountsFile(str(path))
    assert {key: again.read_value(key)[0] for key in written} == written
    again.close()


def test_what_finds_no_room_is_left_out_until_there_is_some(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "counter_1.db"
    with files_of_at_most(counts._BYTES):
        file = CountsFile(str(path))
        written = fill(file, 600)
        kept = values_in(path)
        assert 200 < len(kept) < 600 and kept.items() <= written.items()
        first, *_, last = written
        file.write_value(first, 7.0, 0.0)
        file.write_value(last, 8.0, 0.0)
        assert values_in(path) == {**kept, first: 7.0}
        assert caplog.text.count("missing from /metrics") == 1
    file.write_value(last, 9.0, 0.0)
    assert values_in(path) == {**kept, first: 7.0, last: 9.0}
    file.close()


def test_a_file_that_finds_no_room_at_all_is_an_error_and_leaves_nothing_half_made(tmp_path: Path) -> None:
    path = tmp_path / "counter_1.db"
    with files_of_at_most(1000), pytest.raises(OSError, match="File too large"):
        CountsFile(str(path))
    assert list(tmp_path.iterdir()) == []
    file = CountsFile(str(path))
    file.write_value("key", 1.0, 0.0)
    file.close()
    with files_of_at_most(1000):  # what it has is its own
        file = CountsFile(str(path))
        file.write_value("key", 2.0, 0.0)
        file.close()
    assert values_in(path) == {"key": 2.0}
