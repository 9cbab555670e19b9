"""Checkov: its policies find nothing in the manifests that is not explained there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from rendering import K8S, OVERLAYS, Rendered, render

CHECKOV = Path(sys.prefix, "checkov", "bin", "checkov")


@pytest.mark.skipif(not CHECKOV.exists(), reason="checkov is not installed: make dev")
def test_policies_find_nothing_unexplained(everything: Rendered, tmp_path: Path) -> None:
    # In one run, most of which checkov takes to start.
    for name, one in {
        **{name: render(K8S / "overlays" / name) for name in OVERLAYS},
        "all": everything,
    }.items():
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump_all(one.manifests))
    arguments = ["--framework", "kubernetes", "--skip-download", "--output", "json", "--directory", tmp_path]
    answer = subprocess.run([CHECKOV, *arguments], capture_output=True, timeout=300)
    results = json.loads(answer.stdout)["results"]
    assert [(found["check_id"], found["resource"]) for found in results["failed_checks"]] == []
    assert all(found["check_result"]["suppress_comment"] for found in results["skipped_checks"])
    for file in tmp_path.glob("*.yaml"):  # it has seen them
        assert sum(found["file_path"] == f"/{file.name}" for found in results["passed_checks"]) > 50
