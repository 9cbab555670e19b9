"""Versions are loaded and unloaded while the service runs; one that cannot be served changes nothing."""

from __future__ import annotations

import json
import multiprocessing
import shutil
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from versions.bundles import break_manifest, make, open_stub

from app.errors import ModelNotFound, NotReady, Refused
from app.monitoring.processes import Processes
from app.versions.changes import Changes, State
from app.versions.versions import Loaded, Versions


@pytest.fixture
def versions(models: Path) -> Versions:
    """Those that a service has loaded: version 1 of the model "cells"."""
    make("1")
    return Versions()


@pytest.fixture
def changes(versions: Versions) -> Changes:
    changes = Changes(versions, open_stub, None)
    changes.begin(Loaded([open_stub("cells@1")]))
    return changes


def loaded(versions: Versions) -> list[str]:
    assert versions.loaded
    return [version.full_name for version in versions.loaded]


def test_a_version_is_loaded_beside_the_others_and_is_the_newest(
    changes: Changes, versions: Versions
) -> None:
    make("2")
    make("10")
    assert changes.load("cells@2") == "cells@2"
    assert changes.load("cells") == "cells@10"
    assert loaded(versions) == ["cells@1", "cells@2", "cells@10"]
    assert versions.lease("cells", "somebody").version.version == "10"
    assert set(changes.labelled_states()) == {("cells", number, "ready") for number in ("1", "2", "10")}


def test_another_model_can_be_loaded(changes: Changes, versions: Versions) -> None:
    make("1", "yeast", classes=["background", "bud", "scar"])
    changes.load("yeast")
    assert loaded(versions) == ["cells@1", "yeast@1"]
    assert versions.lease(None, "somebody").version.name == "cells"  # still the default


def test_loading_what_is_loaded_loads_only_files_that_have_changed(
    changes: Changes, versions: Versions
) -> None:
    before = versions.lease("cells", "somebody").version
    changes.load("cells")
    assert versions.lease("cells", "somebody").version is before
    make("1", description="trained for longer")
    changes.load("cells")
    assert versions.lease("cells", "somebody").version is not before
    assert loaded(versions) == ["cells@1"]


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"description": "broken"}, "fails its self-test"),
        ({"classes": ["background", "fibre", "cell"]}, "give the model another name"),
        ({"task": "semantic", "family": "semantic", "config": {}}, "cells/2/model.json"),
    ],
)
def test_a_version_that_cannot_be_served_is_refused_and_the_old_one_serves_on(
    changes: Changes, versions: Versions, values: dict[str, object], reason: str
) -> None:
    make("2", **values)
    with pytest.raises(Refused, match=reason):
        changes.load("cells@2")
    assert loaded(versions) == ["cells@1"]
    failed = changes.states()["cells@2"]
    assert (failed.state, reason in (failed.reason or "")) == ("failed", True)


def test_a_wrong_hash_and_a_broken_manifest_are_refused(changes: Changes, versions: Versions) -> None:
    (make("2") / "model.weights.h5").write_bytes(b"Weights")
    with pytest.raises(Refused, match="sha256 differs"):
        changes.load("cells@2")
    break_manifest(make("3"))
    with pytest.raises(Refused, match="cannot be read"):
        changes.load("cells@3")
    assert loaded(versions) == ["cells@1"]


def test_a_refused_version_is_loaded_once_it_is_mended(changes: Changes) -> None:
    make("2", description="broken")
    with pytest.raises(Refused):
        changes.load("cells@2")
    make("2")
    changes.load("cells@2")
    assert changes.states()["cells@2"] == State("ready")


def test_a_refused_version_is_forgotten_when_it_is_unloaded(changes: Changes, versions: Versions) -> None:
    make("2", description="broken")
    break_manifest(make("3"))
    for name in ("cells@2", "cells"):
        with pytest.raises(Refused):
            changes.load(name)
    assert {name for name, state in changes.states().items() if state.state == "failed"} == {
        "cells@2",
        "cells@3",
    }
    assert changes.unload("cells@2") == ["cells@2"]
    assert "cells@2" not in changes.states()
    make("4")
    changes.load("cells@4")
    make("1", "yeast")
    changes.load("yeast")
    assert changes.unload("cells") == ["cells@1", "cells@4", "cells@3"]
    assert "failed" not in {state.state for state in changes.states().values()}


