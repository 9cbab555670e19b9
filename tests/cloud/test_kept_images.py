"""Images that a page has you push are ones that the registry keeps."""

from __future__ import annotations

import json
import re

import pytest
from workspace import ROOT

PUSHED = {
    file.stem: tags
    for file in sorted((ROOT / "docs").glob("deploy-*.md"))
    if (tags := re.findall(r"docker push \$IMAGE:(\S+)", file.read_text()))
}


@pytest.mark.parametrize("page", PUSHED)
def test_the_registry_keeps_what_a_page_has_pushed(page: str) -> None:
    policies = json.loads((ROOT / "scripts/gcp/cleanup.json").read_text())
    kept = tuple(
        next(policy["condition"]["tagPrefixes"] for policy in policies if policy["name"] == "keep-deployed")
    )
    assert all(tag.startswith(kept) for tag in PUSHED[page]), PUSHED[page]


def test_pages_that_push_are_found() -> None:
    assert {"deploy-cloud-run", "deploy-helm", "deploy-kserve", "deploy-terraform", "deploy-vertex"} <= set(
        PUSHED
    )
