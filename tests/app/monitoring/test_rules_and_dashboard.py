"""The page on monitoring, the alerts and the dashboards: held against the metrics that there are."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from app.monitoring.metrics import Metrics

ROOT = Path(__file__).parents[3]
MONITORING = ROOT / "docs" / "monitoring"
GOOGLE = ROOT / "scripts" / "gcp" / "monitoring"

Families = dict[str, tuple[str, str, frozenset[str]]]


@pytest.fixture
def families(client: FlaskClient, png: bytes) -> Families:
    """Of every metric there is: type, meaning, and labels without those of its type."""
    metrics: Metrics = client.application.extensions["maskserve_metrics"]
    metrics.shares = lambda: [("stub", "1", 100)]
    figures = ("matched", "dice", "count_difference", "score_difference", "seconds")
    metrics.shadows.compared(("stub", "1", "2"), dict.fromkeys(figures, 1.0))
    metrics.shadows.dropped("stub", "2", "busy")
    metrics.shadows.failed("stub", "2", "crash")
    metrics.shadows.switched_off("stub", "2")
    for data in (png, b""):
        client.post("/api/v1/segment", data=data, content_type="image/png")
    return {
        family.name + "_total" * (family.type == "counter"): (
            family.type,
            family.documentation,
            frozenset(label for sample in family.samples for label in sample.labels) - {"le"},
        )
        for family in text_string_to_metric_families(client.get("/metrics").text)
    }


def test_the_docs_have_every_metric_and_no_other(
    families: Families,
) -> None:
    families.setdefault(  # where the tests have no limit
        "maskserve_memory_limit_bytes", ("gauge", "Memory limit of the container.", frozenset())
    )
    page = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(maskserve_\w+)` \| (\w+) \| (.*) \| (.*) \|$", page, re.MULTILINE)
    documented = {
        name: (kind, meaning, frozenset(re.findall(r"`(\w+)`", labels)))
        for name, kind, labels, meaning in rows
    }
    assert documented == families


def of_google() -> Iterator[str]:
    """All that Cloud Monitoring's policies and dashboard ask Prometheus for."""
    for file in (*(GOOGLE / "policies").iterdir(), GOOGLE / "dashboard.json"):
        text = file.read_text()
        for query in re.findall(r'"(?:query|prometheusQuery)": ("(?:[^"\\]|\\.)*")', text):
            yield json.loads(query)


def expressions() -> Iterator[str]:
    """All that rules and dashboards ask Prometheus for."""
    yield from of_google()
    yield from re.findall(r"expr: >-((?:\n {10,}.*)*)", (MONITORING / "rules.yml").read_text())
    dashboard = json.loads((MONITORING / "dashboard.json").read_text())
    for panel in dashboard["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["query"]


def test_rules_and_dashboard_ask_only_for_metrics_and_labels_that_there_are(
    families: Families,
) -> None:
    families.setdefault("maskserve_memory_limit_bytes", ("gauge", "", frozenset()))
    asked = list(expressions())
    assert len(list(of_google())) > 30
    assert len(asked) > 55
    used = set()
    for expression in asked:
        for name, selector in re.findall(r"(maskserve_[a-z_]+)(?:\{([^}]*)\})?", expression):
            base = re.sub(r"_(bucket|sum|count)$", "", name) if name not in families else name
            assert base in families, f"{name} in {expression}"
            used.add(base)
            labels = set(re.findall(r"(\w+)\s*[=!]", selector)) - {"job", "instance", "le", "namespace"}
            assert labels <= families[base][2], f"{labels} of {name} in {expression}"
    secondary = {"virtual_memory_bytes", "open_fds", "max_fds"}
    assert set(families) - used == {f"maskserve_process_{name}" for name in secondary}


def test_the_dashboard_takes_its_source_from_a_variable_and_its_panels_do_not_overlap() -> None:
    dashboard = json.loads((MONITORING / "dashboard.json").read_text())
    assert dashboard["templating"]["list"][0]["type"] == "datasource"
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24 and not cells & taken, panel["title"]
        taken |= cells
        if panel["type"] != "row":
            assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
            assert panel["title"] and panel["fieldConfig"]["defaults"]["unit"]
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed (Debian: prometheus)")
@pytest.mark.parametrize("folder", [MONITORING, GOOGLE], ids=["service", "google"])
@pytest.mark.parametrize("arguments", [("check", "rules", "rules.yml"), ("test", "rules", "rules_test.yml")])
def test_promtool_finds_no_fault_with_the_rules(arguments: tuple[str, ...], folder: Path) -> None:
    ended = subprocess.run(["promtool", *arguments], cwd=folder, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed (Debian: prometheus)")
def test_promtool_can_read_all_that_dashboards_and_policies_ask(tmp_path: Path) -> None:
    variables = {"$__rate_interval": "5m", "$job": ".*", "$instance": ".*"}
    rules = []
    for expression in expressions():
        if "label_values" not in expression:
            for name, value in variables.items():
                expression = expression.replace(name, value)
            rules.append({"record": "panel", "labels": {"number": str(len(rules))}, "expr": expression})
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    ended = subprocess.run(
        ["promtool", "check", "rules", tmp_path / "rules.yml"], capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
