"""
Which public name has its entry on which page of the reference: read from sources and pages, without importing either.

A page says what it holds in a block::

    ```{names} vonage_messages
    channels.sms
    EncodingType
    ```

The argument is a package, each line one of its modules (all public names that live there) or one name. A name that any
page lists by itself is left out where its module is listed. A block without lines holds all names of its package. Any
module of ours may stand for a package: for what is not exported, but named by the signatures of what is.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

DOCS = Path(__file__).parents[1]
ROOT = DOCS.parent
BLOCK = re.compile(r"^```\{names\} ([\w.]+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
TOP = "vonage_messages"
PACKAGES: Mapping[str, str] = {
    TOP: "__init__.py",
    f"{TOP}.migrate": "wire/migrate.py",
    f"{TOP}.webhooks": "webhooks/__init__.py",
    f"{TOP}.receiving": "receiving/__init__.py",
    f"{TOP}.adapters.aiohttp": "adapters/aiohttp.py",
    f"{TOP}.adapters.asgi": "adapters/asgi.py",
    f"{TOP}.simulator": "simulator/__init__.py",
    f"{TOP}.testing": "testing/__init__.py",
    f"{TOP}.telemetry": "telemetry/__init__.py",
    f"{TOP}.clock": "clock.py",
    f"{TOP}.codes": "codes.py",
    f"{TOP}.stores.sqlite": "stores/sqlite/__init__.py",
    f"{TOP}.stores.postgres": "stores/postgres/__init__.py",
    f"{TOP}.stores.redis": "stores/redis/__init__.py",
    f"{TOP}.workers": "workers/__init__.py",
    f"{TOP}.onboarding.doctor": "onboarding/doctor.py",
    f"{TOP}.clients": "clients/__init__.py",
}
"""Where programs import from, and the file that says what is there. The first that has a name has its entry."""


class Block(NamedTuple):
    """What one block of a page asks for."""

    package: str
    lines: tuple[str, ...]


@cache
def public_names(package: str) -> Mapping[str, str]:
    """Tell for each public name of *package* the module that it lives in: what it exports, or what it defines."""
    tree = _parsed(package)
    exported = next((ast.literal_eval(node.value) for node in tree.body if _assigns(node, "__all__")), None)
    if exported is None:
        return {name: package for node in tree.body for name in _defined_by(node) if not name.startswith("_")}
    homes = imports_of(package)
    return {name: homes[name] for name in exported if not name.startswith("__")}


@cache
def imports_of(module: str) -> Mapping[str, str]:
    """Tell where a module of ours has the names from that it imports, for type checkers or at run time."""
    imports = [node for node in ast.walk(_parsed(module)) if isinstance(node, ast.ImportFrom)]
    return {alias.name: node.module or "" for node in imports for alias in node.names}


@cache
def own_names(package: str) -> Mapping[str, str]:
    """Leave out what an earlier package has already."""
    earlier = list(PACKAGES)[: list(PACKAGES).index(package) if package in PACKAGES else None]
    taken = {entry for other in earlier for entry in public_names(other).items()}
    return {name: home for name, home in public_names(package).items() if (name, home) not in taken}


def all_names() -> list[str]:
    """Give every public name in full."""
    return [f"{package}.{name}" for package in PACKAGES for name in own_names(package)]


def pages() -> Mapping[str, list[str]]:
    """Tell which names each page of the reference has entries for, in full."""
    return {name: [entry for block in blocks_of(text) for entry in names_of(block)] for name, text in _texts().items()}


def blocks_of(text: str) -> Iterator[Block]:
    """Find what a page asks for."""
    for package, lines in BLOCK.findall(text):
        yield Block(package, tuple(lines.split()))


def names_of(block: Block) -> list[str]:
    """Give the names that a block holds, in full, in the order of its lines."""
    names = own_names(block.package)
    single = _listed_by_themselves(block.package)
    chosen: list[str] = []
    for line in block.lines or dict.fromkeys(names.values()):
        full = f"{TOP}.{line}"
        held = [name for name, home in names.items() if name == line or (home in (full, line) and name not in single)]
        if not held:
            raise ValueError(f"{line} is no name of {block.package} without an entry, and no module that has one")
        chosen += held
    return [f"{block.package}.{name}" for name in chosen]


def _listed_by_themselves(package: str) -> set[str]:
    blocks = [block for text in _texts().values() for block in blocks_of(text) if block.package == package]
    return {line for block in blocks for line in block.lines if line in own_names(package)}


def _texts() -> Mapping[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in sorted((DOCS / "reference").glob("*.md"))}


def _parsed(module: str) -> ast.Module:
    path = ROOT / TOP / PACKAGES.get(module, module.removeprefix(f"{TOP}.").replace(".", "/") + ".py")
    path = path if path.exists() else path.with_suffix("") / "__init__.py"
    return ast.parse(path.read_text(encoding="utf-8"))


def _defined_by(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return [node.name]
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return [node.target.id]
    if isinstance(node, ast.Assign):
        return [target.id for target in node.targets if isinstance(target, ast.Name) and target.id[0].isupper()]
    return []


def _assigns(node: ast.stmt, name: str) -> bool:
    return isinstance(node, ast.Assign) and any(isinstance(each, ast.Name) and each.id == name for each in node.targets)
