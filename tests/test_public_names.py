"""
Every name that users may import, by module: ``public_names.txt``. What is taken away from there breaks programs.

A new name is added to that file. A name goes only as ``docs/support.md`` says: first it warns, for two minor versions.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LISTED = (Path(__file__).parent / "public_names.txt").read_text(encoding="utf-8").split()
MODULES = [
    "vonage_messages",
    "vonage_messages.adapters.aiohttp",
    "vonage_messages.adapters.asgi",
    "vonage_messages.clients",
    "vonage_messages.clock",
    "vonage_messages.codes",
    "vonage_messages.receiving",
    "vonage_messages.simulator",
    "vonage_messages.stores.postgres",
    "vonage_messages.stores.redis",
    "vonage_messages.stores.sqlite",
    "vonage_messages.telemetry",
    "vonage_messages.testing",
    "vonage_messages.webhooks",
    "vonage_messages.workers",
]
"""What the documentation tells users to import from; what stands elsewhere is not promised."""


def names_of(module: str) -> set[str]:
    """Read the public names of a module from its source, so that no extra has to be installed."""
    path = ROOT.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    body = ast.parse(file.read_text(encoding="utf-8")).body
    for node in body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return set(ast.literal_eval(node.value))
    defined = {node.name for node in body if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)}
    return {name for name in defined if not name.startswith("_")}


def listed(module: str) -> set[str]:
    return {name.rpartition(".")[2] for name in LISTED if name.rpartition(".")[0] == module}


@pytest.mark.parametrize("module", MODULES)
def test_no_public_name_was_taken_away(module: str) -> None:
    assert listed(module) - names_of(module) == set()


@pytest.mark.parametrize("module", MODULES)
def test_every_public_name_is_listed(module: str) -> None:
    assert names_of(module) - listed(module) == set()


def test_the_list_is_sorted_and_names_modules_that_are_public() -> None:
    assert sorted(set(LISTED)) == LISTED
    assert {name.rpartition(".")[0] for name in LISTED} == set(MODULES)
