"""Write the alerts as policies of Cloud Monitoring: python -m scripts.alert_policies

From the rules for Prometheus in docs/monitoring/rules.yml and scripts/gcp/monitoring/rules.yml, which are
tested. Run it after a change there. MaskServeUnreachable and MaskServeBuildFailed, which are about an uptime
check and a log, are written by hand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
RULES = (ROOT / "docs/monitoring/rules.yml", ROOT / "scripts/gcp/monitoring/rules.yml")
FOLDER = ROOT / "scripts/gcp/monitoring/policies"
NAMESPACE = "maskserve-production"
"""Staging runs in the same project, and nobody is to be woken up for it."""

_SEVERITIES = {"critical": "CRITICAL", "warning": "WARNING", "info": "WARNING"}
# Notifications cannot repeat a value in words, as Prometheus' templates do; they have it as a number.
_VALUES = {
    "humanizePercentage": "too large a share",
    "humanizeDuration": "the limit",
    "humanize": "several",
    "": "some",
}


def main() -> None:
    """Write a file for each alert."""
    for policy in policies():
        (FOLDER / f"{policy['displayName']}.json").write_text(text_of(policy))


def policies() -> Iterator[dict[str, Any]]:
    """An AlertPolicy of Cloud Monitoring's API for each rule."""
    for file in RULES:
        for group in yaml.safe_load(file.read_text())["groups"]:
            yield from (_policy(rule) for rule in group["rules"])


def text_of(policy: dict[str, Any]) -> str:
    """The text of a policy's file."""
    return json.dumps(policy, indent=2, ensure_ascii=False) + "\n"


def of_production(query: str) -> str:
    """The query, asking only for series of the service in production."""

    def selected(found: re.Match[str]) -> str:
        name, labels = found.groups()
        return f'{name}{{namespace="{NAMESPACE}"' + (f",{labels}" if labels else "") + "}"

    return re.sub(r"\b(maskserve_[a-z_]+)(?:\{([^}]*)\})?", selected, query)


def _policy(rule: dict[str, Any]) -> dict[str, Any]:
    name, notes = rule["alert"], rule["annotations"]
    minutes = int(rule.get("for", "0m").removesuffix("m"))
    paragraphs = (_in_words(notes["summary"]), notes["description"], f"More: docs/alerts.md, {name}.")
    return {
        "displayName": name,
        "severity": _SEVERITIES[rule["labels"]["severity"]],
        "documentation": {
            "mimeType": "text/markdown",
            "content": "\n\n".join(paragraphs),
        },
        "combiner": "OR",
        "conditions": [
            {
                "displayName": name,
                "conditionPrometheusQueryLanguage": {
                    "query": of_production(rule["expr"]),
                    "duration": f"{60 * minutes}s",
                    # What can wait until morning is looked for less often: Google charges for each query.
                    "evaluationInterval": "30s" if rule["labels"]["severity"] == "critical" else "120s",
                    # Otherwise a policy is refused until its metric has been written for the first time.
                    "disableMetricValidation": True,
                },
            }
        ],
    }


def _in_words(summary: str) -> str:
    """A summary without Prometheus' templates."""
    summary = re.sub(r"\{\{ \$labels\.(\w+) \}\}", r"${metric_or_resource.label.\1}", summary)
    summary = re.sub(r"\{\{ \$value(?: \| (\w+))? \}\}", lambda value: _VALUES[value[1] or ""], summary)
    return summary[0].upper() + summary[1:]


if __name__ == "__main__":
    main()
