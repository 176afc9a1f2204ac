"""
What became of every row of the file, kept in the notes of its outbox: added under which key, or left out and why.

The outbox knows the rows that were added to it, and nothing of the others; and it knows a changed row as a new one.
The journal closes both gaps: every row of the file is accounted for, and a row that was added once is never added
again in another form. Rows are written down a thousand at a time, *before* they are added: a kill in between leaves
rows that are written down as ``adding``, and these are added again, which does nothing to those that are there.

It holds line numbers and reasons, no recipients and no texts.
"""

from __future__ import annotations

import json
import uuid
from array import array
from collections.abc import AsyncIterator, Sequence
from enum import StrEnum
from typing import Any

import attrs

from vonage_messages.errors import ConfigurationError, OutboxError
from vonage_messages.ledger import LedgerStore, State

PART = 1000
"""How many rows of the file are written down, and added, together."""

_DIGEST = 16
"""Hexadecimal digits of a row key that are kept: 64 bits, of which two forms of one row never share all."""

_CAMPAIGN = "bulk campaign"
_FILE = "bulk file"
_WAITING = frozenset({State.PENDING, State.CLAIMED})


class Fate(StrEnum):
    """What becomes of a row of the file."""

    ADDED = "added"
    """It is in the outbox."""

    INVALID = "invalid"
    """No message can be made of it."""

    DUPLICATE = "duplicate"
    """An earlier row goes to the same recipient on the same channel."""

    SUPPRESSED = "suppressed"
    """Its recipient must not be written to."""


@attrs.frozen(kw_only=True)
class RowRecord:
    """A row of the file, as the journal has it."""

    number: int
    """Counts the rows that hold data, from 1."""

    line: int
    """Where it begins in the file."""

    fate: Fate
    key: str = ""
    """The beginning of its row key, where it was added."""

    why: str = ""
    """Why it was left out."""


class KnownRows:
    """Which rows of the file are in the outbox already, and which of these are done with: 9 bytes for each."""

    def __init__(self) -> None:
        self._digests = array("Q")
        self._done = bytearray()
        self.adding: set[int] = set()
        """Numbers of rows that may or may not have reached the outbox."""

    def __len__(self) -> int:
        """How many rows of the file are written down, added or not."""
        return len(self._digests)

    def append(self, record: RowRecord) -> None:
        """Take in the next row of the journal."""
        self._digests.append(int(record.key, 16) if record.key else 0)
        self._done.append(0)

    def finish(self, number: int) -> None:
        """Note that a row waits no more."""
        if 0 < number <= len(self._done):
            self._done[number - 1] = 1

    def was_added(self, number: int) -> bool:
        """Tell whether the row of that number was added, or was about to be."""
        return number <= len(self._digests) and self._digests[number - 1] != 0

    def is_same(self, number: int, key: str) -> bool:
        """Tell whether the row of that number was added under *key*."""
        return self.was_added(number) and self._digests[number - 1] == int(key[:_DIGEST], 16)

    def is_done(self, number: int) -> bool:
        """Tell whether the row of that number waits no more: it was sent, refused, cancelled, or is in doubt."""
        return number <= len(self._done) and self._done[number - 1] == 1


class Journal:
    """The notes of one outbox that concern the file it was filled from."""

    def __init__(self, store: LedgerStore) -> None:
        self._store = store

    async def campaign(self, given: str | None = None) -> str:
        """
        Give the id of the campaign; it is made, or taken from *given*, the first time.

        Raises:
            ConfigurationError: the outbox belongs to another campaign than *given*.
        """
        known = await self._store.note(_CAMPAIGN)
        if known is None:
            # Another process may have the same thought: both go by what was written first, and whoever has given
            # another id is refused. With two ids in one outbox each row would be there, and be sent, twice.
            await self._store.write_note(_CAMPAIGN, given or uuid.uuid4().hex, once=True)
            known = await self._store.note(_CAMPAIGN) or ""
        if given is not None and given != known:
            raise ConfigurationError(
                f"the outbox belongs to the campaign {known!r}, not {given!r}: an outbox has one campaign."
            )
        return known

    async def existing_campaign(self) -> str | None:
        """Give the id of the campaign, if there is one yet."""
        return await self._store.note(_CAMPAIGN)

    async def known_rows(self) -> KnownRows:
        """Load what is known of the rows of the file."""
        known = KnownRows()
        part = 0
        while True:  # ends: with the last part
            document = await self._part(part)
            if document is None:
                break
            known.adding.update(document["adding"])
            for record in _records(part, document):
                known.append(record)
            part += 1
        async for row in self._store.rows(*(state for state in State if state not in _WAITING)):
            known.finish(number_of(row.key))
        return known

    async def write(self, part: int, records: Sequence[RowRecord], *, adding: Sequence[int] = ()) -> None:
        """Write the rows of a part down; *adding* are the numbers of those that are about to be added."""
        document = {"adding": list(adding), "rows": [_entry(record) for record in records]}
        await self._store.write_note(_name(part), json.dumps(document, ensure_ascii=False, separators=(",", ":")))

    async def records(self) -> AsyncIterator[RowRecord]:
        """Give all rows of the file, in its order, a part at a time in memory."""
        part = 0
        while (document := await self._part(part)) is not None:  # ends: with the last part
            for record in _records(part, document):
                yield record
            part += 1

    async def note_file(self, name: str, rows: int | None) -> None:
        """Write down which file it was, and how many rows it has; ``None`` while they are being read."""
        await self._store.write_note(_FILE, json.dumps({"name": name, "rows": rows}))

    async def file(self) -> tuple[str, int | None] | None:
        """Give the name of the file, and its rows; ``None`` where nothing was read yet."""
        text = await self._store.note(_FILE)
        if text is None:
            return None
        document = _decoded(text)
        return str(document.get("name", "")), document.get("rows")

    async def _part(self, part: int) -> dict[str, Any] | None:
        text = await self._store.note(_name(part))
        return None if text is None else _decoded(text)


def outbox_key(number: int, key: str) -> str:
    """Write the key under which the outbox has a row: its number is readable, so that it is found in the file."""
    return f"{number}-{key}"


def number_of(key: str) -> int:
    """Read the number out of a key of the outbox; 0 for a row that came from no file."""
    number, dash, _ = key.partition("-")
    return int(number) if dash and number.isascii() and number.isdigit() and len(number) <= _DIGEST else 0


def digest_of(key: str) -> str:
    """Give as much of a row key as the journal keeps."""
    return key[:_DIGEST]


def _name(part: int) -> str:
    return f"bulk rows {part}"


def _entry(record: RowRecord) -> list[Any]:
    if record.fate is Fate.ADDED:
        return [record.line, record.key]
    return [record.line, record.fate.value, record.why]


def _records(part: int, document: dict[str, Any]) -> list[RowRecord]:
    records = []
    for number, entry in enumerate(document["rows"], part * PART + 1):
        if len(entry) == 2:  # noqa: PLR2004  line and key: it was added
            records.append(RowRecord(number=number, line=entry[0], fate=Fate.ADDED, key=entry[1]))
        else:
            records.append(RowRecord(number=number, line=entry[0], fate=Fate(entry[1]), why=entry[2]))
    return records


def _decoded(text: str) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(text)
    except ValueError as error:
        raise OutboxError("the outbox holds an account of its file that cannot be read.") from error
    return document
