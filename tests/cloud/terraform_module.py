"""deploy/terraform as its tests read it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from workspace import ROOT

hcl2 = pytest.importorskip("hcl2", reason="python-hcl2 is missing, which reads Terraform's language")

FOLDER = ROOT / "deploy" / "terraform"
TEXT = "\n".join(file.read_text() for file in sorted(FOLDER.glob("*.tf")))
SCRIPTS = "\n".join(file.read_text() for file in sorted((ROOT / "scripts" / "gcp").glob("*.sh")))


@cache
def parsed(text: str) -> dict[str, Any]:
    document: dict[str, Any] = hcl2.loads(text)
    return document


def resources(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Type (of a data source with "data." before it), name and body of each."""
    for kind, prefix in (("resource", ""), ("data", "data.")):
        for entry in document.get(kind, []):
            for of_type, named in entry.items():
                for name, body in named.items():
                    yield prefix + of_type.strip('"'), name.strip('"'), body


def resource(of_type: str, name: str) -> dict[str, Any]:
    """The body of one."""
    return next(
        body for found in resources(parsed(TEXT)) for body in found[2:] if found[:2] == (of_type, name)
    )
