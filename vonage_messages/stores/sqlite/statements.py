"""The SQL of this store, read from its files."""

from __future__ import annotations

import functools
import sqlite3
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_FILES = resources.files("vonage_messages.stores.sqlite")


@functools.cache
def sql(name: str) -> str:
    """Give the statement of ``sql/<name>.sql``."""
    return _FILES.joinpath("sql", f"{name}.sql").read_text(encoding="utf-8").strip()


@functools.cache
def sql_for(name: str, rows: int) -> str:
    """Give the statement of ``sql/<name>.sql``, which inserts one row, so that it inserts *rows* of them."""
    before, values, rest = sql(name).partition("VALUES ")
    row, behind, rest = rest.partition(")")
    return f"{before}{values}{', '.join([row + behind] * rows)}{rest}"


@functools.cache
def migrations() -> tuple[str, ...]:
    """Give the scripts of ``migrations/`` in their order: the first leads from version 0 to version 1."""
    found = sorted((file.name, file) for file in _FILES.joinpath("migrations").iterdir() if file.name.endswith(".sql"))
    return tuple(file.read_text(encoding="utf-8") for _, file in found)


def statements_of(script: str) -> Iterator[str]:
    """
    Take a script apart, because ``executescript`` would commit what is open first.

    Every statement must end at the end of a line.
    """
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