def test_versions_and_whole_models_are_unloaded_but_never_the_last(
    changes: Changes, versions: Versions
) -> None:
    make("2")
    make("1", "yeast")
    changes.load("cells@2")
    changes.load("yeast")
    assert changes.unload("cells@2") == ["cells@2"]
    assert loaded(versions) == ["cells@1", "yeast@1"]
    assert changes.unload("cells") == ["cells@1"]
    assert versions.lease(None, "somebody").version.full_name == "yeast@1"
    with pytest.raises(Refused, match="all that is loaded"):
        changes.unload("yeast")
    for missing in ("cells", "yeast@2"):
        with pytest.raises(ModelNotFound):
            changes.unload(missing)


def test_a_version_that_traffic_goes_to_is_not_unloaded(changes: Changes, versions: Versions) -> None:
    make("2")
    changes.load("cells@2")
    changes.kept = lambda: ["cells@1"]
    with pytest.raises(Refused, match="traffic settings name cells@1"):
        changes.unload("cells@1")
    changes.replace("cells@2", "any")
    assert loaded(versions) == ["cells@1", "cells@2"]


def test_a_version_that_is_still_used_is_listed_as_unloading(changes: Changes, versions: Versions) -> None:
    make("2")
    changes.load("cells@2")
    choice = versions.lease("cells@2", "somebody")
    changes.unload("cells@2")
    assert changes.states()["cells@2"] == State("unloading")
    choice.version.give_back()


def test_nothing_can_be_changed_before_the_first_models_are_loaded(versions: Versions) -> None:
    with pytest.raises(NotReady):
        Changes(versions, open_stub, None).load("cells")


def test_a_process_that_starts_later_serves_what_has_been_agreed_and_what_it_found_only_if_it_must(
    models: Path, tmp_path: Path
) -> None:
    make("1")
    make("2")
    digest = open_stub("cells@1").digest
    agreed = {"models": {"cells": {"1": digest}}, "asked": [], "unloaded": {}}
    folder = tmp_path / "shared" / "agreed-versions"
    folder.mkdir(parents=True)
    (folder / "agreed").write_text(json.dumps({"number": 7, "value": agreed}))
    assert served_by_a_process_that_starts_now(tmp_path / "shared") == (["cells@1"], 1)
    shutil.rmtree(models / "cells" / "1")  # better another version than none
    assert served_by_a_process_that_starts_now(tmp_path / "shared") == (["cells@2"], 1)


def served_by_a_process_that_starts_now(folder: Path) -> Any:
    """The versions that it serves, and how often they have changed; it inherits no locks of threads here."""
    spawn = multiprocessing.get_context("spawn")
    told, tell = spawn.Pipe(duplex=False)
    process = spawn.Process(target=start_with_version_2, args=(folder, tell), daemon=True)
    process.start()
    assert told.poll(60)
    served = told.recv()
    process.join()
    return served


def start_with_version_2(folder: Path, tell: Connection) -> None:
    """What a process of the service does that starts now and has found version 2; tells what it serves."""
    versions = Versions()
    changes = Changes(versions, open_stub, Processes(folder))
    changes.begin(Loaded([open_stub("cells@2")]))
    tell.send((loaded(versions), versions.number))


def test_models_are_served_even_if_the_processes_folder_cannot_be_used(models: Path, tmp_path: Path) -> None:
    make("1")
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "agreed-versions").touch()  # where a folder should be made
    processes = SimpleNamespace(folder=tmp_path / "shared")
    versions = Versions()
    changes = Changes(versions, open_stub, processes)  # type: ignore[arg-type]
    changes.begin(Loaded([open_stub("cells@1")]))
    assert loaded(versions) == ["cells@1"]
    with pytest.raises(NotReady, match="the log says why"):
        changes.load("cells")
