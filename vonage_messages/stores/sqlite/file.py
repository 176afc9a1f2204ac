"""
The file of a ledger: made, recognised, brought up to date, opened.

A file that is not ours, that is damaged, or that a newer version has written is left as it is. Nothing here looks into
a file but through SQLite: on POSIX, closing any other descriptor of it would drop the locks of its other users.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from vonage_messages.errors import ConfigurationError, OutboxError, StoreUnavailableError
from vonage_messages.modes import warn_if_open_to_all
from vonage_messages.stores.sealing import Cipher, Sealing, sealing_of
from vonage_messages.stores.sqlite.failures import kind_of, translated
from vonage_messages.stores.sqlite.presence import Presence
from vonage_messages.stores.sqlite.statements import migrations, sql, statements_of

if TYPE_CHECKING:
    from pathlib import Path

    from vonage_messages.values import Seconds

APPLICATION_ID: Final = 0x766D6F62
"""``vmob`` in ASCII: what makes a SQLite file a ledger."""

OLDEST_SQLITE: Final = (3, 34, 0)
_MODE = 0o600
_CACHE_KIB = 16 * 1024
_CHECKPOINT_PAGES = 4_000
_LARGEST_LOG = 64 * 1024 * 1024
_PAUSE = 0.01
_LOOK_EVERY: Seconds = 1.0
"""How often it is looked whether the file is still there: each look costs this thread the interpreter for a while."""

_KEY = "hash_key"

# One process may open one file several times at once; the descriptor that makes the file must be closed before
# SQLite locks it (see above).
_opening = threading.Lock()


class _Identity(NamedTuple):
    application_id: int
    version: int
    tables: int


class LedgerFile:
    """
    A file that is open, and all that belongs to it. It is used in the one thread that opened it.

    Raises:
        OutboxError: it is not a ledger, was written by a newer version, is damaged, or has another cipher.
        StoreUnavailableError: it cannot be opened, read or written now.
        ConfigurationError: this Python's SQLite is too old.
    """

    def __init__(self, path: Path, *, cipher: Cipher | None, busy_timeout: Seconds) -> None:
        if sqlite3.sqlite_version_info < OLDEST_SQLITE:
            raise ConfigurationError(f"SQLite {sqlite3.sqlite_version} is too old: 3.34 or newer is needed.")
        self.path = path
        self._busy_timeout = busy_timeout
        self._looked = time.monotonic()
        try:
            with _opening:
                _make(path)
                _refuse_what_is_not_ours(path)
                self.connection = sqlite3.connect(
                    f"{path.as_uri()}?mode=rw", uri=True, timeout=busy_timeout, isolation_level=None
                )
            try:
                self._set_up(cipher)
            except BaseException:
                self.connection.close()
                raise
        except sqlite3.Error as error:
            raise translated(error, path) from error
        self.presence = Presence(path)

    def _set_up(self, cipher: Cipher | None) -> None:
        connection = self.connection
        _check(_identity_at_one_moment(connection), self.path)
        self._refuse_what_is_damaged()
        self._use_write_ahead_log()
        # FULL: a commit is on the disk before anyone is told of it. fullfsync: macOS needs to be asked twice.
        for setting in (
            "synchronous = FULL",
            "fullfsync = ON",
            "checkpoint_fullfsync = ON",
            "secure_delete = ON",
            f"cache_size = -{_CACHE_KIB}",
            f"wal_autocheckpoint = {_CHECKPOINT_PAGES}",
            f"journal_size_limit = {_LARGEST_LOG}",
        ):
            connection.execute(f"PRAGMA {setting}")
        connection.execute("BEGIN IMMEDIATE")
        try:
            migrated_from = self._migrate()
            self.sealing = _sealing(connection, cipher, new=migrated_from == 0)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        if migrated_from is not None:
            self.checkpoint()  # the version then stands in the file itself, where an older version can see it

    def _refuse_what_is_damaged(self) -> None:
        """Look at every page once, before the first change: about a second for a million rows."""
        (found,) = self.connection.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise OutboxError(f"{self.path} is damaged ({found}); it was left as it is. Use a copy of it.")

    def _use_write_ahead_log(self) -> None:
        """Switch to WAL mode; SQLite itself does not wait for a lock here."""
        give_up = time.monotonic() + self._busy_timeout
        while True:
            try:
                (mode,) = self.connection.execute("PRAGMA journal_mode = WAL").fetchone()
            except sqlite3.OperationalError as error:
                if kind_of(error) != sqlite3.SQLITE_BUSY or time.monotonic() >= give_up:
                    raise
                time.sleep(_PAUSE)
                continue
            if mode != "wal":
                raise StoreUnavailableError(f"{self.path} is on a file system that cannot hold a write-ahead log.")
            return

    def _migrate(self) -> int | None:
        """Bring the schema up to date; give the version it had, or ``None`` where that is the newest."""
        identity = _identity(self.connection)
        _check(identity, self.path)
        scripts = migrations()
        if identity.version == len(scripts):
            return None
        for script in scripts[identity.version :]:
            for statement in statements_of(script):
                self.connection.execute(statement)
        self.connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        self.connection.execute(f"PRAGMA user_version = {len(scripts)}")
        return identity.version

    def check_it_is_there(self) -> None:
        """
        See that whoever opens the path finds what is written now: SQLite goes on in a file that nobody can open again.

        Raises:
            StoreUnavailableError: it was deleted, or moved away.
        """
        now = time.monotonic()
        if now - self._looked < _LOOK_EVERY:
            return
        try:
            self.path.stat()
        except FileNotFoundError as error:
            raise StoreUnavailableError(
                f"{self.path} was deleted or moved away while it was open. Nothing was changed. Put it back: without "
                "it nobody knows what was sent."
            ) from error
        except OSError:  # it is there, and cannot be looked at: whoever writes to it hears of that
            return
        self._looked = now

    def checkpoint(self) -> None:
        """Move everything from the log into the file and empty the log, unless another process is in the way."""
        self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        """Close; the owners that lived here are gone. Never raises: what was committed is safe either way."""
        owners = self.presence.owners
        with suppress(sqlite3.Error):
            if owners:
                self.connection.execute(sql("expire_owners"), {"owners": json.dumps(owners)})
            self.presence.remove()
        self.presence.close()
        with suppress(sqlite3.Error):
            self.connection.close()


def _make(path: Path) -> None:
    """Make an empty file that only its owner can read, whatever the umask; SQLite gives its log the same mode."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
    except FileExistsError:
        warn_if_open_to_all(path)
        return
    except OSError as error:
        raise StoreUnavailableError(f"{path} cannot be made: {error.strerror}.") from error
    os.close(descriptor)


