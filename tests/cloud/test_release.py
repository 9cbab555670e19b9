"""cloudbuild-deploy.yaml: which image it deploys, when it waits, and what it records."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from gcloud_lint import complaints, gcloud_commands
from kube_api import KubeApi
from pipeline import BUILD, DEPLOY, DIGEST, IMAGE, release
from workspace import ROOT, Workspace

OTHER = "sha256:" + "cd" * 32
RECORD = "gs://my-project-maskserve-releases/c0ffee"


def test_staging_deploys_what_the_trigger_has_built_of_this_commit(
    cloud: Workspace, cluster: KubeApi
) -> None:
    failed, said = release(cloud)
    assert failed is None, said
    (asked,) = cloud.calls("gcloud builds list --region=europe-west1 --filter=buildTriggerId=")
    assert "--filter=buildTriggerId=trigger-1 AND substitutions.COMMIT_SHA=c0ffee " in asked
    image = cluster.all("Deployment")["maskserve"]["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image == f"{IMAGE}@{DIGEST}"
    wanted = [
        "gcloud artifacts docker images describe",
        "gcloud container clusters get-credentials maskserve --region=europe-west1 --dns-endpoint",
        "kubectl --namespace=maskserve-staging apply",
        "kubectl --namespace=maskserve-staging rollout status deployment.apps/maskserve",
        "kubectl --namespace=maskserve-staging port-forward service/maskserve",
        f"gcloud artifacts docker tags add {IMAGE}@{DIGEST} {IMAGE}:staging",
        f"gcloud storage cp - {RECORD}",
    ]
    positions = [next(i for i, call in enumerate(cloud.calls()) if call.startswith(want)) for want in wanted]
    assert positions == sorted(positions)
    assert not cloud.calls("docker")


def test_the_build_of_the_image_is_waited_for(cloud: Workspace) -> None:
    cloud.stand_in("sleep")
    for answer in ("WORKING\t\n", "QUEUED\t\n", "\n"):
        cloud.answer("builds list .*buildTriggerId=", out=answer, once=True)
    failed, said = release(cloud, last="find")
    assert failed is None, said
    assert said.count("Waiting for the build of c0ffee") == len(cloud.calls("sleep")) == 3
    assert said.endswith(f"{IMAGE}@{DIGEST}\n")


def test_a_build_that_never_starts_does_not_hold_a_worker_for_more_than_two_hours(cloud: Workspace) -> None:
    cloud.stand_in("sleep")
    cloud.answer("builds list .*buildTriggerId=", out="QUEUED\t\n")
    failed, said = release(cloud, last="find")
    assert failed == "find"
    assert "has not ended in two hours" in said and "quota" in said
    assert sum(int(call.split()[1]) for call in cloud.calls("sleep")) == 2 * 60 * 60


def test_a_build_by_hand_can_be_named(cloud: Workspace) -> None:
    cloud.answer("builds describe b-7 ", out=f"SUCCESS\t{OTHER}\n")
    failed, said = release(cloud, last="find", _BUILD="b-7")
    assert failed is None, said
    assert said.endswith(f"{IMAGE}@{OTHER}\n")
    assert not cloud.calls("gcloud builds list")


def test_production_deploys_the_digest_that_staging_recorded_and_asks_no_build(
    cloud: Workspace, cluster: KubeApi
) -> None:
    overlay = cloud.path / "k8s/overlays/production/kustomization.yaml"
    overlay.write_text(overlay.read_text().replace("sha256:" + "0" * 64 + "\npatches", OTHER + "\npatches"))
    cloud.answer("storage cat", out=f"{IMAGE}@{OTHER}\n")
    failed, said = release(cloud, _OVERLAY="production", TAG_NAME="v1.0.0")
    assert failed is None, said
    assert cloud.calls("gcloud storage cat") == [f"gcloud storage cat {RECORD}"]
    image = cluster.all("Deployment")["maskserve"]["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image == f"{IMAGE}@{OTHER}"
    assert cloud.calls("gcloud artifacts docker tags add") == [
        f"gcloud artifacts docker tags add {IMAGE}@{OTHER} {IMAGE}:{tag}" for tag in ("production", "v1.0.0")
    ]
    assert not cloud.calls("gcloud builds list --region=europe-west1 --filter=buildTriggerId")
    assert not cloud.calls("gcloud storage cp")  # only staging's word counts
    assert not cloud.calls("docker")


@pytest.mark.parametrize(
    ("call", "answer", "changed", "said"),
    [
        ("builds list .*buildTriggerId=", {"out": "FAILURE\t\n"}, {}, "ended with status FAILURE"),
        ("builds list .*buildTriggerId=", {"status": 1, "err": "PERMISSION_DENIED"}, {}, "PERMISSION_DENIED"),
        ("builds list .*buildTriggerId=", {"out": "SUCCESS\t\n"}, {}, "with a digest"),
        ("builds triggers describe", {"status": 1, "err": "NOT_FOUND"}, {}, "NOT_FOUND"),
        ("show-provenance", {"out": "unknown\n"}, {}, "no provenance of Cloud Build"),
        ("show-provenance", {"out": "2\n"}, {}, "no provenance of Cloud Build"),
        ("show-provenance", {"status": 1}, {}, ""),
        ("storage cat", {"status": 1}, {"_OVERLAY": "production"}, "staging has not run c0ffee"),
        ("storage cat", {"out": "evil/image:1\n"}, {"_OVERLAY": "production"}, "with a digest"),
        ("nothing", {}, {"COMMIT_SHA": ""}, "the commit is not known"),
    ],
)
def test_an_image_of_unclear_origin_is_not_deployed(
    cloud: Workspace, call: str, answer: dict[str, Any], changed: dict[str, str], said: str
) -> None:
    cloud.answer(call, **answer)
    failed, output = release(cloud, **changed)
    assert failed == "find"
    assert said in output
    assert not cloud.calls("kubectl")


@pytest.mark.parametrize(
    ("call", "answer", "step", "never"),
    [
        ("builds describe", {"status": 1}, "turn", "kubectl"),
        ("builds list .*ongoing", {"status": 1}, "turn", "kubectl"),  # not knowing is not being alone
        ("get-credentials", {"status": 1}, "deploy", "kubectl"),
        ("versions list", {"status": 1}, "deploy", "kubectl"),
        ("versions list", {"out": ""}, "deploy", "kubectl"),  # no key: open to everybody
        ("versions access", {"status": 1}, "deploy", "kubectl"),
        ("get secret", {"status": 1}, "deploy", "kubectl --namespace=maskserve-staging apply"),
        ("get --filename", {"status": 1}, "deploy", "kubectl --namespace=maskserve-staging apply"),
        ("rollout status", {"status": 1}, "deploy", "gcloud storage cp"),
        ("tags add", {"status": 1}, "record", "gcloud storage cp"),
        ("storage cp", {"status": 1}, "record", "docker"),
    ],
)
def test_a_step_that_fails_fails_the_deployment_and_nothing_comes_after_it(
    cloud: Workspace, call: str, answer: dict[str, Any], step: str, never: str
) -> None:
    cloud.answer(call, **answer)
    failed, said = release(cloud)
    assert failed == step, said
    assert not cloud.calls(never)


@pytest.mark.parametrize("overlay", ["staging", "production"])
def test_an_earlier_deployment_to_the_overlay_is_waited_for(cloud: Workspace, overlay: str) -> None:
    cloud.answer("builds list .*ongoing", out="b-0\n", once=True)
    cloud.stand_in("sleep")
    _, said = release(cloud, last="turn", _OVERLAY=overlay)
    assert "Waiting for earlier builds: b-0\n" in said
    filters = f'--filter=substitutions._OVERLAY={overlay} AND createTime<"2026-11-21T10:00:00Z"'
    asked = f"gcloud builds list --region=europe-west1 --ongoing --format=value(id) {filters}"
    assert cloud.calls("gcloud builds list --region=europe-west1 --ongoing") == [asked, asked]


def test_the_time_is_enough_for_a_build_a_rollout_and_one_back() -> None:
    deploy = (ROOT / "scripts/deploy.sh").read_text()
    rollout, gateway = (int(minutes) for minutes in re.findall(r"--timeout=(\d+)m", deploy))
    assert int(DEPLOY["timeout"][:-1]) >= int(BUILD["timeout"][:-1]) + 60 * 2 * (rollout + gateway)
    deployment = yaml.safe_load((ROOT / "k8s/server/deployment.yaml").read_text())
    assert deployment["spec"]["progressDeadlineSeconds"] == 60 * rollout


def test_gcloud_has_each_command_and_option_that_a_deployment_uses(cloud: Workspace, tmp_path: Path) -> None:
    release(cloud)
    release(cloud, last="find", _OVERLAY="production")
    used = gcloud_commands(cloud)
    assert len(used) >= 12
    assert complaints(used, tmp_path) == []
