"""deploy/terraform/monitoring.tf: the alerts, the objective and the budget of scripts/gcp/monitoring.sh."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from monitoring_needs import OF_ABSENCE
from terraform_module import FOLDER, SCRIPTS, resource
from workspace import ROOT

MONITORING = ROOT / "scripts" / "gcp" / "monitoring"
ALERTS = {file.stem: json.loads(file.read_text()) for file in (MONITORING / "policies").iterdir()}
KINDS = {"of_prometheus": "conditionPrometheusQueryLanguage", "unreachable": "conditionThreshold"}
KINDS["build_failed"] = "conditionMatchedLog"


def local_values(folder: Path, *names: str, **variables: str) -> dict[str, Any]:
    """The module's local values as Terraform computes them, without the provider."""
    if not shutil.which("terraform"):
        pytest.skip("terraform is not installed")
    text = (FOLDER / "monitoring.tf").read_text()
    blocks = "\n".join(re.findall(r"^locals \{\n.*?^\}\n", text, re.MULTILINE | re.DOTALL))
    blocks = blocks.replace("google_monitoring_notification_channel.email[*].name", '["mail"]')
    (folder / "main.tf").write_text(blocks.replace("${path.module}/../..", str(ROOT)))
    shutil.copy(FOLDER / "variables.tf", folder)
    asked = ", ".join(f"{name} = local.{name}" for name in names)
    given = {"project": "my-project", "domain": "segment.example.org", **variables}
    told = subprocess.run(
        ["terraform", "console", "-no-color"],
        input=f"jsonencode({{{asked}}})\n",
        cwd=folder,
        env={
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "TF_CLI_CONFIG_FILE": "/dev/null",
            **{f"TF_VAR_{name}": value for name, value in given.items()},
        },
        capture_output=True,
        text=True,
    )
    assert told.returncode == 0, told.stderr
    values: dict[str, Any] = json.loads(json.loads(told.stdout))
    return values


def leaves(value: object) -> Iterator[str]:
    """The names in a JSON value that have no objects below them, as Terraform writes them."""
    if isinstance(value, dict):
        for name, below in value.items():
            inner = list(leaves(below))
            yield from inner or [re.sub("[A-Z]", lambda letter: "_" + letter[0].lower(), name)]
    elif isinstance(value, list):
        for below in value:
            yield from leaves(below)


def test_it_makes_every_alert_of_the_script(tmp_path: Path) -> None:
    made = local_values(tmp_path, *KINDS, alert_email="night@example.org")
    assert {name: alert for kind in KINDS for name, alert in made[kind].items()} == ALERTS
    for kind, condition in KINDS.items():
        assert made[kind]
        assert all(condition in alert["conditions"][0] for alert in made[kind].values())


def test_without_an_address_it_makes_none(tmp_path: Path) -> None:
    assert local_values(tmp_path, *KINDS) == {kind: {} for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_of_an_alert_is_left_out(kind: str) -> None:
    body = resource("google_monitoring_alert_policy", kind)
    given = set(re.findall(r"'(\w+)': ", str(body)))
    for alert in ALERTS.values():
        if KINDS[kind] in alert["conditions"][0]:
            assert set(leaves(alert)) - given == set()
    assert body["for_each"] == f"${{local.{kind}}}"
    assert body["notification_channels"] == "${local.channels[each.value.severity]}"


def test_words_that_stand_for_others_are_replaced() -> None:
    for word, kind, by in (
        ("CHECK_ID", "unreachable", "google_monitoring_uptime_check_config.this.uptime_check_id"),
        ("REGION", "build_failed", "var.region"),
    ):
        assert f'"{word}", {by})' in str(resource("google_monitoring_alert_policy", kind))
        holders = [alert for alert in ALERTS.values() if word in str(alert)]
        assert [KINDS[kind] in alert["conditions"][0] for alert in holders] == [True]


def test_alerts_on_absence_are_disabled_until_production_is_released(tmp_path: Path) -> None:
    before = local_values(tmp_path, "disabled", alert_email="night@example.org")["disabled"]
    after = local_values(tmp_path, "disabled", alert_email="night@example.org", released="true")["disabled"]
    assert set(before) == {"MaskServeNoTraffic", *OF_ABSENCE}
    assert after == ["MaskServeNoTraffic"]
    for kind in ("of_prometheus", "unreachable"):
        enabled = resource("google_monitoring_alert_policy", kind)["enabled"]
        assert enabled == "${!contains(local.disabled, each.key)}"


def test_critical_alerts_go_to_whoever_is_woken_up_as_well(tmp_path: Path) -> None:
    channels = local_values(tmp_path, "channels", critical_channels='["pager"]')["channels"]
    assert channels == {"WARNING": ["mail"], "CRITICAL": ["mail", "pager"]}
    assert {alert["severity"] for alert in ALERTS.values()} == channels.keys()


def test_the_uptime_check_is_that_of_the_script() -> None:
    check = resource("google_monitoring_uptime_check_config", "this")
    (http,), (resource_of,) = check["http_check"], check["monitored_resource"]
    assert f"--path={json.loads(http['path'])} " in SCRIPTS
    assert (http["use_ssl"], http["validate_ssl"]) == (True, True)
    assert resource_of["labels"]["host"] == "${var.domain}"
    (minutes,) = re.findall(r"--validate-ssl=true --period=(\d+)", SCRIPTS)
    (seconds,) = re.findall(r"--period=\d+ --timeout=(\d+)", SCRIPTS)
    assert (check["period"], check["timeout"]) == (f'"{60 * int(minutes)}s"', f'"{seconds}s"')


def test_the_objective_is_that_of_the_script(tmp_path: Path) -> None:
    kept = json.loads((MONITORING / "objective.json").read_text())
    assert local_values(tmp_path, "objective")["objective"] == kept
    slo = resource("google_monitoring_slo", "answered")
    assert slo["goal"] == "${local.objective.goal}"
    assert json.loads(slo["slo_id"]) == "answered"
    ratio = slo["request_based_sli"][0]["good_total_ratio"][0]
    for kind in ("total", "bad"):
        assert ratio[f"{kind}_service_filter"].endswith(f".goodTotalRatio.{kind}ServiceFilter}}")


def test_the_budget_warns_of_the_project_and_as_early_as_the_script() -> None:
    budget = resource("google_billing_budget", "this")
    rules = [
        f"--threshold-rule=percent={rule['threshold_percent']}"
        + (",basis=forecasted-spend" if "spend_basis" in rule else "")
        for rule in budget["threshold_rules"]
    ]
    assert rules == re.findall(r"--threshold-rule=\S+", SCRIPTS)
    assert budget["budget_filter"][0]["projects"] == ['"projects/${data.google_project.this.number}"']
    apis = resource("google_project_service", "this")["for_each"]
    assert '"cloudbilling", "billingbudgets"' in apis


def test_the_dashboard_is_that_of_the_script() -> None:
    dashboard = resource("google_monitoring_dashboard", "this")["dashboard_json"]
    assert dashboard == '${file("${local.monitoring}/dashboard.json")}'
