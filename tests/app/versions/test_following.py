"""New versions in a folder are served once they are whole and tested; bad ones are refused."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from versions.bundles import age, break_manifest, make, open_stub

from app.errors import NotAgreed, Refused
from app.versions import following
from app.versions.changes import Changes
from app.versions.following import Follower
from app.versions.places import FolderPlace
from app.versions.version import Version
from app.versions.versions import Loaded, Versions
from model.storage.manifest import MANIFEST

opened: list[str] = []


def open_counted(full_name: str, _: Path | None = None) -> Version:
    opened.append(full_name)
    return open_stub(full_name)


class Followed:
    """A service that has loaded version 1 of "cells" and follows its folder."""

    def __init__(self) -> None:
        make("1")
        opened.clear()
        self.versions = Versions()
        self.changes = Changes(self.versions, open_counted, None)
        self.changes.begin(Loaded([open_stub("cells@1")]))
        self.follower = Follower([FolderPlace("cells")], self.versions, self.changes, None)

    def look(self, times: int = 1) -> list[str]:
        """What is loaded after so many looks."""
        for _ in range(times):
            self.follower.look()
        assert self.versions.loaded
        return [version.full_name for version in self.versions.loaded]

    def reason(self, full_name: str) -> str | None:
        state = self.changes.states()[full_name]
        assert state.state == "failed"
        return state.reason


@pytest.fixture
def followed(models: Path) -> Followed:
    return Followed()


def test_a_new_version_takes_the_place_of_the_old_one(followed: Followed) -> None:
    assert followed.look() == ["cells@1"]
    make("2")
    assert followed.look() == ["cells@2"]
    assert followed.look(3) == ["cells@2"]
    assert opened == ["cells@2"]


def test_a_version_in_the_shadow_waits_until_it_no_longer_is(followed: Followed) -> None:
    make("2")
    followed.changes.shadowed = lambda: ["cells@2"]
    assert followed.look(2) == ["cells@1"]
    followed.changes.shadowed = tuple
    assert followed.look() == ["cells@2"]


def test_a_version_that_an_operator_loaded_stays_and_one_that_was_unloaded_does_not_come_back(
    followed: Followed,
) -> None:
    make("2")
    followed.changes.load("cells@2")
    make("3")
    assert followed.look() == ["cells@2", "cells@3"]
    followed.changes.unload("cells@3")
    assert followed.look(2) == ["cells@2"]
    make("4")
    assert followed.look() == ["cells@2", "cells@4"]


def test_a_version_that_is_withdrawn_gives_way_to_the_one_before(followed: Followed) -> None:
    newer = make("2")
    followed.look()
    shutil.rmtree(newer)
    assert followed.look() == ["cells@1"]


def test_a_bundle_that_is_replaced_in_its_place_is_loaded_again(followed: Followed) -> None:
    make("1", description="trained for longer")
    assert followed.look() == ["cells@1"]
    assert opened == ["cells@1"]


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"description": "broken"}, "fails its self-test"),
        ({"classes": ["background", "fibre", "cell"]}, "give the model another name"),
    ],
)
def test_a_version_that_cannot_be_served_is_refused_until_it_changes(
    followed: Followed, values: dict[str, object], reason: str
) -> None:
    folder = make("2", **values)
    assert followed.look(4) == ["cells@1"]
    assert reason in (followed.reason("cells@2") or "")
    tries = list(opened)
    age(folder)
    assert followed.look(2) == ["cells@1"]
    assert len(opened) == len(tries) + (1 if tries else 0)  # other classes are refused before it is loaded
    make("2")
    assert followed.look() == ["cells@2"]


def test_a_copy_in_progress_is_not_read_and_is_served_when_it_is_whole(followed: Followed) -> None:
    folder = make("2")
    weights = (folder / "model.weights.h5").read_bytes()
    (folder / "model.weights.h5").unlink()
    assert followed.look() == ["cells@1"]
    assert "cells@2" not in followed.changes.states()
    (folder / "model.weights.h5").write_bytes(weights[:3])
    assert followed.look() == ["cells@1"]
    assert "cells@2" not in followed.changes.states()  # it has changed between the two looks
    (folder / "model.weights.h5").write_bytes(weights)
    assert followed.look() == ["cells@2"]


@pytest.mark.parametrize("spoil", ["hash", "manifest", "deep manifest"])
def test_a_bad_copy_that_does_not_change_any_more_is_refused(followed: Followed, spoil: str) -> None:
    folder = make("2")
    if spoil == "hash":
        (folder / "model.weights.h5").write_bytes(b"Weights")
    elif spoil == "manifest":
        break_manifest(folder)
    else:
        (folder / MANIFEST).write_text("[" * 100_000)
    assert followed.look(2) == ["cells@1"]
    assert followed.reason("cells@2")
    assert opened == []


def test_a_refused_version_that_is_withdrawn_is_no_longer_failed(followed: Followed) -> None:
    folder = make("2", description="broken")
    followed.look()
    assert followed.reason("cells@2")
    shutil.rmtree(folder)
    followed.look()
    assert "cells@2" not in followed.changes.states()


def test_a_file_beside_the_models_is_followed(followed: Followed, models: Path) -> None:
    seen: list[bytes | None] = []

    def changed(text: bytes | None) -> None:
        seen.append(text)
        if text == b"bad":
            raise ValueError("no JSON")

    followed.follower.beside["traffic.json"] = changed
    followed.look()
    (models / "traffic.json").write_bytes(b"one")
    followed.look(2)
    (models / "traffic.json").write_bytes(b"bad")
    followed.look(2)
    (models / "traffic.json").unlink()
    followed.look(2)
    assert seen == [b"one", b"bad", None]


@pytest.mark.parametrize("error", [NotAgreed("a process ended"), OSError("no network")])
def test_a_file_that_cannot_be_followed_for_the_moment_is_tried_again(
    followed: Followed, models: Path, error: Exception
) -> None:
    errors = [error, error]

    def changed(text: bytes | None) -> None:
        if errors:
            raise errors.pop()

    followed.follower.beside["traffic.json"] = changed
    (models / "traffic.json").write_bytes(b"one")
    followed.look()
    assert len(errors) == 1
    followed.look(2)
    assert not errors


def test_a_file_that_names_a_version_is_tried_again_when_that_arrives(
    followed: Followed, models: Path
) -> None:
    tried: list[list[str]] = []

    def changed(text: bytes | None) -> None:
        tried.append(followed.versions.loaded.versions["cells"] if followed.versions.loaded else [])
        if len(tried) == 1:
            raise Refused("there is no version 2")

    followed.look()
    followed.follower.beside["traffic.json"] = changed
    (models / "traffic.json").write_bytes(b"cells@2")
    followed.look(3)
    assert len(tried) == 1
    make("2")
    followed.look(3)
    assert len(tried) == 2


def test_a_process_that_takes_over_leaves_alone_what_was_followed_before(
    followed: Followed, models: Path, tmp_path: Path
) -> None:
    seen: list[bytes | None] = []
    (models / "traffic.json").write_bytes(b"one")
    for _ in range(2):
        processes = SimpleNamespace(folder=tmp_path)
        follower = Follower([], followed.versions, followed.changes, None, [FolderPlace("cells")])
        follower._followed = following.Followed(processes)  # type: ignore[arg-type]
        follower.beside["traffic.json"] = seen.append
        follower.look()
    assert seen == [b"one"]
