"""deploy/dataflow/launch.py: what it asks of Dataflow."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from gcloud_lint import complaints, gcloud_commands
from gcloud_messages import complaint
from workspace import ROOT, Workspace

SCRIPT = "deploy/dataflow/launch.py"
IMAGE = "europe-west1-docker.pkg.dev/my-project/maskserve/bulk@sha256:" + "ab" * 32
TEMPLATE = "gs://cells/bulk/templates/segment-images-abababababab.json"
RUN = ("run", "my-project", IMAGE, "--bucket", "gs://cells/bulk")
WORDS = ("--input=gs://cells/a/**.png,gs://cells/b/*.tif", "--output=gs://cells/out")


@pytest.fixture
def cloud(workspace: Workspace) -> Workspace:
    workspace.stand_in("gcloud")
    shutil.copytree(ROOT / "pipelines", workspace.path / "pipelines")
    return workspace


def run(workspace: Workspace, *words: str) -> subprocess.CompletedProcess[str]:
    return workspace.run(sys.executable, SCRIPT, *words)


def test_a_run_has_the_template_of_its_image_and_all_options(cloud: Workspace) -> None:
    ended = run(cloud, *RUN, "--flexrs", "--", *WORDS, "--coco", "--measure=shape,intensity")

    assert ended.returncode == 0, ended.stderr
    (called,) = cloud.calls("gcloud dataflow flex-template run")
    assert f"--template-file-gcs-location={TEMPLATE}" in called
    parameters = f"{'|'.join(word[2:] for word in WORDS)}|coco=true|measure=shape,intensity"
    assert f"--parameters=^|^{parameters}|sdk_container_image={IMAGE}" in called.replace("'", "")
    assert "--flexrs-goal=COST_OPTIMIZED" in called


def test_the_template_is_made_of_the_image_and_its_metadata(cloud: Workspace) -> None:
    assert run(cloud, "template", *RUN[1:]).returncode == 0

    (called,) = cloud.calls("gcloud dataflow flex-template build")
    assert f"build {TEMPLATE} --image={IMAGE} --sdk-language=PYTHON" in called
    assert called.split("--metadata-file=")[1].split()[0].endswith("pipelines/metadata.json")


def test_the_metadata_is_what_dataflow_expects() -> None:
    metadata = json.loads((ROOT / "pipelines" / "metadata.json").read_text())
    assert complaint("dataflow.v1b3", "TemplateMetadata", metadata) == ""
    assert complaint("dataflow.v1b3", "TemplateMetadata", {**metadata, "parameter": []}) != ""
    for one in metadata["parameters"]:
        assert one["label"]
        assert one["helpText"].endswith((".", "png"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((*WORDS, "--overlay"), "there is no option --overlay; there are: --input, "),
        ((*WORDS, "--threshold=high"), "--threshold=high does not match"),
        ((*WORDS, "--input=plates/*.png"), "--input=plates/*.png does not match ^gs://"),
        ((*WORDS, "--input=gs://cells/*.png,plates/*.png"), "does not match ^gs://"),
        ((*WORDS, "--gate=maybe"), "--gate=maybe is none of off, warn, refuse"),
        ((*WORDS, "--coco=yes"), "--coco=yes is none of true, false"),
        ((*WORDS, "--measure"), "expected --measure=VALUE"),
        (WORDS[:1], "a folder with --output"),
        ((), "name the pictures with --input"),
    ],
)
def test_what_is_wrong_is_said_before_anything_starts(
    cloud: Workspace, words: tuple[str, ...], said: str
) -> None:
    ended = run(cloud, *RUN, "--", *words)

    assert ended.returncode == 1
    assert said in ended.stderr
    assert cloud.calls() == []


def test_an_image_without_a_digest_is_refused(cloud: Workspace) -> None:
    ended = run(cloud, "template", "my-project", "maskserve:latest", "--bucket=gs://cells/bulk")

    assert ended.returncode == 1
    assert "expected an image with a digest" in ended.stderr


@pytest.mark.parametrize("words", [("template", *RUN[1:]), (*RUN, "--", *WORDS)])
def test_a_dry_run_changes_nothing(cloud: Workspace, words: tuple[str, ...]) -> None:
    dry = run(cloud, *words[:5], "--dry-run", *words[5:])

    assert dry.returncode == 0, dry.stderr
    assert dry.stdout.startswith("would run: gcloud dataflow flex-template ")
    assert dry.stdout.endswith("Dry run: nothing was changed.\n")
    assert cloud.calls() == []


def test_gcloud_has_every_command_and_option(cloud: Workspace, tmp_path: Path) -> None:
    run(cloud, "template", *RUN[1:])
    private = (
        "--service-account=bulk@my-project.iam.gserviceaccount.com",
        "--subnetwork=regions/r/subnetworks/s",
    )
    run(cloud, *RUN, "--flexrs", *private, "--", *WORDS, "--label_maps")
    assert len(cloud.calls()) == 2
    assert complaints(gcloud_commands(cloud), tmp_path) == []
