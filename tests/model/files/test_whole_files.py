"""A file takes its place whole, and what was half written goes."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from model.files.whole_files import whole_file


def test_a_file_takes_its_place_whole(tmp_path: Path) -> None:
    place = tmp_path / "a.json"
    place.write_text("old")
    with whole_file(place) as part:
        part.write_text("new")
        assert place.read_text() == "old"
    assert place.read_text() == "new"
    assert list(tmp_path.iterdir()) == [place]


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left"), ValueError("no"), KeyboardInterrupt()]
)
def test_whatever_is_raised_the_old_file_stays_and_the_half_goes(
    tmp_path: Path, error: BaseException
) -> None:
    place = tmp_path / "a.json"
    place.write_text("old")
    with pytest.raises(type(error)) as raised, whole_file(place) as part:
        part.write_text("ne")
        raise error
    assert list(tmp_path.iterdir()) == [place]
    assert place.read_text() == "old"
    if isinstance(raised.value, OSError):  # which said nothing of the file
        assert (raised.value.errno, raised.value.filename) == (errno.ENOSPC, str(place))
