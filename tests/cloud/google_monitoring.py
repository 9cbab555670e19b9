"""Cloud Monitoring and billing in the stand-in for a Google Cloud project."""

from __future__ import annotations

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
BILLING_ACCOUNT = "000000-AAAAAA-111111"
KINDS = (
    "monitoring channels",
    "monitoring dashboards",
    "monitoring policies",
    "monitoring uptime",
    "billing budgets",
    "billing projects",
)

Options = dict[str, str]

API = "https://monitoring.googleapis.com/v3/projects/my-project/"
CHANGES = ("POST", "PATCH")


def name_of(kind: str, options: Options) -> str | None:
    """The name of a thing that is made or changed, as options or a file have it; None: its words do."""
    if kind == "monitoring channels":
        return options.get("channel-labels", "").partition("email_address=")[2] or None
    if kind == "monitoring policies" and "policy-from-file" in options:
        options["text"] = (ROOT / options["policy-from-file"]).read_text()  # which is gone afterwards
        return _display_name(options["policy-from-file"])
    if kind == "monitoring dashboards" and "config-from-file" in options:
        return _display_name(options["config-from-file"])
    return options.get("display-name") if kind == "billing budgets" else None


def resource(kind: str, name: str) -> str:
    """The name that Google gives a thing; it does not contain the name that people give it."""
    return f"projects/my-project/{kind.rpartition(' ')[2]}/{name.encode().hex()}"


def look_up(kind: str, things: dict[str, Options]) -> str:
    """What a look-up prints, in the columns that scripts/gcp/monitoring.sh asks for."""
    if kind == "billing projects":
        return f"billingAccounts/{BILLING_ACCOUNT}"
    if kind == "monitoring channels":  # asked for by address, or by the name that somebody gave it
        return "\n".join(f"{name}\t{resource(kind, name)}" for name in things)
    if kind == "monitoring uptime":
        hosts = {name: options["resource-labels"].split(",")[0] for name, options in things.items()}
        return "\n".join(
            f"{name},{host.removeprefix('host=')},{resource(kind, name)}" for name, host in hosts.items()
        )
    if kind == "billing budgets":
        amounts = {name: re.fullmatch(r"(\d+)(\w*)", one["budget-amount"]) for name, one in things.items()}
        return "\n".join(
            f"{name},billingAccounts/1/budgets/2,{amount[1]},{amount[2] or 'EUR'}"
            for name, amount in amounts.items()
            if amount
        )
    if kind == "monitoring policies":
        return "\n".join(
            f"{name}\t{resource(kind, name)}\t{_fingerprint(options)}" for name, options in things.items()
        )
    return "\n".join(things)


def call(words: list[str], things: dict[tuple[str, str], Options]) -> str | None:
    """What the API answers to a call with curl's arguments `words`; None: there is no such thing."""
    method = words[words.index("--request") + 1]
    path, _, query = words[-1].removeprefix(API).partition("?")
    *parents, collection, name = ["projects", *path.split("/")] + ([query.partition("=")[2]] if query else [])
    thing = (
        {"services": "monitoring services", "serviceLevelObjectives": "monitoring objectives"}[collection],
        name,
    )
    if method == "POST":
        if parents[1:] and ("monitoring services", parents[2]) not in things:
            return None
        things[thing] = {}
    if thing not in things:
        return None
    if method in CHANGES:
        things[thing] = {"text": json.dumps(json.loads(words[words.index("--data") + 1]))}
    return things[thing]["text"]


def _display_name(file: str) -> str:
    name: str = json.loads((ROOT / file).read_text())["displayName"]
    return name


def _fingerprint(options: Options) -> str:
    labels = options.get("update-user-labels", options.get("user-labels", ""))
    return labels.removeprefix("fingerprint=")
