"""The SQL in files: what the files say is what is asked, and nothing stands there in vain."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

import vonage_messages
from vonage_messages.stores.statement_files import named_statements

ROOT = Path(vonage_messages.__file__).parent
CALLS = {
    "stores.sqlite": r'\bsql(?:_for)?\("(\w+)"',
    "stores.postgres": r'\b(?:statement|_fetch|_execute|_change|_move|_scoped)\(\s*"(\w+)"',
    "workers": r'\bask\([\w.]+, "(\w+)"',
}
"""How the modules of a package name the statement that they want, where they name it as they ask."""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that holds nothing yet: the folder of its statements."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "with_statements", raising=False)
    folder = tmp_path / "with_statements" / "sql"
    folder.mkdir(parents=True)
    folder.with_name("__init__.py").touch()
    named_statements.cache_clear()
    return folder


def test_a_statement_stands_between_its_name_and_the_next(package: Path) -> None:
    (package / "one.sql").write_text("-- name: first\n-- Why.\nSELECT 1,\n\n2\n\n-- name: second\nSELECT 3\n")
    (package / "two.sql").write_text("-- name: third\nSELECT '-- name: none'\n")

    assert named_statements("with_statements") == {
        "first": "-- Why.\nSELECT 1,\n\n2",
        "second": "SELECT 3",
        "third": "SELECT '-- name: none'",
    }


@pytest.mark.parametrize(
    "texts",
    [
        ["SELECT 1\n-- name: first\nSELECT 2\n"],
        ["-- name: first\nSELECT 1\n-- name: first\nSELECT 2\n"],
        ["-- name: first\nSELECT 1\n", "-- name: first\nSELECT 2\n"],
    ],
    ids=["no name", "twice in a file", "in two files"],
)
def test_a_statement_without_a_name_of_its_own_is_refused(package: Path, texts: list[str]) -> None:
    for number, text in enumerate(texts):
        (package / f"{number}.sql").write_text(text)

    with pytest.raises(ValueError, match="with_statements must name each of its statements"):
        named_statements("with_statements")


@pytest.mark.parametrize("name", CALLS)
def test_every_statement_is_used_and_every_use_has_its_statement(name: str) -> None:
    folder = ROOT.joinpath(*name.split("."))
    source = "".join(file.read_text(encoding="utf-8") for file in folder.glob("*.py"))
    statements = named_statements(f"vonage_messages.{name}")

    asked = set(re.findall(CALLS[name], source))
    assert asked <= statements.keys()
    mentioned = {*re.findall(r'"(\w+)"', source)}
    assert {each.removesuffix("_of_batch") for each in statements} <= mentioned
    assert len(asked) >= 4
