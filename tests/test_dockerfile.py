"""The Dockerfile, read: what must be so is held here without building it; `make image` builds and runs it."""

from __future__ import annotations

import fnmatch
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import imagecodecs
import pytest

from app.configuration.settings import DEFINITIONS, READ_ELSEWHERE
from scripts.vertex_train import COMMAND

ROOT = Path(__file__).parents[1]
HADOLINT = Path(sys.executable).with_name("hadolint")


@dataclass
class Stage:
    """One stage: what it begins from, its name, and its instructions in order."""

    base: str
    name: str
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def all(self, word: str) -> list[str]:
        return [rest for name, rest in self.instructions if name == word]

    def only(self, word: str) -> str:
        (rest,) = self.all(word)
        return rest


def read() -> tuple[dict[str, str], dict[str, Stage]]:
    """The arguments before the first stage with their defaults, and the stages by name."""
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    text = "\n".join(line for line in lines if not line.startswith("#")).replace("\\\n", " ")
    arguments: dict[str, str] = {}
    stages: dict[str, Stage] = {}
    stage = Stage("", "")
    for line in filter(None, text.splitlines()):
        word, rest = line.split(maxsplit=1)
        if word == "FROM":
            base, name = re.fullmatch(r"(\S+) AS (\S+)", rest).groups()  # type: ignore[union-attr]
            stage = stages[name] = Stage(base, name)
        elif not stages:
            name, _, default = rest.partition("=")
            arguments[name] = default
        else:
            stage.instructions.append((word, rest))
    return arguments, stages


ARGUMENTS, STAGES = read()
SERVE = list(STAGES.values())[-1]


def lineage(stage: Stage) -> list[Stage]:
    """A stage, and those below it."""
    below = STAGES.get(stage.base)
    return [stage, *(lineage(below) if below else [])]


def sources_of(stage: Stage) -> list[str]:
    """What it copies from the folder that is built in."""
    copies = [rest.split() for rest in stage.all("COPY") if not rest.startswith("--from")]
    words = [word for *sources, _ in copies for word in sources]
    return [re.sub(r"\$\{(\w+)\}", lambda found: ARGUMENTS[found[1]], word) for word in words]


def is_ignored(path: str) -> bool:
    """Whether .dockerignore keeps it out: the last pattern that fits a path or a folder above it decides."""
    ignored = False
    above = [str(folder) for folder in Path(path).parents][:-1]
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.removeprefix("!").removeprefix("**/")
        names = [path, *above] if "**/" not in line else Path(path).parts
        if line and not line.startswith("#") and any(fnmatch.fnmatch(name, pattern) for name in names):
            ignored = not line.startswith("!")
    return ignored


def test_the_last_stage_serves_so_that_a_build_without_a_target_does() -> None:
    assert SERVE.name == "serve"
    assert {"train", "serve"} <= set(STAGES)


def test_every_stage_begins_from_one_base_that_is_named_by_digest_and_can_be_another() -> None:
    assert re.fullmatch(r"\S+/python:3\.\d+\.\d+-slim-\w+@sha256:[0-9a-f]{64}", ARGUMENTS["BASE"])
    others = {"beam": "${BEAM}", "launcher": "${LAUNCHER}"}
    assert {name: STAGES[name].base for name in others} == others
    assert {lineage(stage)[-1].base for name, stage in STAGES.items() if name not in others} == {"${BASE}"}


def test_the_serving_image_runs_nothing_that_installs_and_takes_packages_of_serving_alone() -> None:
    for stage in lineage(SERVE):
        assert not [rest for rest in stage.all("RUN") if re.search(r"\b(apt|apt-get|pip|gcc)\b", rest)]
    packages = next(rest for rest in SERVE.all("COPY") if "/opt/venv" in rest)
    assert packages.startswith("--from=packages-serve ")
    installed = [source for stage in lineage(STAGES["packages-serve"]) for source in sources_of(stage)]
    assert installed == ["locks/serve.txt"]
    assert sources_of(STAGES["packages-train"]) == ["locks/train.txt"]
    assert sources_of(STAGES["packages-bulk"]) == ["locks/bulk.txt"]


def test_only_what_was_locked_is_installed() -> None:
    commands = [rest for stage in STAGES.values() for rest in stage.all("RUN") if "-m pip " in rest]
    assert len(commands) == 3
    assert all(" install " in command and " --require-hashes " in command for command in commands)


def test_a_model_without_compiled_stages_fails_the_build(tmp_path: Path) -> None:
    check = STAGES["bundle"].only("RUN").replace("/bundles", str(tmp_path))
    (tmp_path / "parts").mkdir()
    command = ["sh", "-c", check]
    refused = subprocess.run(
        command, env={"MODEL": "parts", "PATH": os.environ["PATH"]}, capture_output=True, text=True
    )
    assert refused.returncode == 1
    assert refused.stderr == "Model parts has no compiled stages. Run: python -m model export parts\n"
    (tmp_path / "parts" / "openvino").mkdir()
    assert subprocess.run(command, env={"MODEL": "parts", "PATH": os.environ["PATH"]}).returncode == 0


def test_what_serving_requires_has_no_tensorflow() -> None:
    lines = (ROOT / "requirements-serve.txt").read_text().splitlines()
    names = {re.split(r"[=<>\[ ]", line)[0] for line in lines if not line.startswith("#")}
    assert "openvino" in names
    assert not {name for name in names if re.match(r"-r|tensorflow|keras|nncf", name)}


