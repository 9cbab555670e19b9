"""scripts/deploy.sh, with the real kubectl: what a deployment leaves in the cluster, and one that fails."""

from __future__ import annotations

import base64
import copy
import json
from typing import Any

import pytest
import yaml
from kube_api import KubeApi, Manifest
from pipeline import DEPLOY, DIGEST, IMAGE, deploy, serve
from workspace import ROOT, Workspace

ANOTHER = "sha256:" + "cd" * 32
NO_DIGEST = "sha256:" + "0" * 64


def image_of(deployment: Manifest) -> str:
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    image: str = container["image"]
    return image


def change(workspace: Workspace, file: str, before: str, after: str) -> None:
    """What a commit changes in k8s/."""
    path = workspace.path / "k8s" / file
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))


def give_redis_a_digest(workspace: Workspace) -> None:
    overlay = "overlays/production/kustomization.yaml"
    redis = (workspace.path / "k8s" / overlay).read_text().partition("- name: redis")[2]
    change(workspace, overlay, redis, redis.replace(NO_DIGEST, ANOTHER))


def add_canary(workspace: Workspace, images: str) -> None:
    overlay = "overlays/staging/kustomization.yaml"
    monitoring = "  - ../../components/monitoring\n"
    change(workspace, overlay, monitoring, monitoring + "  - ../../components/canary\n")
    change(workspace, overlay, "images:", f"images:\n{images}")


def named(cluster: KubeApi) -> dict[str, Manifest]:
    """All that is there, but for what has a hash in its name and is never removed."""
    return {
        path: copy.deepcopy(found)
        for path, found in cluster.objects.items()
        if found["kind"] not in ("ConfigMap", "Secret")
    }


@pytest.fixture(scope="session")
def first_release() -> dict[str, Manifest]:
    """What an earlier build has left in the cluster, once some test has had it deployed."""
    return {}


@pytest.fixture
def served(cloud: Workspace, cluster: KubeApi, first_release: dict[str, Manifest]) -> Workspace:
    """Where an earlier build has deployed, and it served."""
    if not first_release:
        went_well, said = deploy(cloud, digest=ANOTHER)
        assert went_well, said
        (cloud.folder / "calls").unlink()
        first_release |= cluster.objects
    cluster.objects = copy.deepcopy(first_release)
    return cloud


def test_what_runs_is_the_image_by_its_digest(cloud: Workspace, cluster: KubeApi) -> None:
    went_well, said = deploy(cloud)
    assert went_well, said
    assert image_of(cluster.all("Deployment")["maskserve"]) == f"{IMAGE}@{DIGEST}"
    assert {found["metadata"].get("namespace") for found in cluster.objects.values()} == {
        "maskserve-staging",
        None,
    }
    assert cloud.calls(
        "kubectl --namespace=maskserve-staging rollout status deployment.apps/maskserve --timeout=15m"
    )


def test_production_is_deployed_once_its_redis_has_a_digest(cloud: Workspace, cluster: KubeApi) -> None:
    went_well, said = deploy(cloud, "production")
    assert not went_well
    assert f"redis@{NO_DIGEST}" in said
    assert not cluster.objects

    give_redis_a_digest(cloud)
    went_well, said = deploy(cloud, "production")
    assert went_well, said
    for name in ("maskserve", "redis"):
        assert cloud.calls(f"kubectl --namespace=maskserve-production rollout status deployment.apps/{name} ")


