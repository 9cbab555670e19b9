"""A version is tried out before a process that serves loads it, one change at a time."""

from __future__ import annotations

import multiprocessing
import tempfile
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from versions.bundles import make, open_stub

from app.errors import NotAgreed, Refused
from app.monitoring.processes import Processes
from app.versions import alone, here
from app.versions.alone import Alone
from app.versions.changes import Changes
from app.versions.trials import Trials
from app.versions.version import Version
from app.versions.versions import Loaded, Versions
from model.storage.manifest import BundleError
from model.trial.process import TrialTimedOut


class Tried:
    """Stands in for the process of a trial, and loads without a network."""

    def __init__(self, processes: Processes | None = None) -> None:
        make("1")
        self.events: list[tuple[str, str]] = []
        self.failure: Exception | None = None
        self.folders: set[Path | None] = set()
        self.versions = Versions()
        self.changes = Changes(self.versions, self._open, processes, self._try_out)
        self.changes.begin(Loaded([open_stub("cells@1")]))

    def _try_out(self, full_name: str, folder: Path) -> None:
        assert folder.is_dir() and folder.stat().st_mode & 0o077 == 0  # nobody else may write there
        (folder / "compiled.blob").write_bytes(b"code")
        self.folders.add(folder)
        self.events.append(("try", full_name))
        if self.failure is not None:
            raise self.failure

    def _open(self, full_name: str, folder: Path | None) -> Version:
        assert folder is not None and (folder / "compiled.blob").exists()
        self.folders.add(folder)
        self.events.append(("load", full_name))
        return open_stub(full_name)

    def loaded(self) -> list[str]:
        assert self.versions.loaded
        return [one.full_name for one in self.versions.loaded]


@pytest.fixture(params=["alone", "together"])
def tried(request: pytest.FixtureRequest, models: Path, tmp_path: Path) -> Tried:
    """A service of one process, without and with a folder for several."""
    return Tried(Processes(tmp_path / "shared") if request.param == "together" else None)


def test_a_version_is_tried_out_first_and_what_that_compiled_is_gone_afterwards(tried: Tried) -> None:
    make("2")
    tried.changes.load("cells@2")
    tried.changes.load("cells@2")  # it is loaded: nothing to do
    assert tried.events == [("try", "cells@2"), ("load", "cells@2")]
    (folder,) = tried.folders
    assert folder is not None and not folder.exists()


@pytest.mark.parametrize(
    ("failure", "raised", "state"),
    [
        (BundleError("it fails its self-test"), Refused, "failed"),
        (TrialTimedOut("cells@2 was not loaded within 150 seconds"), NotAgreed, None),
        (OSError("no processes left"), NotAgreed, None),
    ],
)
def test_a_version_that_does_not_pass_is_loaded_by_no_process(
    tried: Tried, failure: Exception, raised: type[Exception], state: str | None
) -> None:
    make("2")
    tried.failure = failure
    with pytest.raises(raised, match=str(failure)):
        tried.changes.load("cells@2")
    assert ("load", "cells@2") not in tried.events
    assert tried.loaded() == ["cells@1"]
    told = tried.changes.states().get("cells@2")
    assert (told.state if told else None) == state
    assert not any(folder.exists() for folder in tried.folders if folder)


def try_out_for_ever(shared: Path | None, temporary: str, parent: Connection) -> None:
    """What a process does that is killed during a trial; tells `parent` its folder."""

    def hang(full_name: str, folder: Path) -> None:
        (folder / "compiled.blob").write_bytes(b"code")
        parent.send(folder)
        time.sleep(600)

    tempfile.tempdir = temporary
    with Trials(shared, hang).passed("cells@2", "0" * 64):
        pass


@pytest.mark.parametrize("together", [False, True])
def test_what_a_killed_process_compiled_is_removed_when_the_next_one_starts(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, together: bool
) -> None:
    make("1")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    processes = Processes(tmp_path / "shared") if together else None
    shared = processes.folder if processes else None
    ours, theirs = multiprocessing.Pipe()
    trying = multiprocessing.get_context("spawn").Process(
        target=try_out_for_ever, args=(shared, str(tmp_path), theirs)
    )

    def start_another() -> None:
        Changes(Versions(), open_stub, processes).begin(Loaded([open_stub("cells@1")]))

    trying.start()
    assert ours.poll(60)
    folder = ours.recv()
    start_another()
    assert [path.name for path in folder.iterdir()] == ["compiled.blob"]  # of a process that lives
    trying.kill()
    trying.join()
    assert folder.exists()
    start_another()
    assert not folder.exists()


def test_other_classes_are_refused_without_a_trial(tried: Tried) -> None:
    make("2", classes=["background", "fibre", "cell"])
    with pytest.raises(Refused, match="give the model another name"):
        tried.changes.load("cells@2")
    assert tried.events == []


def test_a_load_that_hangs_in_this_process_is_given_up_and_the_next_one_works(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make("1")
    for version in ("2", "3"):
        make(version)
    goes_on = threading.Event()

    def open_or_hang(full_name: str, _: Path | None) -> Version:
        if full_name == "cells@2":
            goes_on.wait(60)
        late = open_stub(full_name)
        opened.append(late)
        return late

    opened: list[Version] = []
    monkeypatch.setattr(here, "LOAD_SECONDS", 0.3)
    versions = Versions()
    changes = Changes(versions, open_or_hang, Processes(tmp_path / "shared"))
    changes.begin(Loaded([open_stub("cells@1")]))
    with pytest.raises(Refused, match=r"cells@2 was not loaded within 0\.3 seconds"):
        changes.load("cells@2")
    monkeypatch.setattr(here, "LOAD_SECONDS", 60)
    changes.load("cells@3")
    goes_on.set()
    while not any(one.full_name == "cells@2" and not one.take() for one in opened):  # its memory is freed
        pass


def test_what_one_process_lacks_is_no_reason_to_refuse_other_versions(models: Path, tmp_path: Path) -> None:
    make("1")
    first = make("2")
    make("3")
    processes = Processes(tmp_path / "shared")
    earlier = Changes(Versions(), open_stub, processes)
    earlier.begin(Loaded([open_stub("cells@1")]))
    earlier.load("cells@2")
    for path in first.iterdir():  # since the others have loaded it
        path.unlink()

    versions = Versions()
    later = Changes(versions, open_stub, processes)
    later.begin(Loaded([open_stub("cells@1")]))
    later.load("cells@3")

    assert versions.loaded
    assert [one.full_name for one in versions.loaded] == ["cells@1", "cells@3"]


def test_one_change_waits_for_another_but_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = Alone(tmp_path), Alone(tmp_path)  # as in two processes
    monkeypatch.setattr(alone, "_WAIT_SECONDS", 0.3)
    with one.held(), one.held(), pytest.raises(NotAgreed, match="Another change"), other.held():
        pass
    with other.held():
        pass