def test_what_is_left_of_imagecodecs_reads_every_kind_of_tiff(tmp_path: Path) -> None:
    packages = Path(imagecodecs.__file__).parents[1]
    for name in ("imagecodecs", "imagecodecs.libs"):
        shutil.copytree(packages / name, tmp_path / name)
    (command,) = (rest for rest in STAGES["packages-serve"].all("RUN") if "imagecodecs" in rest)
    subprocess.run(["sh", "-c", command.replace("/opt/venv", str(tmp_path))], check=True)
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.so*")) < 35e6
    script = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
import imagecodecs
from model.pictures import decode
from tests.mutants import pictures
assert imagecodecs.__file__.startswith({str(tmp_path)!r})
for name, data in pictures().items():
    if name.startswith("tiff"):
        decode(data)
"""
    ended = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("stage", ["serve", "train"])
def test_it_runs_as_a_fixed_user_by_number_who_can_write_to_tmp_alone(stage: str) -> None:
    users = [user for below in lineage(STAGES[stage]) for user in below.all("USER")]
    assert users == ["10001:10001"]  # Kubernetes' runAsNonRoot takes no name
    environment = " ".join(below_env for below in lineage(STAGES[stage]) for below_env in below.all("ENV"))
    assert "HOME=/tmp " in environment
    assert "MASKSERVE_MODEL_DIR=/tmp/models " in environment


def test_it_sets_only_variables_of_the_service_that_there_are() -> None:
    environment = " ".join(rest for stage in STAGES.values() for rest in stage.all("ENV"))
    known = {definition.name for definition in DEFINITIONS} | set(READ_ELSEWHERE)
    assert set(re.findall(r"MASKSERVE_\w+", environment)) <= known


@pytest.mark.parametrize("stage", STAGES.values(), ids=lambda stage: stage.name)
def test_all_that_is_copied_is_there_and_not_ignored(stage: Stage) -> None:
    for source in sources_of(stage):
        assert (ROOT / source).exists(), source
        assert not is_ignored(source), source
    for copied in re.findall(r"--from=(\S+)", " ".join(stage.all("COPY"))):
        assert copied in STAGES


@pytest.mark.parametrize(
    ("path", "ignored"),
    [
        (".git/HEAD", True),
        (".venv/bin/python", True),
        ("docs/api.md", True),
        ("tests/test_dockerfile.py", True),
        ("benchmarks/report.py", True),
        ("runs/nuclei/last.weights.h5", True),
        ("requirements-dev.txt", True),
        ("locks/dev.txt", True),
        ("locks/serve.txt", False),
        ("app/__pycache__/body.cpython-311.pyc", True),
        ("app/static/samples/tissue.png", False),
        ("model/bundles/nuclei/model.json", False),
        ("models/parts/model.json", False),  # for MODEL=parts
        ("uwsgi.ini", False),
        ("scripts/train_from_bucket.py", False),
        ("scripts/deploy.sh", True),
    ],
)
def test_only_what_may_be_copied_is_sent_to_the_build(path: str, ignored: bool) -> None:
    assert is_ignored(path) == ignored


def test_it_is_asked_stopped_and_started_as_the_service_expects() -> None:
    assert SERVE.only("EXPOSE") == "8080"  # the default of uwsgi.ini
    assert SERVE.only("STOPSIGNAL") == "SIGTERM"
    assert SERVE.only("ENTRYPOINT") == '["uwsgi", "uwsgi.ini"]'
    assert SERVE.only("HEALTHCHECK").endswith('CMD ["python", "-I", "app/probe.py"]')
    assert (ROOT / "app/probe.py").exists()


def test_the_training_image_has_what_a_job_runs() -> None:
    assert "--from=code /job ./" in STAGES["train"].all("COPY")
    copied = sources_of(STAGES["code"])
    module = COMMAND[-1].replace(".", "/") + ".py"
    assert module in copied
    source = (ROOT / module).read_text()
    needed = {f"scripts/{name}.py" for name in re.findall(r"^from scripts\.(\w+)", source, re.MULTILINE)}
    assert needed <= set(copied)
    assert STAGES["train"].only("ENTRYPOINT") == '["python", "-m", "model"]'


def test_the_image_for_bulk_runs_starts_them_and_is_that_of_beam_s_workers() -> None:
    bulk = STAGES["bulk"]
    assert bulk.only("ENTRYPOINT") == '["/opt/apache/beam/boot"]'
    environment = bulk.only("ENV")
    (place,) = bulk.all("WORKDIR")
    file = re.search(r"FLEX_TEMPLATE_PYTHON_PY_FILE=(\S+)", environment)[1]  # type: ignore[index]
    assert (ROOT / Path(file).relative_to(place)).is_file()
    assert f"PYTHONPATH={place} " in environment
    assert "RUN_PYTHON_SDK_IN_DEFAULT_ENVIRONMENT=1 " in environment  # else workers would not see /opt/venv
    (locked,) = re.findall(
        r"^apache-beam(?:\[gcp\])?==(\S+)", (ROOT / "locks/bulk.txt").read_text(), re.MULTILINE
    )
    python = ARGUMENTS["BASE"].split(":")[1].rpartition(".")[0]
    assert ARGUMENTS["BEAM"] == f"docker.io/apache/beam_python{python}_sdk:{locked}"
    assert f"/python{python.replace('.', '')}-template-launcher-base:" in ARGUMENTS["LAUNCHER"]


@pytest.mark.skipif(not HADOLINT.exists(), reason="hadolint is not installed")
@pytest.mark.parametrize("file", ["Dockerfile", "scripts/gcp/builder/Dockerfile"])
def test_hadolint_finds_nothing(file: str) -> None:
    found = subprocess.run([HADOLINT, ROOT / file], capture_output=True, text=True)
    assert found.returncode == 0, found.stdout
