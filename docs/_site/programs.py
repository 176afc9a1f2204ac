"""
The programs of README and site, found and run by Sybil.

Each block runs by itself, as somebody would who copies it: with names of its own, top-level ``await`` (as in
``python -m asyncio``), and what it prints kept. A block that holds ``…`` outside its comments is only compiled.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType

from sybil import Example, Sybil
from sybil.parsers.myst import CodeBlockParser

from _site.names import DOCS, ROOT

PAGES = (ROOT / "README.md", *sorted(DOCS.rglob("*.md")))
_COMMENT = re.compile(r"#.*")
_OUTPUT = re.compile(r"\s*```text\n(.*?)```", re.DOTALL)
_PROMISE = re.compile(r"print\(.*\)  # (.*)")


def programs_of(page: Path) -> list[Example]:
    """Give the Python blocks of a page, in order."""
    return list(Sybil([CodeBlockParser("python", run)]).parse(page).examples())


def name_of(page: Path) -> str:
    """Name a page as links of the site do."""
    return page.name if page.parent == ROOT else str(page.relative_to(DOCS))


def is_sketch(program: Example) -> bool:
    """Tell whether something is left out of it."""
    return "…" in _COMMENT.sub("", program.parsed)


def is_of_a_test_run(program: Example) -> bool:
    """Tell whether it is a file that pytest collects."""
    return re.search(r"^(async )?def test_|^@pytest\.fixture", program.parsed, re.MULTILINE) is not None


def run(program: Example) -> None:
    """Compile a block, and run it unless something is left out of it."""
    sketch = is_sketch(program)
    source = "\n" * (program.line + program.parsed.line_offset) + program.parsed
    source = source.replace("…", "...") if sketch else source
    code = compile(source, program.path, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    if sketch:
        return
    result = FunctionType(code, {"__name__": "documentation"})()
    if inspect.iscoroutine(result):
        asyncio.run(_finished(result))


async def _finished(coroutine: object) -> None:
    await coroutine  # type: ignore[misc]


def shown_output(program: Example) -> str | None:
    """Give the text block behind a program: what it prints, word for word."""
    found = _OUTPUT.match(program.document.text, program.end)
    return found[1] if found else None


def promised_lines(program: Example) -> Iterator[str]:
    """Give the comments behind calls of ``print``: lines that are printed."""
    return (found[1] for found in _PROMISE.finditer(program.parsed))