def _refuse_what_is_not_ours(path: Path) -> None:
    """
    Look at the file without the least change to it: a real opening may already tidy up after a crash of its owner.

    Only what is certain is refused here. A file in the middle of a checkpoint, or after a crash, may look damaged or
    empty to this look, and is looked at again by whoever opens it.
    """
    if path.with_name(f"{path.name}-journal").exists():
        return
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
        try:
            _check(_identity(connection), path)
        except sqlite3.Error as error:
            if kind_of(error) == sqlite3.SQLITE_NOTADB:
                raise


def _identity(connection: sqlite3.Connection) -> _Identity:
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return _Identity(application_id, version, tables)


def _identity_at_one_moment(connection: sqlite3.Connection) -> _Identity:
    """Look while another process may be making the file: what it is half-way to would be a file of something else."""
    connection.execute("BEGIN")
    try:
        return _identity(connection)
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _check(identity: _Identity, path: Path) -> None:
    if identity == (0, 0, 0):
        return  # empty, or its beginnings are still in the log
    if identity.application_id != APPLICATION_ID:
        raise OutboxError(f"{path} is a SQLite file of something else; it was left as it is. Choose another name.")
    if identity.version > len(migrations()):
        raise OutboxError(
            f"{path} was written by a newer version of this package (schema {identity.version}, this one knows "
            f"{len(migrations())}); it was left as it is. Update the package."
        )


def _sealing(connection: sqlite3.Connection, cipher: Cipher | None, *, new: bool) -> Sealing:
    """Check that the cipher is the one of the file, and write down which one a new file has."""
    found = connection.execute(sql("setting"), {"name": _KEY}).fetchone()
    sealing, fresh = sealing_of(cipher, None if found is None else found[0], new=new, what="The file")
    if fresh is not None:
        connection.execute(sql("write_setting"), {"name": _KEY, "value": fresh})
    return sealing
