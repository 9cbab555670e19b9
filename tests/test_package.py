"""The wheel: what is in it, and that it segments and serves where the project's folder is not."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from email import message_from_bytes
from pathlib import Path
from zipfile import ZipFile

import pytest
from server import UWSGI, started, wait_until

ROOT = Path(__file__).parents[1]
PACKAGES = ("app", "front", "imgaug", "model", "mrcnn")
SAMPLE = Path("app/static/samples/fluorescence.png")
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's folder without what git ignores: what an earlier build left would be in this one too."""
    ignored = [line.rstrip("/") for line in (ROOT / ".gitignore").read_text().splitlines()]
    folder = tmp_path_factory.mktemp("source") / "maskserve"
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".git", *ignored))
    return folder


@pytest.fixture(scope="module")
def wheel(source: Path) -> Path:
    subprocess.run(
        [*PIP, "wheel", source, "--no-deps", "--no-build-isolation", "--no-index", "-w", source / "dist"],
        check=True,
    )
    (built,) = (source / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which it is installed, by itself; what it depends on is in this environment."""
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run([*PIP, "install", wheel, "--no-deps", "--no-index", "--target", folder], check=True)
    return folder


def environment_of(installed: Path, folder: Path) -> dict[str, str]:
    """Variables with which programs find the installed packages, and keep what they write in `folder`."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("MASKSERVE_")}
    return {**ours, "PYTHONPATH": str(installed), "XDG_DATA_HOME": str(folder)}


def test_it_holds_the_packages_with_their_data_and_nothing_else(source: Path, wheel: Path) -> None:
    paths = [path.relative_to(source) for name in PACKAGES for path in (source / name).rglob("*")]
    expected = {path.as_posix() for path in paths if (source / path).is_file()}
    with ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    (configuration,) = (name for name in names if name.endswith(".data/data/share/maskserve/uwsgi.ini"))
    assert names - {configuration} == expected


def test_it_names_its_licence_and_requires_what_the_pins_say(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        (path,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        facts = message_from_bytes(archive.read(path))
    assert facts.get_all("License-File") == ["LICENSE", "NOTICE"]
    assert facts["License-Expression"] == "Apache-2.0"
    required = [line.partition(";")[0].strip() for line in facts.get_all("Requires-Dist", [])]
    extras = {
        "train": pins_of("requirements-train.txt"),
        "experiments": [*pins_of("requirements-train.txt"), *pins_of("requirements-experiments.txt")],
    }
    expected = [*pins_of("requirements-serve.txt"), *extras["train"], *extras["experiments"]]
    assert sorted(required) == sorted(expected)
    assert sorted(facts.get_all("Provides-Extra", [])) == sorted(extras)


def pins_of(name: str) -> list[str]:
    lines = (line.partition("#")[0].strip() for line in (ROOT / name).read_text().splitlines())
    return [line for line in lines if line]


def test_it_segments_elsewhere_even_beside_files_with_its_packages_names(
    installed: Path, tmp_path: Path
) -> None:
    for name in PACKAGES:
        (tmp_path / f"{name}.py").write_text("raise SystemExit('this is the wrong module')\n")
    ended = subprocess.run(
        [installed / "bin" / "maskserve", "segment", ROOT / SAMPLE, "--format", "json", "--out", tmp_path],
        cwd=tmp_path,
        env=environment_of(installed, tmp_path),
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    answer = json.loads((tmp_path / "fluorescence.json").read_text())
    assert len(answer["segments"]) > 10


def test_its_command_goes_by_the_name_that_was_typed(installed: Path, tmp_path: Path) -> None:
    ended = subprocess.run(
        [installed / "bin" / "maskserve", "models", "--help"],
        cwd=tmp_path,
        env=environment_of(installed, tmp_path),
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("usage: maskserve models ")
    assert "`maskserve models`" in ended.stdout


@pytest.mark.skipif(not UWSGI.exists(), reason="uWSGI is not installed")
def test_its_uwsgi_ini_serves_elsewhere(installed: Path, tmp_path: Path) -> None:
    with started(
        tmp_path / "log",
        configuration=installed / "share" / "maskserve" / "uwsgi.ini",
        module="app:create_app()",
        **environment_of(installed, tmp_path),
    ) as server:
        wait_until(lambda: server.answers("/readyz"), 60)
        status, _, body = server.segment((ROOT / SAMPLE).read_bytes())
        assert status == 200
        assert len(json.loads(body)["segments"]) > 10
        assert server.request("GET", "/")[0] == 200
        assert server.request("GET", "/static/viewer/main.js")[0] == 200
