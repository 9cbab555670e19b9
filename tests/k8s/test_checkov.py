"""Checkov: its policies find nothing in the manifests that is not explained there (`make check-k8s`)."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import yaml
from rendering import K8S, Rendered

CHECKOV = K8S.parent / ".venv" / "checkov" / "bin" / "checkov"


@pytest.mark.skipif(not CHECKOV.exists(), reason="checkov is not installed: make check-k8s")
def test_policies_find_nothing_unexplained(rendered: Rendered, tmp_path: Path) -> None:
    (tmp_path / "manifests.yaml").write_text(yaml.safe_dump_all(rendered.manifests))
    arguments = ["--framework", "kubernetes", "--skip-download", "--output", "json", "--directory", tmp_path]
    answer = subprocess.run([CHECKOV, *arguments], capture_output=True, timeout=300)
    results = json.loads(answer.stdout)["results"]
    assert [(found["check_id"], found["resource"]) for found in results["failed_checks"]] == []
    assert all(found["check_result"]["suppress_comment"] for found in results["skipped_checks"])
    assert len(results["passed_checks"]) > 50  # it has seen them