def test_every_image_comes_from_the_registries_of_the_project_and_its_region(
    cloud: Workspace, cluster: KubeApi
) -> None:
    give_redis_a_digest(cloud)
    cloud.answer("config get project", out="my-project-42\n")
    image = f"us-east1-docker.pkg.dev/my-project-42/maskserve/maskserve@{DIGEST}"
    given = {"REGION": "us-east1", "CLUSTER": "maskserve", "MODEL": "nuclei"}
    done = cloud.run(
        "scripts/deploy.sh", "production", image, **given, SAMPLE=DEPLOY["substitutions"]["_SAMPLE"]
    )
    assert done.returncode == 0, done.stdout + done.stderr
    deployed = {name: image_of(found) for name, found in cluster.all("Deployment").items()}
    redis = f"us-east1-docker.pkg.dev/my-project-42/docker-hub/library/redis@{ANOTHER}"
    assert deployed == {"maskserve": image, "redis": redis}


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("overlays/staging/kustomization.yaml", "segment.example.org", "maskserve.example.com"),
        (
            "base/kustomization.yaml",
            "MASKSERVE_QUEUE=8",
            "MASKSERVE_QUEUE=8\n      - MASKSERVE_MODELS=gs://my-project-maskserve-models",
        ),
    ],
    ids=["the domain", "a bucket"],
)
def test_a_name_that_stands_for_the_readers_own_is_refused(
    cloud: Workspace, cluster: KubeApi, file: str, old: str, new: str
) -> None:
    change(cloud, file, old, new)
    cloud.answer("config get project", out="their-project\n")
    went_well, said = deploy(cloud)
    assert not went_well
    assert "has names that stand for yours" in said
    assert not cluster.objects


def test_logs_name_the_project_in_which_they_are(cloud: Workspace, cluster: KubeApi) -> None:
    deploy(cloud)
    ((name, settings),) = cluster.all("ConfigMap").items()
    assert settings["data"]["GOOGLE_CLOUD_PROJECT"] == "my-project"
    assert settings["data"]["MASKSERVE_QUEUE"] == "8"
    assert f"name: {name}\n" in yaml.safe_dump(cluster.all("Deployment"))


def test_pods_take_every_enabled_key_the_newest_first_from_a_secret_of_their_own(
    cloud: Workspace, cluster: KubeApi
) -> None:
    deploy(cloud)
    (name,) = cluster.all("Secret").keys() - {"maskserve-last-good"}
    keys = base64.b64decode(cluster.all("Secret")[name]["data"]["keys"]).decode()
    assert keys == "the-new-key-0123456789,the-old-key-0123456789,the-function-key-0123456789"
    assert f"name: {name}\n" in yaml.safe_dump(cluster.all("Deployment"))


def test_the_service_is_asked_with_a_key_for_the_segments_of_the_sample(cloud: Workspace) -> None:
    deploy(cloud)
    request = json.loads((cloud.folder / "request.json").read_text())
    assert request == {
        "path": "/api/v1/segment?model=nuclei",
        "key": "the-new-key-0123456789",
        "bytes": (ROOT / DEPLOY["substitutions"]["_SAMPLE"]).stat().st_size,
    }


def test_keys_are_in_no_argument_not_in_the_log_and_in_no_file_that_others_read(cloud: Workspace) -> None:
    look = 'for file in k8s/deploy.*/*; do stat -c %a "$file"; done >"$STAND_INS/modes"'
    cloud.answer("rollout status", run=["/bin/sh", "-c", look])
    _, said = deploy(cloud)
    assert "the-new-key" not in said
    assert not [call for call in cloud.calls() if "the-new-key" in call]
    assert set((cloud.folder / "modes").read_text().split()) == {"600"}
    assert not list((cloud.path / "k8s").glob("deploy.*"))


