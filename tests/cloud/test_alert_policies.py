"""Cloud Monitoring's alert policies, objective and dashboard: of tested rules, as Google takes them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from workspace import ROOT

from scripts import alert_policies

FOLDER = ROOT / "scripts" / "gcp" / "monitoring"
BY_HAND = ("MaskServeBuildFailed", "MaskServeUnreachable")

# Reads files as gcloud does, and prints the fields that Google's API does not have.
READ = """
import sys
root, *files = sys.argv[1:]
sys.path[:0] = [f"{root}/lib", f"{root}/lib/third_party"]
from apitools.base.py import encoding
from googlecloudsdk.generated_clients.apis.monitoring.v1.monitoring_v1_messages import Dashboard
from googlecloudsdk.generated_clients.apis.monitoring.v3.monitoring_v3_messages import (
    AlertPolicy, ServiceLevelObjective)
kinds = {"dashboard.json": Dashboard, "objective.json": ServiceLevelObjective}
for file in files:
    kind = kinds.get(file.rpartition("/")[2], AlertPolicy)
    message = encoding.JsonToMessage(kind, open(file).read())
    for path, field in encoding.UnrecognizedFieldIter(message):
        print(file, path, field)
"""


def unknown_fields(*files: Path) -> str:
    gcloud = shutil.which("gcloud")
    if not gcloud:
        pytest.skip("gcloud is missing, which knows the API: https://cloud.google.com/sdk/docs/install")
    root = Path(gcloud).resolve().parents[1]
    read = subprocess.run(
        ["python3", "-S", "-c", READ, root, *files], capture_output=True, text=True, timeout=60
    )
    return read.stdout + read.stderr


def files() -> dict[str, Path]:
    return {file.stem: file for file in (FOLDER / "policies").iterdir()}


def test_the_policies_are_those_of_the_rules() -> None:
    made = {policy["displayName"]: alert_policies.text_of(policy) for policy in alert_policies.policies()}
    kept = {name: file.read_text() for name, file in files().items() if name not in BY_HAND}
    assert kept == made, "run: python -m scripts.alert_policies"


def test_each_policy_is_named_as_its_file_and_says_what_to_do() -> None:
    for name, file in files().items():
        policy = json.loads(file.read_text())
        assert policy["displayName"] == name
        assert policy["severity"] in ("CRITICAL", "WARNING")
        content = policy["documentation"]["content"]
        assert "{{" not in content and "$value" not in content  # templates of Prometheus
        assert content.count("\n\n") == 2  # what it is, what to do, where more is


def test_google_takes_the_policies_the_objective_and_the_dashboard() -> None:
    assert unknown_fields(FOLDER / "dashboard.json", FOLDER / "objective.json", *files().values()) == ""


def test_objective_alerts_dashboard_and_page_have_the_same_figures() -> None:
    objective = json.loads((FOLDER / "objective.json").read_text())
    allowance = round(1 - objective["goal"], 6)
    days = int(objective["rollingPeriod"].removesuffix("s")) // (24 * 60 * 60)
    for name, rate in (("MaskServeErrorsBurnFast", "14.4"), ("MaskServeErrorsBurnSlowly", "6")):
        assert (
            files()[name].read_text().count(f"> {rate} * {allowance} and") == 2
        )  # a long and a short window
    assert re.search(rf"\[{days}d\].* / {allowance}\"", (FOLDER / "dashboard.json").read_text())
    good = 1000 * objective["goal"]
    page = (ROOT / "docs" / "alerts.md").read_text()
    assert f"Of 1,000 requests, {good:.0f} are answered without a 5xx, over {days} days" in page


def test_the_objective_is_of_what_callers_of_production_see() -> None:
    ratio = json.loads((FOLDER / "objective.json").read_text())["serviceLevelIndicator"]["requestBased"]
    total, bad = (ratio["goodTotalRatio"][f"{kind}ServiceFilter"] for kind in ("total", "bad"))
    assert 'metric.type="loadbalancing.googleapis.com/https/request_count"' in total
    assert f'has_substring("{alert_policies.NAMESPACE}")' in total
    route = (ROOT / "k8s" / "components" / "gateway" / "route.yaml").read_text()
    (probe,) = re.findall(r"matched_url_path_rule\"!=\"([^\"]+)", total)
    assert f"{{type: Exact, value: {probe}}}" in route
    assert f"--path={probe} " in (ROOT / "scripts" / "gcp" / "monitoring.sh").read_text()
    assert bad == f'{total} metric.label."response_code_class"="500"'


def test_tiles_of_the_dashboard_lie_side_by_side() -> None:
    layout = json.loads((FOLDER / "dashboard.json").read_text())["mosaicLayout"]
    taken: set[tuple[int, int]] = set()
    for tile in layout["tiles"]:
        left, top = tile["xPos"], tile["yPos"]
        cells = {(x, y) for x in range(left, left + tile["width"]) for y in range(top, top + tile["height"])}
        assert left + tile["width"] <= layout["columns"]
        assert not cells & taken, tile["widget"]["title"]
        taken |= cells


def test_a_field_that_google_does_not_have_is_noticed(tmp_path: Path) -> None:
    policy = json.loads(files()["MaskServeErrors"].read_text())
    policy["conditions"][0]["conditionPrometheusQueryLanguage"]["for"] = "5m"
    (tmp_path / "policy.json").write_text(json.dumps(policy))
    assert "'for'" in unknown_fields(tmp_path / "policy.json")


def test_alerts_are_of_production_and_can_be_created_before_it_is_deployed() -> None:
    overlay = yaml.safe_load((ROOT / "k8s/overlays/production/kustomization.yaml").read_text())
    assert overlay["namespace"] == alert_policies.NAMESPACE
    for policy in alert_policies.policies():
        condition = policy["conditions"][0]["conditionPrometheusQueryLanguage"]
        assert condition["disableMetricValidation"]
        selectors = len(re.findall(r"\b(?:maskserve|kube)_", condition["query"]))
        assert condition["query"].count(f'namespace="{overlay["namespace"]}"') == selectors


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("absent(maskserve_a)", 'absent(maskserve_a{namespace="maskserve-production"})'),
        (
            'rate(maskserve_a_total{b="c"}[5m])',
            'rate(maskserve_a_total{namespace="maskserve-production",b="c"}[5m])',
        ),
        ('other{subscription_id="maskserve-images"}', 'other{subscription_id="maskserve-images"}'),
    ],
)
def test_only_series_of_the_service_are_restricted_to_production(query: str, expected: str) -> None:
    assert alert_policies.of_production(query) == expected


def test_there_is_an_alert_for_each_way_to_fail() -> None:
    # What callers see, the load balancer, latency, the queue, events, silence, changed pictures.
    assert files().keys() >= {
        "MaskServeErrorsBurnFast",
        "MaskServeErrorsBurnSlowly",
        "MaskServeBalancerErrors",
        "MaskServeUnreachable",
        "MaskServeSlow",
        "MaskServeQueueLong",
        "MaskServeDeadLetters",
        "MaskServeEventsWait",
        "MaskServeNoTraffic",
        "MaskServeDrift",
        "MaskServeBuildFailed",
        "MaskServeMaxReplicas",
        "MaskServeRedisGone",
    }


def test_a_page_says_of_each_alert_what_to_do_at_night() -> None:
    page = (ROOT / "docs" / "alerts.md").read_text()
    paragraphs = {
        text.split("**")[1].rstrip("."): text for text in page.split("\n\n") if text.startswith("**")
    }
    assert sorted(paragraphs) == sorted(files())
    assert min(len(text) for text in paragraphs.values()) > 120
