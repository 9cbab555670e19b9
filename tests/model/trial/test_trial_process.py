"""A version is tried out in a process of its own, which compiles it for the processes that serve."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from model import catalog
from model.segmenter import load
from model.storage.manifest import BundleError
from model.trial import process
from model.trial.process import TrialTimedOut, try_out


def test_what_a_trial_compiled_need_not_be_compiled_again(tmp_path: Path) -> None:
    try_out("nuclei", None, None, 1, tmp_path)
    compiled = sorted(tmp_path.glob("*.blob"))
    assert len(compiled) >= 3  # a file for each stage, at least
    before = [path.stat().st_ctime_ns for path in compiled]
    load("nuclei", threads=1, tested=True, cache=tmp_path)
    assert sorted(tmp_path.glob("*.blob")) == compiled
    assert [path.stat().st_ctime_ns for path in compiled] == before


def test_a_version_that_cannot_be_served_is_refused_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MASKSERVE_MODEL_DIR", str(tmp_path))
    shipped = catalog.find("people")
    with catalog.new_bundle("people") as folder:
        for name in shipped.manifest.files:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((shipped.folder / name).read_bytes())
        (folder / "model.json").write_bytes((shipped.folder / "model.json").read_bytes())
    damaged = tmp_path / "people" / next(name for name in shipped.manifest.files if name.endswith(".bin"))
    damaged.write_bytes(b"nothing")
    with pytest.raises(BundleError, match="sha256 differs"):
        try_out("people", None, None, 1, tmp_path / "compiled")


def test_a_version_that_ends_its_process_or_hangs_harms_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_CHILD", "doomed_trial")
    with pytest.raises(BundleError, match=r"killed@1 ended the process that tried it out .*enough memory"):
        try_out("killed@1", None, None, 1, tmp_path)
    with pytest.raises(BundleError, match="status 0"):
        try_out("leaving@1", None, None, 1, tmp_path)
    monkeypatch.setattr(process, "_TO_END", 0.1)
    with pytest.raises(BundleError, match="closed its connection, and did not end"):
        try_out("speechless@1", None, None, 1, tmp_path)
    monkeypatch.setattr(process, "LONGEST", 0.5)
    began = time.monotonic()
    with pytest.raises(TrialTimedOut, match=r"hanging@1 was not loaded within 0\.5 seconds"):
        try_out("hanging@1", None, None, 1, tmp_path)
    assert time.monotonic() - began < 60