# Each fails the first time that it is asked: the new release, not the way back.
FAILURES: list[dict[str, Any]] = [
    {"to": " apply ", "status": 1, "err": "denied by policy"},
    {"to": "rollout status", "status": 1, "err": "timed out"},
    {"to": "wait gateway", "status": 1, "err": "timed out waiting for the condition"},
    {"to": "port-forward", "status": 1, "err": "no pods"},
]


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure["to"].strip())
def test_what_does_not_come_about_leaves_all_as_it_was(
    served: Workspace, cluster: KubeApi, failure: dict[str, Any]
) -> None:
    before = named(cluster)
    change(served, "server/service.yaml", "targetPort: http", "targetPort: nowhere")
    change(served, "server/deployment.yaml", "minReadySeconds: 10", "minReadySeconds: 99")
    change(served, "server/disruption.yaml", "name: maskserve", "name: another")
    served.answer(**failure, once=True)
    went_well, said = deploy(served)
    assert not went_well
    assert failure["err"] in said
    assert f"failed and was rolled back to {IMAGE}@{ANOTHER}" in said
    assert named(cluster) == before


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"status": 422, "body": "cannot be decoded"}, "cannot be decoded"),
        ({"status": 401, "body": "a key is needed"}, "a key is needed"),
        ({"segments": 0}, "found no segments"),
        ({"model": "other"}, "not 'nuclei'"),
    ],
)
def test_a_service_that_does_not_segment_is_rolled_back(
    served: Workspace, cluster: KubeApi, answer: dict[str, Any], said: str
) -> None:
    before = named(cluster)
    serve(served, answer, {})
    went_well, output = deploy(served)
    assert not went_well
    assert said in output
    assert f"failed and was rolled back to {IMAGE}@{ANOTHER}" in output
    assert named(cluster) == before


def test_a_release_that_failed_is_nothing_to_go_back_to(served: Workspace, cluster: KubeApi) -> None:
    before = named(cluster)
    served.answer("rollout status", status=1, once=True)
    deploy(served)
    # Nor is one whose build was cancelled: it is there, and nobody has noted that it served.
    cluster.all("Deployment")["maskserve"]["spec"]["template"]["spec"]["containers"][0]["image"] = "cancelled"
    served.answer("rollout status", status=1, once=True)
    assert "was rolled back" in deploy(served)[1]
    assert named(cluster) == before


def test_settings_and_keys_of_earlier_releases_stay_for_who_goes_back_by_hand(
    served: Workspace, cluster: KubeApi
) -> None:
    before = cluster.all("ConfigMap").keys() | cluster.all("Secret").keys()
    change(served, "base/kustomization.yaml", "MASKSERVE_QUEUE=8", "MASKSERVE_QUEUE=9")
    served.answer("versions list maskserve-api-key", out="2\n")
    went_well, said = deploy(served)
    assert went_well, said
    assert len(cluster.all("ConfigMap")) == 2 and len(cluster.all("Secret")) == 3
    assert before < cluster.all("ConfigMap").keys() | cluster.all("Secret").keys()


def test_what_somebody_else_has_made_is_not_removed_on_the_way_back(
    served: Workspace, cluster: KubeApi
) -> None:
    path = "/apis/policy/v1/namespaces/maskserve-staging/poddisruptionbudgets/another"
    cluster.objects[path] = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "another", "namespace": "maskserve-staging"},
    }
    change(served, "server/disruption.yaml", "name: maskserve", "name: another")
    served.answer("rollout status", status=1, once=True)
    went_well, said = deploy(served)
    assert not went_well and "was rolled back" in said
    assert path in cluster.objects


def test_a_first_deployment_that_fails_has_nothing_to_go_back_to(cloud: Workspace) -> None:
    cloud.answer("rollout status", status=1)
    went_well, said = deploy(cloud)
    assert not went_well
    assert "no earlier release to roll back to" in said


@pytest.mark.parametrize("fails", [" apply .*before.yaml", "rollout status", "port-forward"])
def test_a_way_back_that_fails_too_is_said(served: Workspace, fails: str) -> None:
    served.answer(fails, status=1)
    served.answer("rollout status", status=1, once=True)
    went_well, said = deploy(served)
    assert not went_well
    assert "so did the rollback" in said


def test_what_serves_but_could_not_be_noted_stays_and_fails(served: Workspace, cluster: KubeApi) -> None:
    served.answer(" create secret .*manifests=\\S+/all.yaml", status=1, err="the connection was lost")
    went_well, said = deploy(served)
    assert not went_well
    assert "could not be recorded" in said and "the connection was lost" in said
    assert image_of(cluster.all("Deployment")["maskserve"]) == f"{IMAGE}@{DIGEST}"


