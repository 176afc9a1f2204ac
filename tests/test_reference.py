"""Every public name has exactly one entry in the reference of the site."""

from __future__ import annotations

import ast
import importlib
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from _site.names import PACKAGES, all_names, pages, public_names

ROOT = Path(__file__).parents[1]
PROGRAM = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
ENTRIES = Counter(name for names in pages().values() for name in names)


def test_every_public_name_has_one_entry() -> None:
    assert {name: ENTRIES[name] for name in all_names() if ENTRIES[name] != 1} == {}
    assert max(ENTRIES.values()) == 1


def test_public_names_are_those_that_the_packages_export() -> None:
    for package in PACKAGES:
        if package == "vonage_messages.migrate":
            continue  # it is a name itself, and no module of that name can be imported
        module = importlib.import_module(package)
        exported = getattr(module, "__all__", None)
        if exported is not None:
            assert {*public_names(package)} == {*exported} - {"__version__"}, package
        assert [name for name in public_names(package) if not hasattr(module, name)] == []


def imported(source: str) -> Iterator[tuple[str, str]]:
    """Tell what a program imports of ours: the module, and the name."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "vonage_messages":
            yield from ((node.module or "", alias.name) for alias in node.names)


def test_what_programs_import_is_a_public_name() -> None:
    texts = [path.read_text(encoding="utf-8") for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]]
    sources = [block for text in texts for block in PROGRAM.findall(text)]
    sources = [source.replace("…", "...") for source in sources]
    sources += [path.read_text(encoding="utf-8") for path in (ROOT / "examples").rglob("*.py")]
    assert len(sources) > 80
    found = {pair for source in sources for pair in imported(source)}
    assert len(found) > 60
    homes = {home for package in PACKAGES for home in public_names(package).values()}
    unknown = {
        (module, name)
        for module, name in found
        if not (module in PACKAGES and name in public_names(module)) and not {module, f"{module}.{name}"} & homes
    }
    assert unknown == set()
