"""As much of Kubernetes' interface as kubectl needs to apply, get and delete, with objects in memory."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

KINDS = {
    "v1": ["Namespace", "ServiceAccount", "ConfigMap", "Secret", "Service", "Pod", "Event"],
    "apps/v1": ["Deployment"],
    "policy/v1": ["PodDisruptionBudget"],
    "autoscaling/v2": ["HorizontalPodAutoscaler"],
    "networking.k8s.io/v1": ["NetworkPolicy"],
    "gateway.networking.k8s.io/v1": ["Gateway", "HTTPRoute"],
    "monitoring.googleapis.com/v1": ["PodMonitoring"],
    "networking.gke.io/v1": ["GCPBackendPolicy", "GCPGatewayPolicy", "HealthCheckPolicy"],
    "cloud.google.com/v1": ["ComputeClass"],
}
CLUSTER_WIDE = ("Namespace", "ComputeClass")
VERBS = ["get", "list", "create", "patch", "delete"]

Manifest = dict[str, Any]


class KubeApi:
    """A cluster without machines: it keeps what it is given.

    Attributes:
        objects: by their paths.
        address: where it listens.
    """

    def __init__(self) -> None:
        self.objects: dict[str, Manifest] = {}
        api = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                if path == "/openapi/v2":
                    self.send(b"")  # schemas, in protobuf: none
                else:
                    found = discovery(path) or api.objects.get(path) or listed(path)
                    self.answer(found or not_found(path))

            def do_PATCH(self) -> None:
                path = self.path.partition("?")[0]
                # Server-side apply, by one manager: what it says is all there is.
                assert self.headers["Content-Type"] == "application/apply-patch+yaml", path
                api.objects[path] = yaml.safe_load(self.body())
                self.answer(api.objects[path])

            def do_DELETE(self) -> None:
                self.body()
                found = api.objects.pop(self.path.partition("?")[0], None)
                self.answer(
                    {"kind": "Status", "apiVersion": "v1", "status": "Success"} if found else not_found("")
                )

            def body(self) -> bytes:
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))

            def answer(self, document: Manifest) -> None:
                self.send(json.dumps(document).encode(), document.get("code", HTTPStatus.OK))

            def send(self, body: bytes, status: int = HTTPStatus.OK) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def all(self, kind: str) -> dict[str, Manifest]:
        """The objects of that kind, by name."""
        return {found["metadata"]["name"]: found for found in self.objects.values() if found["kind"] == kind}

    @contextmanager
    def running(self) -> Iterator[KubeApi]:
        thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        yield self
        self._server.shutdown()
        self._server.server_close()

    def configure(self, home: Path) -> None:
        """Have the kubectl of who lives in `home` ask here."""
        configuration = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "here", "cluster": {"server": self.address}}],
            "contexts": [{"name": "here", "context": {"cluster": "here"}}],
            "current-context": "here",
        }
        (home / ".kube").mkdir()
        (home / ".kube" / "config").write_text(yaml.safe_dump(configuration))


def plural(kind: str) -> str:
    name = kind.lower()
    if name.endswith("y"):
        return f"{name[:-1]}ies"
    if name.endswith("class"):
        return f"{name}es"
    return f"{name}s"


def discovery(path: str) -> Manifest | None:
    """Which kinds there are, as kubectl asks before all else."""
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"]}
    if path == "/apis":
        versions = [
            (group.split("/")[0], {"groupVersion": group, "version": group.split("/")[1]})
            for group in KINDS
            if "/" in group
        ]
        groups = [
            {"name": name, "versions": [version], "preferredVersion": version} for name, version in versions
        ]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
    group = re.sub("^/apis?/", "", path)
    if group not in KINDS:
        return None
    resources = [
        {
            "name": plural(kind),
            "singularName": kind.lower(),
            "namespaced": kind not in CLUSTER_WIDE,
            "kind": kind,
            "verbs": VERBS,
        }
        for kind in KINDS[group]
    ]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group, "resources": resources}


def listed(path: str) -> Manifest | None:
    """No pods and no events."""
    kind = {"pods": "PodList", "events": "EventList"}.get(path.rpartition("/")[2])
    return {"kind": kind, "apiVersion": "v1", "metadata": {}, "items": []} if kind else None


def not_found(path: str) -> Manifest:
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound"}
    return {**status, "message": f"{path} not found", "code": HTTPStatus.NOT_FOUND}
