"""The SQL of this store, read from its files."""

from __future__ import annotations

import functools
import sqlite3
from typing import TYPE_CHECKING

from vonage_messages.stores import statement_files

if TYPE_CHECKING:
    from collections.abc import Iterator

_PACKAGE = "vonage_messages.stores.sqlite"


def sql(name: str) -> str:
    """Give the statement of this name from the files of ``sql/``."""
    return statement_files.named_statements(_PACKAGE)[name]


@functools.cache
def sql_for(name: str, rows: int) -> str:
    """Give the statement of this name, which inserts one row, so that it inserts *rows* of them."""
    before, values, rest = sql(name).partition("VALUES ")
    row, behind, rest = rest.partition(")")
    return f"{before}{values}{', '.join([row + behind] * rows)}{rest}"


def migrations() -> tuple[str, ...]:
    """Give the scripts of ``migrations/`` in their order: the first leads from version 0 to version 1."""
    return statement_files.migrations(_PACKAGE)


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
