"""A folder takes its place whole, and the one before it stays until then, whatever ends the process."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from model.files import whole_folders
from model.files.whole_folders import put_back, whole_folder

FILES = [f"part {number}" for number in range(20)]


def fill(folder: Path, content: str) -> None:
    for name in FILES:
        (folder / name).write_text(content)


def contents(folder: Path) -> set[str]:
    """What is in the files, of which all are there."""
    return {(folder / name).read_text() for name in FILES}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where an old folder stands."""
    with whole_folder(tmp_path / "place") as folder:
        fill(folder, "old")
    return tmp_path / "place"


@pytest.mark.parametrize(
    "names",
    [(), ("{folder}/model.h5",), ("elsewhere.h5", None, "{folder}/model.h5")],  # as h5py, open and shutil say
)
def test_a_full_disk_is_told_with_what_is_free_and_leaves_the_old_folder_alone(
    place: Path, names: tuple[str | None, ...]
) -> None:
    told = (
        rf"^{place.parent}: no space is left on the disk\. place needs more than the [\d,]+ MB that are free"
    )
    with pytest.raises(OSError, match=told), whole_folder(place) as folder:
        fill(folder, "new")
        raise OSError(errno.ENOSPC, "No space", *(name and name.format(folder=folder) for name in names))
    assert contents(place) == {"old"}
    assert list(place.parent.iterdir()) == [place]


def test_another_disk_that_is_full_is_the_one_that_is_named(place: Path) -> None:
    with pytest.raises(OSError, match="No space: '/elsewhere/a'"), whole_folder(place):
        raise OSError(errno.ENOSPC, "No space", "/elsewhere/a")


REPLACE = """
import errno, os, signal, sys
from pathlib import Path
from model.files import whole_folders

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job would ignore it
place, moment = Path(sys.argv[1]), int(sys.argv[2])

def cannot(*folders):
    raise OSError(errno.EINVAL, "no exchange")

if moment:  # kill this process after so many renames, on a disk that cannot exchange folders
    whole_folders._exchange = cannot
    rename, renames = os.rename, []
    def rename_and_die(*paths):
        rename(*paths)
        renames.append(paths)
        if len(renames) == moment:
            os.kill(os.getpid(), signal.SIGKILL)
    os.rename = rename_and_die

generation = 0
while True:
    generation += 1
    with whole_folders.whole_folder(place) as folder:
        for number in range(20):
            (folder / f"part {number}").write_text(f"new {generation}")
        print(generation, flush=True)
"""


def replacing(place: Path, moment: int = 0) -> subprocess.Popen[str]:
    """A process that replaces the folder again and again."""
    words = [sys.executable, "-c", REPLACE, str(place), str(moment)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3])


def test_killed_at_any_moment_it_leaves_one_whole_folder_and_the_next_clears_up(place: Path) -> None:
    chance = random.Random(0)
    for ending in [signal.SIGKILL, signal.SIGTERM, signal.SIGINT] * 2:
        with replacing(place) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(chance.uniform(0, 0.02))
            process.send_signal(ending)
        assert len(contents(place)) == 1
    with whole_folder(place) as folder:
        fill(folder, "newest")
    assert contents(place) == {"newest"}
    assert list(place.parent.iterdir()) == [place]


@pytest.mark.parametrize(("moment", "stands"), [(1, "old"), (2, "new 1")])
def test_killed_between_two_renames_where_folders_cannot_be_exchanged(
    place: Path, moment: int, stands: str
) -> None:
    with replacing(place, moment) as process:
        assert process.wait(60) == -signal.SIGKILL
    put_back(place.parent)
    assert contents(place) == {stands}


@pytest.fixture
def without_exchange(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def cannot(one: Path, other: Path) -> None:
        raise OSError(errno.EINVAL, "no exchange")

    monkeypatch.setattr(whole_folders, "_exchange", cannot)
    yield


def test_folders_that_cannot_be_exchanged_are_replaced_all_the_same(
    place: Path, without_exchange: None
) -> None:
    with whole_folder(place) as folder:
        fill(folder, "new")
    assert contents(place) == {"new"}
    assert list(place.parent.iterdir()) == [place]


def test_a_folder_that_cannot_take_its_place_leaves_the_old_one_there(
    place: Path, without_exchange: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = os.rename

    def full(source: Path, target: Path) -> None:
        if target == place and whole_folders.ASIDE not in str(source):
            raise OSError(errno.ENOSPC, "no space left")
        rename(source, target)

    monkeypatch.setattr(os, "rename", full)
    with pytest.raises(OSError, match="no space is left"), whole_folder(place) as folder:
        fill(folder, "new")
    assert contents(place) == {"old"}


def test_a_folder_that_another_process_is_filling_is_left_alone(place: Path) -> None:
    with whole_folder(place.with_name("first")) as first:
        with whole_folder(place.with_name("second")) as second:
            fill(second, "second")
        fill(first, "first")
    assert contents(place.with_name("first")) == {"first"}
    assert contents(place.with_name("second")) == {"second"}
