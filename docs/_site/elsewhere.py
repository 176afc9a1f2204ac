"""Pages that stand elsewhere in the repository: their links are those of their own folder."""

from __future__ import annotations

import posixpath
import re

from sphinx.application import Sphinx

from _site.names import DOCS, ROOT

LINK = re.compile(r"\]\((?![a-z]+:|#)([^)]+)\)")
PAGES = {
    "architecture": "ARCHITECTURE.md",
    "project/changelog": "CHANGELOG.md",
    "project/contributing": "CONTRIBUTING.md",
    "project/examples": "examples/README.md",
    "project/security-policy": "SECURITY.md",
}
_PAGE_OF = {(ROOT / path).resolve(): page for page, path in PAGES.items()}


def setup(app: Sphinx) -> dict[str, bool]:
    """Be an extension of Sphinx."""
    app.connect("source-read", fetch)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def fetch(app: Sphinx, page: str, source: list[str]) -> None:
    """Put the text of a page where its place is held, with links that lead to the same files."""
    if page not in PAGES:
        return
    path = ROOT / PAGES[page]
    app.env.note_dependency(path)
    here = (DOCS / page).parent

    def link(found: re.Match[str]) -> str:
        file, hash_, anchor = found[1].partition("#")
        there = (path.parent / file).resolve()
        if there in _PAGE_OF:
            there = DOCS / f"{_PAGE_OF[there]}.md"
        return f"]({posixpath.relpath(there, here)}{hash_}{anchor})"

    source[0] = LINK.sub(link, path.read_text(encoding="utf-8"))
