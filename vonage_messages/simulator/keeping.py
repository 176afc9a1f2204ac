"""
The memory of a simulator in a SQLite file, so that it survives a restart and ``kill -9``.

Every change is committed when it happens: what was answered is in the file. That holds for the end of the process;
after a power cut the last changes may be missing, and the file is whole all the same. What is kept is bounded like the
memory, the oldest goes first. Credentials are masked as they are there; the file is made readable for its owner alone,
because texts and numbers are in it.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import attrs

from vonage_messages.errors import ConfigurationError
from vonage_messages.logs import LogEvent, about
from vonage_messages.modes import warn_if_open_to_all
from vonage_messages.simulator.callbacks import CallbackTry
from vonage_messages.simulator.relay import Release, ReleaseAnswer
from vonage_messages.simulator.state import (
    Exchange,
    KnownInbound,
    Media,
    MessageUpdate,
    ReceivedMessage,
    Refusal,
    StatusNote,
)

if TYPE_CHECKING:
    from pathlib import Path

    from vonage_messages.simulator.callbacks import CallbackSender
    from vonage_messages.simulator.state import SimulatorState

_LOGGER = logging.getLogger(__name__)

APPLICATION_ID: Final = 0x766D7331
"""What marks the file as one of ours: "vms1"."""
SCHEMA: Final = 1
MESSAGE: Final = "message"
STATUSES: Final = "statuses"
INBOUND: Final = "inbound"
EXCHANGE: Final = "exchange"
REFUSAL: Final = "refusal"
MEDIA: Final = "media"
CALLBACK: Final = "callback"
RELEASES: Final = "releases"
_HEADER = 100
_MAGIC = b"SQLite format 3\x00"
_ONLY_OWNER = 0o600
_SLACK = 500
"""How many entries of a kind may be too many before the oldest are taken out, all at once."""
_CREATE = """
CREATE TABLE entry (
    number INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (kind, key)
)
"""
_PUT = """
INSERT INTO entry (kind, key, body) VALUES (?, ?, ?) ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body
"""
_TRIM = "DELETE FROM entry WHERE number IN (SELECT number FROM entry WHERE kind = ? ORDER BY number LIMIT ?)"


class Keeper:
    """An open file. ``put`` writes an entry, in the place of the one with its kind and key."""

    def __init__(self, connection: sqlite3.Connection, path: Path, maximum: int) -> None:
        self._connection = connection
        self._path = path
        self._maximum = maximum
        self._counts: Counter[str] = Counter(dict(connection.execute("SELECT kind, count(*) FROM entry GROUP BY kind")))

    @classmethod
    def open(cls, path: Path, maximum: int) -> Keeper:
        """
        Open the file at *path*, or make it. At most about *maximum* entries of each kind stay in it.

        Raises:
            ConfigurationError: it is something else, which is left alone; it was written by a newer version; another
                simulator has it open; or it cannot be read or written.
        """
        try:
            is_new = _is_new(path)
            if is_new:
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT, _ONLY_OWNER))
            warn_if_open_to_all(path)
            connection = sqlite3.connect(path, isolation_level=None, timeout=0.5)
        except OSError as error:
            raise ConfigurationError(f"{path} cannot be opened to keep the state in: {error.strerror}.") from error
        try:
            _prepare(connection, is_new=is_new)
            return cls(connection, path, maximum)
        except sqlite3.OperationalError as error:
            connection.close()
            if "locked" in str(error):
                raise ConfigurationError(f"another simulator keeps its state in {path}.") from error
            raise ConfigurationError(f"the state cannot be kept in {path}: {error}.") from error
        except sqlite3.DatabaseError as error:
            connection.close()
            raise ConfigurationError(f"{path} is damaged: {error}. It was left alone.") from error

    def close(self) -> None:
        """Close the file. Closing twice is fine."""
        self._connection.close()

    def put(self, kind: str, key: str, value: Any) -> None:
        """Write an entry. A file that cannot be written any more is said to the log; the simulator goes on without."""
        body = json.dumps(_plain(value), separators=(",", ":"), default=_plain)
        try:
            self._connection.execute(_PUT, (kind, key, body))
            self._counts[kind] += 1
            if self._counts[kind] > self._maximum + _SLACK:
                self._trim(kind)
        except sqlite3.Error as error:
            _LOGGER.error(  # noqa: TRY400  no trace
                "what happens is not kept in %s any more: %s",
                self._path,
                error,
                extra=about(LogEvent.SIMULATOR_NOT_KEPT),
            )

    def forget(self) -> None:
        """Take everything out of the file."""
        self._counts.clear()
        try:
            self._connection.execute("DELETE FROM entry")
        except sqlite3.Error as error:
            _LOGGER.error("%s could not be emptied: %s", self._path, error, extra=about(LogEvent.SIMULATOR_NOT_KEPT))  # noqa: TRY400  no trace

    def entries(self, kind: str) -> Iterator[tuple[str, Any]]:
        """
        Give the last *maximum* entries of a kind with their keys, oldest first.

        Raises:
            ConfigurationError: the file is damaged.
        """
        newest = "SELECT number, key, body FROM entry WHERE kind = ? ORDER BY number DESC LIMIT ?"
        query = f"SELECT key, body FROM ({newest}) ORDER BY number"  # noqa: S608  our own words
        try:
            for key, body in self._connection.execute(query, (kind, self._maximum)):
                yield key, _RESTORED[kind](json.loads(body))
        except (sqlite3.DatabaseError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise ConfigurationError(f"{self._path} is damaged: {error}. It was left alone.") from error

    def _trim(self, kind: str) -> None:
        # Counted anew: an entry that took the place of another was not one more.
        (count,) = self._connection.execute("SELECT count(*) FROM entry WHERE kind = ?", (kind,)).fetchone()
        self._connection.execute(_TRIM, (kind, max(0, count - self._maximum)))
        self._counts[kind] = min(count, self._maximum)


def restore(keeper: Keeper, state: SimulatorState, sender: CallbackSender) -> None:
    """
    Remember what is in the file, but for the releases, which are the desk's.

    Raises:
        ConfigurationError: the file is damaged.
    """
    for _, message in keeper.entries(MESSAGE):
        state.add_message(message)
    for message_uuid, notes in keeper.entries(STATUSES):
        for note in notes:
            state.add_status(message_uuid, note)
    for request_id, exchange in keeper.entries(EXCHANGE):
        state.add_exchange(request_id, exchange)
    for _, refusal in keeper.entries(REFUSAL):
        state.add_refusal(refusal)
    for _, written in keeper.entries(INBOUND):
        state.add_written(written)
    for message_uuid, media in keeper.entries(MEDIA):
        state.add_media(message_uuid, media)
    for _, tried in keeper.entries(CALLBACK):
        sender.restore(tried)


def _is_new(path: Path) -> bool:
    """
    Tell whether there is nothing at *path* yet, by reading alone.

    Raises:
        ConfigurationError: there is something, but not what a simulator keeps.
    """
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER)
    except FileNotFoundError:
        return True
    if not header:
        return True
    if len(header) < _HEADER or not header.startswith(_MAGIC):
        raise ConfigurationError(f"{path} is not what a simulator keeps, but another kind of file. It was left alone.")
    if int.from_bytes(header[68:72], "big") != APPLICATION_ID:
        raise ConfigurationError(f"{path} is the database of another program. It was left alone.")
    schema = int.from_bytes(header[60:64], "big")
    if schema != SCHEMA:
        raise ConfigurationError(
            f"{path} was written by another version of the simulator (schema {schema}, this one reads {SCHEMA}). "
            "It was left alone."
        )
    return False


def _prepare(connection: sqlite3.Connection, *, is_new: bool) -> None:
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    if is_new:
        # All in the file itself before the log begins: what marks it must be there even after a kill in this moment.
        marks = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA};"
        connection.executescript(f"BEGIN EXCLUSIVE; {marks} {_CREATE}; COMMIT;")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("BEGIN IMMEDIATE")  # takes the lock, and keeps it
    connection.execute("COMMIT")


def _plain(value: Any) -> Any:
    """Give what JSON can write in the place of what it cannot."""
    if attrs.has(type(value)):
        return attrs.asdict(value, recurse=False)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, (list, tuple, dict)):
        return value
    return dict(value)


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _updates(listed: list[dict[str, Any]]) -> tuple[MessageUpdate, ...]:
    return tuple(MessageUpdate(**{**each, "received_at": _instant(each["received_at"])}) for each in listed)


def _message(body: dict[str, Any]) -> ReceivedMessage:
    return ReceivedMessage(
        **{**body, "received_at": _instant(body["received_at"]), "updates": _updates(body["updates"])}
    )


def _inbound(body: dict[str, Any]) -> KnownInbound:
    return KnownInbound(**{**body, "written_at": _instant(body["written_at"]), "updates": _updates(body["updates"])})


def _statuses(listed: list[dict[str, Any]]) -> tuple[StatusNote, ...]:
    return tuple(StatusNote(**{**each, "at": _instant(each["at"])}) for each in listed)


def _exchange(body: dict[str, Any]) -> Exchange:
    headers = {name: tuple((key, value) for key, value in body[name]) for name in ("request_headers", "answer_headers")}
    return Exchange(**{**body, **headers})


def _refusal(body: dict[str, Any]) -> Refusal:
    raw = body["raw_body"]
    raw_body = None if raw is None else base64.b64decode(raw)
    return Refusal(**{**body, "raw_body": raw_body, "received_at": _instant(body["received_at"])})


def _media(body: dict[str, Any]) -> Media:
    return Media(**{**body, "content": base64.b64decode(body["content"]), "sent_at": _instant(body["sent_at"])})


def _callback(body: dict[str, Any]) -> CallbackTry:
    return CallbackTry(**{**body, "sent_at": _instant(body["sent_at"])})


def _releases(listed: list[dict[str, Any]]) -> tuple[Release, ...]:
    return tuple(
        Release(at=datetime.fromisoformat(each["at"]), answer=ReleaseAnswer(**each["answer"])) for each in listed
    )


_RESTORED: Final[dict[str, Callable[[Any], Any]]] = {
    MESSAGE: _message,
    STATUSES: _statuses,
    INBOUND: _inbound,
    EXCHANGE: _exchange,
    REFUSAL: _refusal,
    MEDIA: _media,
    CALLBACK: _callback,
    RELEASES: _releases,
}
