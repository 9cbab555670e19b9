"""Rendering: the manifests as kustomize makes them of k8s/."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from app.configuration.settings import Settings

K8S = Path(__file__).parents[2] / "k8s"
OVERLAYS = sorted(folder.name for folder in (K8S / "overlays").iterdir())
COMPONENTS = sorted(folder.name for folder in (K8S / "components").iterdir())

STANDS_ON = {
    "canary": ["gateway"],
    "internal": ["gateway"],
    "shadow": ["gateway"],
    "spot": ["machines"],
    "queue-hpa": ["monitoring"],
}
"""Components that others need before them, as their pages say."""

Manifest = dict[str, Any]


@dataclass(frozen=True)
class Rendered:
    """All manifests of one rendering, in its order."""

    manifests: list[Manifest]

    def all(self, *kinds: str) -> Iterator[Manifest]:
        """Those of the kinds."""
        return (manifest for manifest in self.manifests if manifest["kind"] in kinds)

    def one(self, kind: str, name: str) -> Manifest:
        """The one of that kind and name."""
        (found,) = (manifest for manifest in self.all(kind) if manifest["metadata"]["name"] == name)
        return found

    def servers(self) -> list[Manifest]:
        """The Deployments whose pods run MaskServe."""
        return [
            manifest
            for manifest in self.all("Deployment")
            if labels_of_pods(manifest)["app.kubernetes.io/name"] == "maskserve"
        ]

    def environment(self, server: Manifest) -> dict[str, str]:
        """What the container of `server` is told, but for secrets."""
        container = container_of(server)
        told = {}
        for source in container["envFrom"]:
            told |= self.one("ConfigMap", source["configMapRef"]["name"])["data"]
        return told | {
            variable["name"]: variable["value"] for variable in container["env"] if "value" in variable
        }

    def settings(self, server: Manifest) -> Settings:
        """What the service makes of that. Raises BadSetting."""
        return Settings.from_environment(self.environment(server))


def pod_of(deployment: Manifest) -> Manifest:
    """The specification of its pods."""
    pod: Manifest = deployment["spec"]["template"]["spec"]
    return pod


def container_of(deployment: Manifest) -> Manifest:
    """The one container of its pods."""
    (container,) = pod_of(deployment)["containers"]
    return container


def labels_of_pods(deployment: Manifest) -> dict[str, str]:
    labels: dict[str, str] = deployment["spec"]["template"]["metadata"]["labels"]
    return labels


def render(folder: Path) -> Rendered:
    """What kustomize makes of `folder`."""
    text = subprocess.run(
        ["kubectl", "kustomize", folder], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    return Rendered(list(yaml.safe_load_all(text)))


def render_made_up(tree: Path, kustomization: Manifest) -> Rendered:
    """What kustomize makes of production with another kustomization; `tree` becomes a copy of k8s/."""
    shutil.copytree(K8S, tree)
    folder = tree / "overlays" / "production"
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    return render(folder)


def render_everything(tree: Path) -> Rendered:
    """Production, and all components that it does not use; `tree` becomes a copy of k8s/."""
    made_up = yaml.safe_load((K8S / "overlays" / "production" / "kustomization.yaml").read_text())
    paths = [f"../../components/{name}" for name in COMPONENTS]
    paths = [*made_up["components"], *(path for path in paths if path not in made_up["components"])]
    last = ("../../components/machines", "../../components/spot")  # as their pages say
    made_up["components"] = sorted(paths, key=last.__contains__)
    made_up["images"] += [
        {"name": name, "newName": f"registry.example/{name}", "digest": f"sha256:{'1' * 64}"}
        for name in ("maskserve-canary", "maskserve-shadow")
    ]
    return render_made_up(tree, made_up)
