"""Links of README, changelog, examples and documentation lead to files and headings that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")])
CODE = re.compile(r"^( *)```.*?^\1```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?![a-z]+:)([^)#\s]*)(?:#([^)\s]+))?\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def slugs(page: Path) -> set[str]:
    """Give the anchors of a page, as GitHub and the site make them of its headings."""
    headings = HEADING.findall(CODE.sub("", page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.each("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    lost = []
    for target, anchor in LINK.findall(CODE.sub("", page.read_text(encoding="utf-8"))):
        there = (page.parent / target).resolve() if target else page
        if not there.exists() or (anchor and there.suffix == ".md" and anchor not in slugs(there)):
            lost.append(f"{target}#{anchor}")
    assert lost == []


def test_a_heading_is_found_by_its_anchor(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# `bulk run`: what it does, twice\n\n```\n# no heading\n```\n", encoding="utf-8")
    assert slugs(page) == {"bulk-run-what-it-does-twice"}
