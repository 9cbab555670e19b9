"""What a project must hold so that somebody is told of failures: every alert, to the address given."""

from __future__ import annotations

import json
from collections.abc import Iterator

from google_monitoring import BILLING_ACCOUNT, resource
from google_project import NUMBER, Project
from workspace import ROOT

EMAIL, BUDGET = "night@example.org", "500EUR"
FOLDER = ROOT / "scripts" / "gcp" / "monitoring"
CHANNEL = resource("monitoring channels", EMAIL)
PAGER = "Night shift"
OF_ABSENCE = ("MaskServeAbsent", "MaskServeUnreachable")
RELEASED = (
    "artifacts docker images",
    "europe-west1-docker.pkg.dev/my-project/maskserve/maskserve:production",
)
"""What scripts/record-release.sh leaves once production was deployed."""


def monitoring_lacks(project: Project, domain: str) -> Iterator[str]:
    """What is missing or otherwise, each a line that says why that is wrong."""
    channels = {name: one for name, one in project.of_kind("monitoring channels").items() if name != PAGER}
    if list(channels) != [EMAIL] or channels[EMAIL].get("type") != "email":
        yield f"alerts go to {channels}"
    yield from _policies(project)
    yield from _uptime(project, domain)
    yield from _objective(project)
    if list(project.of_kind("monitoring dashboards")) != ["MaskServe"]:
        yield "there is no dashboard"
    yield from _budget(project)


def _policies(project: Project) -> Iterator[str]:
    policies = project.of_kind("monitoring policies")
    if policies.keys() != {file.stem for file in (FOLDER / "policies").glob("*.json")}:
        yield f"the alert policies are {policies.keys()}"
    for name, options in policies.items():
        channel = options.get("set-notification-channels", options.get("notification-channels"))
        critical = json.loads(options["text"])["severity"] == "CRITICAL"
        pager = ("monitoring channels", PAGER) in project.things and critical
        if channel != CHANNEL + (f",{resource('monitoring channels', PAGER)}" if pager else ""):
            yield f"nobody is told of {name}, or another than should be"
        if "CHECK_ID" in options["text"] or "REGION" in options["text"]:
            yield f"{name} has words that stand for others"
        enabled = name != "MaskServeNoTraffic" and (name not in OF_ABSENCE or RELEASED in project.things)
        if ("enabled" in options, "no-enabled" in options) != (enabled, not enabled):
            yield f"{name} is enabled before production is there, or not after that"
        if "fingerprint" not in options.get("user-labels", ""):
            yield f"{name} is replaced at every run"


def _uptime(project: Project, domain: str) -> Iterator[str]:
    check = project.things["monitoring uptime", "MaskServe"]
    policy = json.loads((FOLDER / "policies" / "MaskServeUnreachable.json").read_text())
    asked = check.get("resource-type", "").replace("-", "_")
    unreachable = project.things["monitoring policies", "MaskServeUnreachable"]["text"]
    if resource("monitoring uptime", "MaskServe").rpartition("/")[2] not in unreachable:
        yield "the alert MaskServeUnreachable is of every check in the project"
    if f'resource.type="{asked}"' not in policy["conditions"][0]["conditionThreshold"]["filter"]:
        yield "the alert MaskServeUnreachable is of checks of another type"
    if f"host={domain}" not in check.get("resource-labels", "").split(","):
        yield "the uptime check asks another host"
    if (check.get("protocol"), check.get("path"), check.get("validate-ssl")) != ("https", "/readyz", "true"):
        yield "the uptime check does not take the way of callers, or does not ask whether models are loaded"
    # The alert counts the last five minutes: there must be several results in them.
    if check.get("period") != "1" or int(check.get("timeout", 60)) > 10:
        yield "the uptime check asks too rarely, or waits too long"


def _objective(project: Project) -> Iterator[str]:
    if "custom" not in json.loads(project.things["monitoring services", "maskserve"]["text"]):
        yield "the objective is of a service of another kind"
    made = json.loads(project.things["monitoring objectives", "answered"]["text"])
    if made["userLabels"].pop("fingerprint") == "FINGERPRINT":
        yield "the objective is never replaced"
    kept = json.loads((FOLDER / "objective.json").read_text())
    if made != kept | {"userLabels": {}}:
        yield "the objective is another"


def _budget(project: Project) -> Iterator[str]:
    budget = project.things["billing budgets", "MaskServe in my-project"]
    if (budget.get("budget-amount"), budget.get("billing-account")) != (BUDGET, BILLING_ACCOUNT):
        yield "the budget is another"
    if budget.get("filter-projects") != f"projects/{NUMBER}":
        yield "the budget counts what other projects cost"
    if budget.get("notifications-rule-monitoring-notification-channels") != CHANNEL:
        yield "nobody is told of the budget"
    if budget.get("threshold-rule") != "percent=0.5,percent=0.9,percent=1.0,basis=forecasted-spend":
        yield "the budget warns too late"
