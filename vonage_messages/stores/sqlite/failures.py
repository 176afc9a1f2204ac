"""What SQLite's errors mean to whoever called."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from vonage_messages.errors import OutboxError, StoreUnavailableError, VonageMessagesError

if TYPE_CHECKING:
    from pathlib import Path

_PRIMARY = 0xFF
"""The part of an extended result code that says what kind of failure it is (SQLite, Result and Error Codes)."""

_UNAVAILABLE = {
    sqlite3.SQLITE_FULL: "there is no space left",
    sqlite3.SQLITE_IOERR: "reading or writing failed",
    sqlite3.SQLITE_BUSY: "another process holds its lock",
    sqlite3.SQLITE_LOCKED: "another process holds its lock",
    sqlite3.SQLITE_PROTOCOL: "another process holds its lock",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened",
    sqlite3.SQLITE_READONLY: "it may not be written",
    sqlite3.SQLITE_PERM: "it may not be opened",
    sqlite3.SQLITE_NOMEM: "there is no memory left",
}

_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT}


_FROM_SQLITE = (sqlite3.Error, sqlite3.Warning, UnicodeError, OverflowError)
"""What ``sqlite3`` raises; the last two about texts and numbers that it cannot hold."""


def kind_of(error: sqlite3.Error) -> int:
    """Give the primary result code; ``SQLITE_ERROR`` where the error came from the module and not from SQLite."""
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return code & _PRIMARY


def concerns_the_file(error: BaseException) -> bool:
    """Tell whether the file failed, so that nothing else in the same transaction can be relied on either."""
    return isinstance(error, sqlite3.Error) and (kind_of(error) in _UNAVAILABLE or kind_of(error) in _DAMAGED)


def translated(error: BaseException, path: Path) -> BaseException:
    """Turn an error of SQLite into one of ours; any other is given back as it is."""
    if not isinstance(error, _FROM_SQLITE):
        return error
    return _ours(error, path).with_traceback(error.__traceback__)


def _ours(error: Exception, path: Path) -> VonageMessagesError:
    kind = kind_of(error) if isinstance(error, sqlite3.Error) else sqlite3.SQLITE_ERROR
    ours: VonageMessagesError
    if kind in _UNAVAILABLE:
        ours = StoreUnavailableError(f"{path}: {_UNAVAILABLE[kind]} ({error}). Nothing was changed.")
    elif kind in _DAMAGED:
        ours = OutboxError(f"{path} is damaged, or is no SQLite file ({error}). Nothing was changed; use a copy of it.")
    else:
        ours = OutboxError(f"{path} refused the data ({error}). Nothing was changed.")
    ours.__cause__ = error
    return ours
