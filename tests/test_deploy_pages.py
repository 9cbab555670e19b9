"""The pages on deploying are short, with figures to choose by; no page has a key where others can read it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scripts import cost

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted([*DOCS.glob("deploy*.md"), DOCS / "operate-gcp.md", DOCS / "gcp-project.md"])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_is_read_in_one_go(page: Path) -> None:
    assert len(page.read_text().splitlines()) < 80


@pytest.mark.parametrize(
    "page",
    [*sorted(DOCS.glob("*.md")), *sorted((DOCS.parent / "k8s").rglob("*.md"))],
    ids=lambda page: f"{page.parent.name} {page.stem}",
)
def test_no_command_has_a_key_among_its_arguments(page: Path) -> None:
    text = page.read_text()
    assert "--from-literal=keys" not in text
    assert not re.findall(r"(?:-H|--header)[ =][\"']?(?:\$|X-API-Key: |Authorization: )", text)


def rows() -> dict[str, list[str]]:
    """The cells of the table to choose by, by the page that a row leads to."""
    lines = re.findall(
        r"^\| \[[^]]+]\(([^)]+)\)[^|]*\| (.*) \|$", (DOCS / "deploy.md").read_text(), re.MULTILINE
    )
    return {page: cells.split(" | ") for page, cells in lines}


def test_the_table_to_choose_by_has_every_way_with_figures() -> None:
    guides = {"deploy.md", "deploy-terraform.md"}  # which creates what the others need
    assert {page.name for page in DOCS.glob("deploy*.md")} - guides <= rows().keys()
    for page, (idle, million, *_) in rows().items():
        if idle != "as above":
            assert "$" in idle, page
            assert "$" in million or page == "image.md", page


def test_its_figures_are_those_of_the_page_on_cost() -> None:
    tables = cost.tables({}, cost.PREMIUM, cost.SPOT)
    two_pods = f"${round(2 * cost.HOURS * cost.DEFAULT_POD)}"  # as the chart and the InferenceService have
    for page, (idle, million, *_) in rows().items():
        for figure in re.findall(r"\$\d+(?:\.\d+)?", f"{idle} {million}"):
            assert figure == two_pods or re.search(rf"{re.escape(figure)} ", tables), (page, figure)
