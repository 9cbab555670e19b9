"""The hash of a data set follows its files' content and names, and nothing else."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from model.data.fingerprint import fingerprint
from model.data.sample import DataError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files in folders."""
    place = tmp_path / "data"
    for name, text in {"images/a.png": "one", "labels/a.png": "two", "empty.txt": ""}.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)
    return place


def rename_to_other_case(folder: Path) -> None:
    (folder / "images/a.png").rename(folder / "images/b.png")


def swap_contents(folder: Path) -> None:
    (folder / "images/a.png").write_text("two")
    (folder / "labels/a.png").write_text("one")


def move_a_boundary(folder: Path) -> None:
    """The same bytes one after another, but in other files."""
    (folder / "images/a.png").write_text("on")
    (folder / "labels/a.png").write_text("etwo")


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "images/a.png").write_text("onE"),
        lambda folder: (folder / "images/b.png").write_text("three"),
        lambda folder: (folder / "empty.txt").unlink(),
        rename_to_other_case,
        swap_contents,
        move_a_boundary,
    ],
)
def test_it_changes_with_every_change_of_the_files(folder: Path, change: Callable[[Path], object]) -> None:
    before = fingerprint(folder)
    change(folder)
    assert fingerprint(folder) != before


def test_it_is_the_same_for_a_copy_in_another_place_of_another_time(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere" / "renamed"
    shutil.copytree(folder, copy)
    for path in copy.rglob("*"):
        os.utime(path, (0, 0))
    (copy / ".DS_Store").write_text("of macOS")
    (copy / "images/Thumbs.db").write_text("of Windows")

    assert fingerprint(copy) == fingerprint(folder)
    assert len(fingerprint(copy)) == 64


def test_it_looks_through_symbolic_links(folder: Path, tmp_path: Path) -> None:
    links = tmp_path / "links"
    (links / "labels").mkdir(parents=True)
    (links / "images").symlink_to(folder / "images")  # a folder
    (links / "labels/a.png").symlink_to(folder / "labels/a.png")
    (links / "empty.txt").symlink_to(folder / "empty.txt")

    assert fingerprint(links) == fingerprint(folder)

    (links / "images").unlink()
    (links / "images").symlink_to(links)  # a folder that contains itself
    assert fingerprint(links) != fingerprint(folder)


def test_a_link_to_nothing_is_named(folder: Path) -> None:
    (folder / "labels/b.png").symlink_to("moved-away.png")

    with pytest.raises(DataError, match=r"labels/b\.png cannot be read: there is no such file"):
        fingerprint(folder)


def test_a_json_stands_for_the_pictures_that_it_names(tmp_path: Path) -> None:
    coco = {
        "images": [{"id": 1, "file_name": "a.png", "width": 8, "height": 8}],
        "categories": [{"id": 1, "name": "cell"}],
        "annotations": [],
    }
    (tmp_path / "coco.json").write_text(json.dumps(coco))
    for name in ("a.png", "other.png"):
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    before = fingerprint(tmp_path / "coco.json")

    Image.new("RGB", (8, 8), "red").save(tmp_path / "other.png")
    assert fingerprint(tmp_path / "coco.json") == before

    Image.new("RGB", (8, 8), "red").save(tmp_path / "a.png")
    assert fingerprint(tmp_path / "coco.json") != before
