"""Security: pods pass Kubernetes' `restricted` standard, namespaces demand it, images are what was built."""

from __future__ import annotations

import re

from rendering import Rendered, container_of, pod_of


def test_pods_are_restricted(rendered: Rendered) -> None:
    for deployment in rendered.all("Deployment"):
        pod = pod_of(deployment)
        security = {key: pod["securityContext"][key] for key in ("runAsNonRoot", "runAsUser", "runAsGroup")}
        assert security == {"runAsNonRoot": True, "runAsUser": 10001, "runAsGroup": 10001}
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not pod.keys() & {"hostNetwork", "hostPID", "hostIPC", "initContainers"}
        assert container_of(deployment)["securityContext"] == {
            "privileged": False,
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_pods_can_write_to_tmp_alone(rendered: Rendered) -> None:
    for server in rendered.servers():
        assert container_of(server)["volumeMounts"] == [{"name": "tmp", "mountPath": "/tmp"}]
        (volume,) = pod_of(server)["volumes"]
        assert volume["emptyDir"].keys() == {"sizeLimit"}  # on disk: in memory it would count as the pod's


def test_pods_have_no_token_of_the_cluster(rendered: Rendered) -> None:
    for deployment in rendered.all("Deployment"):
        assert pod_of(deployment)["automountServiceAccountToken"] is False
    for account in rendered.all("ServiceAccount"):
        assert account["automountServiceAccountToken"] is False


def test_images_are_named_by_digest(rendered: Rendered) -> None:
    for deployment in rendered.all("Deployment"):
        assert re.fullmatch(r"[^:@]+@sha256:[0-9a-f]{64}", container_of(deployment)["image"])


def test_namespaces_let_no_other_pods_in(rendered: Rendered) -> None:
    (namespace,) = rendered.all("Namespace")
    for mode in ("enforce", "audit", "warn"):
        assert namespace["metadata"]["labels"][f"pod-security.kubernetes.io/{mode}"] == "restricted"
    name = namespace["metadata"]["name"]
    assert {
        manifest["metadata"]["namespace"] for manifest in rendered.manifests if manifest is not namespace
    } == {name}
