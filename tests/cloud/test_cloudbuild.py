"""cloudbuild.yaml: its schema, its substitutions, and its steps with stand-ins for what reaches the cloud."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from workspace import ROOT, Workspace

FILE = ROOT / "cloudbuild.yaml"
BUILD: dict[str, Any] = yaml.safe_load(FILE.read_text())
BUILT_IN = {"PROJECT_ID": "my-project", "BUILD_ID": "b-1", "COMMIT_SHA": "c0ffee", "LOCATION": "europe-west1"}
IMAGE = "europe-west1-docker.pkg.dev/my-project/maskserve/maskserve"
DIGEST = "sha256:" + "ab" * 32
BEFORE = '{"kind": "Service", "metadata": {"name": "maskserve"}, "spec": {"ports": [{"port": 1}]}}'

pytestmark = pytest.mark.skipif(
    not shutil.which("kubectl"),
    reason="kubectl is missing, which renders manifests: https://kubernetes.io/docs/tasks/tools",
)


def substituted(text: str, **changed: str) -> str:
    """`text` as Cloud Build hands it on."""
    values = BUILT_IN | BUILD["substitutions"] | changed
    for _ in range(2):  # _IMAGE is made of others
        text = re.sub(r"\$\{(\w+)\}", lambda name: values[name[1]], text)
    return text


def build(workspace: Workspace, **changed: str) -> tuple[str | None, str]:
    """Run the steps as Cloud Build does; the one that failed, if any, and all that was said."""
    said = ""
    for step in BUILD["steps"]:
        given = dict(substituted(line, **changed).split("=", 1) for line in step.get("env", ()))
        arguments = [substituted(argument, **changed) for argument in step["args"]]
        step_run = workspace.run(step["entrypoint"], *arguments, **given)
        said += step_run.stdout + step_run.stderr
        if step_run.returncode:
            return step["id"], said
    return None, said


@pytest.fixture
def cloud(workspace: Workspace) -> Workspace:
    """Where everything goes well: nothing critical is found, revision 3 runs, the new one finds segments."""
    workspace.stand_in("make", "apt-get", "docker", "gcloud", "kubectl")
    workspace.answer("docker pull", status=1, err="manifest unknown")
    workspace.answer("docker image inspect", out=f"other/name@{DIGEST}\n{IMAGE}@{DIGEST}\n")
    workspace.answer("images scan", out="projects/my-project/locations/europe/scans/1\n")
    workspace.answer("list-vulnerabilities", out="HIGH\tTrue\tCVE-1\tzlib\t2\nLOW\t\tCVE-2\tperl\t\n")
    workspace.answer("config get project", out="my-project\n")
    workspace.answer("versions list maskserve-api-key", out="2\n1\n")
    workspace.answer("versions list maskserve-events-key", out="1\n")
    workspace.answer("versions access 1 --secret=maskserve-api-key", out="the-old-key-0123456789")
    workspace.answer("versions access 2 --secret=maskserve-api-key", out="the-new-key-0123456789\n")
    workspace.answer("versions access 1 --secret=maskserve-events-key", out="the-function-key-0123456789")
    workspace.answer("builds describe", out="2026-11-21T10:00:00Z\n")
    workspace.answer("kubectl kustomize", run=[shutil.which("kubectl")])
    workspace.answer("get --filename=.*last-applied", out=f"---\n{BEFORE}\n")
    runs(workspace, "maskserve", revision=3)
    workspace.answer("get deployment/maskserve", out="4")
    workspace.answer("port-forward", run=[sys.executable, str(Path(__file__).parent / "stub_service.py")])
    serve(workspace)
    return workspace


def runs(workspace: Workspace, *names: str, revision: int, proven: int | str = "", well: bool = True) -> None:
    """Which Deployments of the overlay there are, and how they are before."""
    workspace.answer(r"get --filename=.*name\}\{'", out="".join(f"{name}\n" for name in names))
    lines = "".join(f"{name},{revision},{proven}\n" for name in names)
    workspace.answer("get --filename=.*revision", out=lines)
    said = 'deployment "maskserve" successfully rolled out' if well else "Waiting for deployment"
    workspace.answer("rollout status .*--watch=false", out=f"{said}\n")


def serve(
    workspace: Workspace, status: int = 200, model: str = "nuclei", segments: int = 93, body: str = ""
) -> None:
    """What the deployed service answers."""
    answer = {"status": status, "model": model, "segments": segments, "body": body}
    (workspace.folder / "service.json").write_text(json.dumps(answer))


def applied(workspace: Workspace) -> list[dict[str, Any]]:
    """The manifests that were applied, which the stand-in kept."""
    return [
        manifest
        for manifest in yaml.safe_load_all((workspace.folder / "applied.yaml").read_text())
        if manifest
    ]


@pytest.fixture
def keeping(cloud: Workspace) -> Workspace:
    """Where kubectl keeps what it is to apply."""
    keep = cloud.folder / "keep"
    keep.write_text(
        '#!/bin/sh\nfor last in "$@"; do :; done\ncp "${last#--filename=}" "$STAND_INS/applied.yaml"\n'
    )
    keep.chmod(0o755)
    cloud.answer("kubectl .* apply", run=[str(keep)])
    return cloud


def test_the_build_fits_its_schema() -> None:
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.cloudbuild", str(FILE)]
    assert subprocess.run(check, capture_output=True, text=True).returncode == 0


def test_every_substitution_is_declared_and_every_declared_one_is_used() -> None:
    lines = [line.split("#")[0] for line in FILE.read_text().splitlines()]
    used = set(re.findall(r"\$\{?(\w+)", "\n".join(lines)))
    assert used == BUILD["substitutions"].keys() | BUILT_IN.keys()


def test_each_step_is_of_a_version() -> None:
    assert not [step["id"] for step in BUILD["steps"] if not re.search(r":\d[\w.-]+$", step["name"])]


def test_what_is_pushed_is_named_for_provenance() -> None:
    (push,) = (step for step in BUILD["steps"] if step["id"] == "push")
    assert [push["args"][1]] == BUILD["images"]


def test_the_time_is_enough_for_a_rollout_and_one_back() -> None:
    minutes = [
        int(minutes) for minutes in re.findall(r"--timeout=(\d+)m", (ROOT / "scripts/deploy.sh").read_text())
    ]
    assert int(BUILD["timeout"][:-1]) >= 60 * (2 * sum(minutes) + 60)
    deployment = yaml.safe_load((ROOT / "k8s" / "server" / "deployment.yaml").read_text())
    assert [deployment["spec"]["progressDeadlineSeconds"]] == [60 * patience for patience in minutes]


def test_a_build_that_goes_well_tests_builds_scans_pushes_deploys_and_asks(keeping: Workspace) -> None:
    failed, said = build(keeping)
    assert failed is None, said
    wanted = [
        "make lint",
        "make test",
        "docker buildx build",
        "gcloud artifacts docker images scan",
        f"docker push {IMAGE}:b-1",
        "gcloud container clusters get-credentials maskserve --region=europe-west1",
        "kubectl --namespace=maskserve-staging apply",
        "kubectl --namespace=maskserve-staging rollout status deployment/maskserve",
        "kubectl --namespace=maskserve-staging port-forward service/maskserve",
    ]
    positions = [
        next(i for i, call in enumerate(keeping.calls()) if call.startswith(want)) for want in wanted
    ]
    assert positions == sorted(positions)
    assert not [call for call in keeping.calls() if "rollout undo" in call]


def test_what_is_deployed_is_the_digest_that_was_pushed(keeping: Workspace) -> None:
    build(keeping)
    (deployment,) = (manifest for manifest in applied(keeping) if manifest["kind"] == "Deployment")
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] == f"{IMAGE}@{DIGEST}"


def test_the_names_that_are_waited_for_and_asked_are_those_of_the_manifests(keeping: Workspace) -> None:
    build(keeping)
    named = {(manifest["kind"], manifest["metadata"]["name"]): manifest for manifest in applied(keeping)}
    assert ("Deployment", "maskserve") in named
    assert [port["port"] for port in named["Service", "maskserve"]["spec"]["ports"]] == [80]
    assert {manifest["metadata"].get("namespace") for manifest in named.values()} <= {
        "maskserve-staging",
        None,
    }


def test_production_is_deployed_once_its_redis_has_a_digest(keeping: Workspace) -> None:
    overlay = keeping.path / "k8s" / "overlays" / "production" / "kustomization.yaml"
    before, redis = overlay.read_text().split("- name: redis")
    overlay.write_text(f"{before}- name: redis{redis.replace('sha256:' + '0' * 64, DIGEST)}")
    failed, said = build(keeping, _OVERLAY="production")
    assert failed is None, said
    namespace = yaml.safe_load(overlay.read_text())["namespace"]
    assert keeping.calls(f"kubectl --namespace={namespace} rollout status deployment/maskserve")


def test_the_image_is_built_from_what_the_last_build_left(cloud: Workspace) -> None:
    build(cloud)
    (call,) = cloud.calls("docker buildx build")
    assert (
        f"--cache-from type=registry,ref={IMAGE}/cache --cache-to type=registry,ref={IMAGE}/cache,mode=max"
        in call
    )
    assert (
        f"--build-arg MODEL=nuclei --build-arg REVISION=c0ffee --provenance=false --tag {IMAGE}:b-1 --load ."
        in call
    )


def test_pods_take_every_enabled_key_the_newest_first_from_a_secret_of_their_own(keeping: Workspace) -> None:
    build(keeping)
    secrets = {
        manifest["metadata"]["name"]: manifest
        for manifest in applied(keeping)
        if manifest["kind"] == "Secret"
    }
    (name,) = secrets
    decoded = subprocess.run(
        ["base64", "-d"], input=secrets[name]["data"]["keys"], capture_output=True, text=True
    )
    keys = "the-new-key-0123456789,the-old-key-0123456789,the-function-key-0123456789"
    assert decoded.stdout == keys
    assert f"name: {name}" in yaml.safe_dump_all(m for m in applied(keeping) if m["kind"] == "Deployment")
    assert secrets[name]["metadata"]["namespace"] == "maskserve-staging"


def test_the_service_is_asked_with_a_key_for_the_segments_of_the_sample(cloud: Workspace) -> None:
    build(cloud)
    request = json.loads((cloud.folder / "request.json").read_text())
    assert request == {
        "path": "/api/v1/segment?model=nuclei",
        "key": "the-new-key-0123456789",
        "bytes": (ROOT / BUILD["substitutions"]["_SAMPLE"]).stat().st_size,
    }


def test_keys_are_in_no_argument_and_not_in_the_log(cloud: Workspace) -> None:
    _, said = build(cloud)
    assert "the-new-key" not in said
    assert not [call for call in cloud.calls() if "the-new-key" in call]


def test_nothing_stays_behind_in_the_workspace(cloud: Workspace) -> None:
    build(cloud)
    assert not list((cloud.path / "k8s").glob("deploy.*"))


@pytest.mark.parametrize(
    ("call", "answer", "step", "never"),
    [
        ("^make test", {"status": 2}, "test", "docker"),
        ("^docker buildx build", {"status": 1}, "build", "gcloud"),
        ("images scan", {"status": 1, "err": "PERMISSION_DENIED"}, "scan", "docker push"),
        ("images scan", {"out": ""}, "scan", "docker push"),  # no result is no clean bill
        ("list-vulnerabilities", {"status": 1}, "scan", "docker push"),  # neither is none that can be read
        ("list-vulnerabilities", {"out": "CRITICAL\t\tCVE-9\tzlib\t2\n"}, "scan", "docker push"),
        (
            "list-vulnerabilities",
            {"out": "LOW\t\tCVE-2\nCRITICAL\tTrue\tCVE-9\tzlib\t2\n"},
            "scan",
            "docker push",
        ),
        ("^docker push", {"status": 1}, "push", "kubectl"),
        ("^docker image inspect", {"out": "other/name@sha256:00\n"}, "push", "kubectl"),
        ("get-credentials", {"status": 1}, "deploy", "kubectl"),
        ("builds describe", {"status": 1}, "turn", "kubectl"),
        ("builds list", {"status": 1}, "turn", "kubectl"),  # not knowing is not being alone
        ("versions list", {"status": 1}, "deploy", "kubectl"),
        ("versions list", {"out": ""}, "deploy", "kubectl"),  # no key: open to everybody
        ("versions access", {"status": 1}, "deploy", "kubectl"),
        (
            "get --filename",
            {"status": 1, "err": "Unable to connect"},
            "deploy",
            "kubectl --namespace=maskserve-staging apply",
        ),
    ],
)
def test_a_step_that_fails_fails_the_build_and_nothing_comes_after_it(
    cloud: Workspace, call: str, answer: dict[str, Any], step: str, never: str
) -> None:
    cloud.answer(call, **answer)
    failed, said = build(cloud)
    assert failed == step, said
    assert not cloud.calls(never)


def test_a_critical_vulnerability_is_named(cloud: Workspace) -> None:
    cloud.answer("list-vulnerabilities", out="CRITICAL\tTrue\tCVE-9\tzlib\t2.0\n")
    assert "CVE-9\tzlib\t2.0" in build(cloud)[1]


def test_one_without_a_fix_is_named_and_holds_up_nothing(cloud: Workspace) -> None:
    cloud.answer("list-vulnerabilities", out="CRITICAL\tFalse\tCVE-8\tzlib\t\nCRITICAL\t\tCVE-9\tzlib\t\n")
    failed, said = build(cloud)
    assert failed is None, said
    assert "CVE-8" in said and "CVE-9" in said


def test_logs_name_the_project_in_which_they_are(keeping: Workspace) -> None:
    build(keeping)
    (settings,) = (manifest for manifest in applied(keeping) if manifest["kind"] == "ConfigMap")
    assert settings["data"]["GOOGLE_CLOUD_PROJECT"] == "my-project"
    assert settings["data"]["MASKSERVE_QUEUE"] == "8"
    assert settings["metadata"]["name"] in yaml.safe_dump_all(
        m for m in applied(keeping) if m["kind"] == "Deployment"
    )


def test_a_commit_that_has_an_image_is_not_built_again(keeping: Workspace) -> None:
    build(keeping)
    kept = f"{IMAGE}:c0ffee-nuclei"
    assert f"docker push {kept}" in keeping.calls()
    (keeping.folder / "calls").unlink()
    keeping.answer("docker pull", out=f"{kept}\n")
    failed, said = build(keeping, _OVERLAY="staging", BUILD_ID="b-2")
    assert failed is None, said
    assert not keeping.calls("docker buildx build")
    for call in (f"docker pull {kept}", f"docker tag {kept} {IMAGE}:b-2", f"docker push {IMAGE}:b-2"):
        assert call in keeping.calls()


@pytest.mark.parametrize(
    "changed", [{"COMMIT_SHA": ""}, {"_MODEL": "parts"}], ids=["uncommitted", "another model"]
)
def test_only_the_same_commit_and_model_have_the_same_image(
    cloud: Workspace, changed: dict[str, str]
) -> None:
    cloud.answer(f"docker pull {IMAGE}:c0ffee-nuclei", out="it is here")
    build(cloud, **changed)
    assert cloud.calls("docker buildx build")


BACK = "kubectl --namespace=maskserve-staging rollout undo deployment/maskserve --to-revision=3"


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        (" apply ", {"status": 1, "err": "denied by policy"}),
        ("rollout status", {"status": 1, "err": "timed out"}),
        ("port-forward", {"status": 1, "err": "no pods"}),
    ],
)
def test_what_does_not_come_about_is_rolled_back_and_fails_the_build(
    cloud: Workspace, call: str, answer: dict[str, Any]
) -> None:
    cloud.answer(call, **answer)
    failed, said = build(cloud)
    assert failed == "deploy"
    assert BACK in cloud.calls()
    assert answer["err"] in said


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"status": 422, "body": "cannot be decoded"}, "cannot be decoded"),
        ({"status": 401, "body": "a key is needed"}, "a key is needed"),
        ({"segments": 0}, "found nothing"),
        ({"model": "other"}, "not 'nuclei'"),
    ],
)
def test_a_service_that_does_not_segment_is_rolled_back_and_fails_the_build(
    cloud: Workspace, answer: dict[str, Any], said: str
) -> None:
    serve(cloud, **answer)
    failed, output = build(cloud)
    assert failed == "deploy"
    assert said in output
    assert BACK in cloud.calls()
    assert "was rolled back to maskserve revision 3" in output


def test_a_first_deployment_that_fails_has_nothing_to_go_back_to(cloud: Workspace) -> None:
    cloud.answer("get --filename", out="")
    cloud.answer("rollout status", status=1)
    failed, said = build(cloud)
    assert failed == "deploy"
    assert "nothing to go back to" in said
    assert BACK not in cloud.calls()


def test_all_goes_back_not_the_pods_alone(keeping: Workspace) -> None:
    keeping.answer("rollout status .*--timeout", status=1)
    assert build(keeping)[0] == "deploy"
    assert applied(keeping) == [yaml.safe_load(BEFORE)]
    back = keeping.calls("kubectl --namespace=maskserve-staging apply")
    assert len(back) == 2 and keeping.calls().index(back[1]) < keeping.calls().index(BACK)


@pytest.mark.parametrize(("well", "revision"), [(False, 3), (True, 5)])
def test_what_a_cancelled_build_left_is_nothing_to_go_back_to(
    cloud: Workspace, well: bool, revision: int
) -> None:
    # Revision 3 was seen to serve, 5 was not; where 5 runs all the same, somebody has chosen it by hand.
    runs(cloud, "maskserve", revision=5, proven=3, well=well)
    serve(cloud, status=422)
    build(cloud)
    assert BACK.replace("=3", f"={revision}") in cloud.calls()


def test_what_was_seen_to_serve_is_noted_for_later_builds(cloud: Workspace) -> None:
    note = "kubectl --namespace=maskserve-staging annotate deployment/maskserve --overwrite"
    build(cloud)
    assert cloud.calls(note) == [f"{note} maskserve-proven-revision=4"]
    (cloud.folder / "calls").unlink()
    serve(cloud, status=422)
    build(cloud)
    assert not cloud.calls(note)


def with_canary(workspace: Workspace, images: str) -> None:
    overlay = workspace.path / "k8s" / "overlays" / "staging" / "kustomization.yaml"
    components, rest = overlay.read_text().split("# The zeros")
    overlay.write_text(
        f"{components}  - ../../components/canary\n# The zeros{rest.replace('images:', 'images:' + images)}"
    )
    runs(workspace, "maskserve", "maskserve-canary", revision=3)


def test_a_canary_keeps_the_image_that_the_overlay_names(keeping: Workspace) -> None:
    other = "sha256:" + "cd" * 32
    name = "europe-west1-docker.pkg.dev/my-project/maskserve/maskserve"
    with_canary(keeping, f"\n  - {{name: maskserve-canary, newName: {name}, digest: '{other}'}}")
    failed, said = build(keeping)
    assert failed is None, said
    images = {
        manifest["metadata"]["name"]: manifest["spec"]["template"]["spec"]["containers"][0]["image"]
        for manifest in applied(keeping)
        if manifest["kind"] == "Deployment"
    }
    assert images == {"maskserve": f"{IMAGE}@{DIGEST}", "maskserve-canary": f"{name}@{other}"}
    assert keeping.calls("kubectl --namespace=maskserve-staging rollout status deployment/maskserve-canary")


def test_a_canary_without_an_image_is_not_deployed(cloud: Workspace) -> None:
    with_canary(cloud, "")
    failed, said = build(cloud)
    assert failed == "deploy"
    assert "images without a digest" in said and "maskserve-canary" in said
    assert not [call for call in cloud.calls() if " apply " in call]


def test_a_canary_that_does_not_come_about_fails_the_build(cloud: Workspace) -> None:
    with_canary(cloud, f"\n  - {{name: maskserve-canary, newName: {IMAGE}, digest: '{DIGEST}'}}")
    cloud.answer("rollout status deployment/maskserve-canary", status=1, err="ImagePullBackOff")
    failed, said = build(cloud)
    assert failed == "deploy"
    assert "ImagePullBackOff" in said
    assert BACK in cloud.calls()


def test_an_earlier_build_of_the_overlay_is_waited_for(cloud: Workspace) -> None:
    going_on = cloud.folder / "going-on"
    going_on.write_text("b-0\n")
    cloud.answer("builds list", run=["/bin/sh", "-c", f"cat {going_on} 2>/dev/null; rm -f {going_on}"])
    cloud.stand_in("sleep")
    turn = cloud.run("scripts/await-turn.sh", "b-1", "europe-west1", "staging")
    assert turn.returncode == 0, turn.stderr
    assert turn.stdout == "Waiting for b-0\n"
    asked = cloud.calls("gcloud builds list")
    assert len(asked) == 2 and len(cloud.calls("sleep")) == 1
    assert 'substitutions._OVERLAY=staging AND createTime<"2026-11-21T10:00:00Z"' in asked[0]


def test_a_way_back_that_fails_too_is_said(cloud: Workspace) -> None:
    cloud.answer("rollout undo", status=1)
    cloud.answer("rollout status", status=1)
    failed, said = build(cloud)
    assert failed == "deploy"
    assert "so did going back" in said


def test_an_overlay_with_other_images_that_have_no_digest_is_not_deployed(cloud: Workspace) -> None:
    overlay = cloud.path / "k8s" / "overlays" / "staging" / "kustomization.yaml"
    another = f"images:\n  - name: redis\n    digest: sha256:{'0' * 64}"
    redis = "components:\n  - ../../components/redis"
    overlay.write_text(overlay.read_text().replace("components:", redis).replace("images:", another))
    failed, said = build(cloud)
    assert failed == "deploy"
    assert "images without a digest" in said and "redis@sha256:000" in said
    assert not [call for call in cloud.calls() if " apply " in call]


@pytest.mark.parametrize(
    ("overlay", "image", "said"),
    [
        ("stagin", f"{IMAGE}@{DIGEST}", "no overlay 'stagin'"),
        ("staging", f"{IMAGE}:v1", "no image by its digest"),
        ("staging", f"{IMAGE}@sha256:12", "no image by its digest"),
    ],
)
def test_deploying_what_is_not_there_is_refused_before_anything_is_asked(
    cloud: Workspace, overlay: str, image: str, said: str
) -> None:
    settings = {"REGION": "r", "CLUSTER": "c", "MODEL": "nuclei", "SAMPLE": "x.png"}
    refused = cloud.run("scripts/deploy.sh", overlay, image, **settings)
    assert refused.returncode
    assert said in refused.stderr
    assert not cloud.calls()
