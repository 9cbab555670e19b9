"""The pages of documentation: each is in the index, and their links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
IGNORED = {line.rstrip("/") for line in (ROOT / ".gitignore").read_text().splitlines()}
PAGES = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not any(name in IGNORED or name == ".git" for name in path.relative_to(ROOT).parts)
)
_CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(([^()\s]+(?:\([^()\s]*\)[^()\s]*)*)\)|(?:src|srcset|href)=\"([^\"]+)\"")
_HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)


def links_of(text: str) -> list[str]:
    """Where a page's links and pictures lead, but for addresses on the web."""
    found = [one or other for one, other in _LINK.findall(_CODE.sub("", text))]
    return [link for link in found if not re.match(r"[a-z]+:", link)]


def anchors_of(page: Path) -> set[str]:
    """The anchors that GitHub gives a page's headings."""
    anchors: set[str] = set()
    for heading in _HEADING.findall(re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.M)):
        words = re.sub(r"\[([^]]*)]\([^)]*\)", r"\1", heading).lower()
        anchor = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        repeated = sum(re.fullmatch(rf"{re.escape(anchor)}(-\d+)?", known) is not None for known in anchors)
        anchors.add(f"{anchor}-{repeated}" if repeated else anchor)
    return anchors


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see [settings](settings.md#limits)", ["settings.md#limits"]),
        ("![a figure](figure.svg)", ["figure.svg"]),
        ('<img src="docs/page/light.webp">', ["docs/page/light.webp"]),
        ("[elsewhere](https://example.com) [mail](mailto:a@example.com)", []),
        ("`[not](a-link.md)`", []),
        ("```\n[not](a-link.md)\n```", []),
    ],
)
def test_links_are_found(text: str, expected: list[str]) -> None:
    assert links_of(text) == expected


def test_anchors_are_those_of_github(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A page\n\n## `uwsgi.ini`, and [more](x.md)!\n\n## Twice\n\n## Twice\n\n```\n# code\n```\n"
    )
    assert anchors_of(page) == {"a-page", "uwsgiini-and-more", "twice", "twice-1"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in links_of(page.read_text(encoding="utf-8")):
        name, _, anchor = unquote(link).partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{link}: there is no such file"
        assert target.is_relative_to(ROOT), f"{link}: outside the repository"
        if anchor and target.suffix == ".md":
            assert anchor in anchors_of(target), f"{link}: there is no such heading"


def test_the_index_has_every_page_with_a_line_about_it() -> None:
    rows = re.findall(r"^\| \[[^]]+]\(([^)]+)\) \| (.+) \|$", (DOCS / "README.md").read_text(), re.MULTILINE)
    listed = [name for name, _ in rows if "/" not in name]
    assert sorted(listed) == sorted(path.name for path in DOCS.glob("*.md") if path.name != "README.md")
