"""Environment: refuses variables that look like settings but are not, so that no typing error is ignored."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence

# Kubernetes sets variables for each Service in every pod: for one named maskserve, MASKSERVE_SERVICE_HOST,
# MASKSERVE_PORT=tcp://…, MASKSERVE_PORT_80_TCP_ADDR and so on.
_SERVICE_LINK = re.compile(
    r"\w+_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
_SERVICE_ADDRESS = re.compile(r"(tcp|udp|sctp)://.*")


def complaint_about_port(environment: Mapping[str, str], name: str) -> str | None:
    """What is wrong with a port variable, if anything; uWSGI would take a word for "any free port"."""
    text = environment.get(name, "8080")
    if re.fullmatch("[0-9]{1,5}", text) and 1 <= int(text) <= 65535:
        return None
    return f"{name} must be a whole number from 1 to 65535, not {text!r}"


def complaint_about_names(environment: Mapping[str, str], prefix: str, names: Sequence[str]) -> str | None:
    """What is wrong with the first variable that has `prefix` but is not a setting, if there is one."""
    for name, text in environment.items():
        if not name.startswith(prefix) or name in names or _is_service_link(name, text):
            continue
        known = {known.removeprefix(prefix): known for known in [*names, "PORT"]}
        near = [known[word] for word in difflib.get_close_matches(name.removeprefix(prefix), known)]
        advice = f"did you mean {' or '.join(near)}?" if near else "docs/settings.md lists all settings"
        return f"there is no setting {name}; {advice}"
    return None


def _is_service_link(name: str, text: str) -> bool:
    return bool(
        _SERVICE_LINK.fullmatch(name) or (name.endswith("_PORT") and _SERVICE_ADDRESS.fullmatch(text))
    )