def test_the_way_back_is_asked_with_a_key_that_it_knows(served: Workspace) -> None:
    served.answer("versions list maskserve-api-key", out="1\n")
    assert deploy(served, digest=ANOTHER)[0]
    served.answer("versions list maskserve-api-key", out="2\n1\n")
    served.answer("rollout status", status=1, once=True)
    assert "was rolled back" in deploy(served)[1]
    request = json.loads((served.folder / "request.json").read_text())
    assert request["key"] == "the-old-key-0123456789"


def test_what_a_killed_build_left_is_removed_by_the_next(served: Workspace, cluster: KubeApi) -> None:
    file = served.path / "k8s" / "server" / "disruption.yaml"
    usual = file.read_text()
    change(served, "server/disruption.yaml", "name: maskserve", "name: another")
    served.answer("rollout status", run=["/bin/sh", "-c", "kill -KILL $PPID"], once=True)
    assert not deploy(served)[0]
    assert cluster.all("PodDisruptionBudget").keys() == {"maskserve", "another"}
    file.write_text(usual)
    went_well, said = deploy(served)
    assert went_well, said
    assert cluster.all("PodDisruptionBudget").keys() == {"maskserve"}


def canary_image(digest: str) -> str:
    """With the same name as the service's own, as the overlays call it."""
    name = "europe-west1-docker.pkg.dev/my-project/maskserve/maskserve"
    return f"  - {{name: maskserve-canary, newName: {name}, digest: '{digest}'}}"


def test_a_canary_keeps_the_image_that_the_overlay_names_and_goes_with_its_component(
    cloud: Workspace, cluster: KubeApi
) -> None:
    overlay = cloud.path / "k8s" / "overlays" / "staging" / "kustomization.yaml"
    without = overlay.read_text()
    add_canary(cloud, canary_image(ANOTHER))
    went_well, said = deploy(cloud)
    assert went_well, said
    images = {name: image_of(found) for name, found in cluster.all("Deployment").items()}
    assert images == {"maskserve": f"{IMAGE}@{DIGEST}", "maskserve-canary": f"{IMAGE}@{ANOTHER}"}
    assert cloud.calls(
        "kubectl --namespace=maskserve-staging rollout status deployment.apps/maskserve-canary"
    )

    overlay.write_text(without)
    went_well, said = deploy(cloud)
    assert went_well, said
    for kind in ("Deployment", "Service", "HealthCheckPolicy"):
        assert list(cluster.all(kind)) == ["maskserve"]


@pytest.mark.parametrize(
    ("images", "said"), [("", "maskserve-canary"), (canary_image(NO_DIGEST), "exactly one image")]
)
def test_a_canary_without_a_digest_is_not_deployed(
    cloud: Workspace, cluster: KubeApi, images: str, said: str
) -> None:
    add_canary(cloud, images)
    went_well, output = deploy(cloud)
    assert not went_well
    assert said in output
    assert not cluster.objects


def test_a_canary_that_does_not_come_about_is_taken_back(served: Workspace, cluster: KubeApi) -> None:
    before = named(cluster)
    add_canary(served, canary_image(DIGEST))
    served.answer("rollout status deployment.apps/maskserve-canary", status=1, err="ImagePullBackOff")
    went_well, said = deploy(served)
    assert not went_well
    assert "ImagePullBackOff" in said and "was rolled back" in said
    assert named(cluster) == before


@pytest.mark.parametrize(
    ("overlay", "digest", "said"),
    [
        ("stagin", DIGEST, "no overlay 'stagin'"),
        ("staging", "sha256:12", "expected an image with a digest"),
    ],
)
def test_deploying_what_is_not_there_is_refused_before_anything_is_asked(
    cloud: Workspace, overlay: str, digest: str, said: str
) -> None:
    went_well, output = deploy(cloud, overlay, digest)
    assert not went_well
    assert said in output
    assert not cloud.calls()
