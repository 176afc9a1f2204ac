"""
Who must not be written to by a campaign: a list that is read from a file, and the file to which opt-outs are added.

The words that opt somebody out, and the lines of the file, stand in ``vonage_messages.consent``; the file itself in
``vonage_messages.stores.opt_outs``, so that ``OptOuts`` and a campaign may share one. Without a sender behind it, an
opt-out counts for every channel and every sender: who answers STOP to one number does not want the other one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from vonage_messages.bulk.rows import BadRow, read_rows
from vonage_messages.consent import (
    OPT_IN_KEYWORDS,
    OPT_OUT_KEYWORDS,
    OptOutList,
    OptOutRecord,
    Wish,
    checked_person,
    opt_in_keyword,
    opt_out_keyword,
    people_of,
    record_of,
    wish_of,
)
from vonage_messages.errors import ConfigurationError, Problem
from vonage_messages.stores.opt_outs import OptOutFile
from vonage_messages.webhooks.inbound import InboundMessage

__all__ = [
    "OPT_IN_KEYWORDS",
    "OPT_OUT_KEYWORDS",
    "SuppressionFile",
    "SuppressionList",
    "Wish",
    "opt_in_keyword",
    "opt_out_keyword",
    "wish_of",
]


class SuppressionList:
    """
    The recipients that must not be written to, in the memory of this process: an ``OptOutList`` out of a file.

    Numbers are compared as the messages write them, so that ``+44 7700 900000`` suppresses ``447700900000``; e-mail
    addresses without regard to case; ids as they are.
    """

    def __init__(self, recipients: Iterable[str] = (), bad_rows: Iterable[BadRow] = ()) -> None:
        self._list = OptOutList(OptOutRecord(person=recipient) for recipient in recipients)
        self.bad_rows: tuple[BadRow, ...] = tuple(bad_rows)
        """What stood in the file and is no recipient. Nobody is suppressed by it: look at it before sending."""

    @classmethod
    def read(cls, path: Path | str, *, column: str | None = None) -> SuppressionList:
        """
        Read a list from a file: one recipient a line, or with *column* that column of a CSV or JSON Lines file.

        Raises:
            ConfigurationError: the file cannot be read, or none of its rows has the column.
        """
        found = cls()
        entries = _read_lines(Path(path)) if column is None else _read_column(Path(path), column)
        bad_rows = []
        for entry in entries:
            if isinstance(entry, BadRow):
                bad_rows.append(entry)
            else:
                found._list.take(entry)
        found.bad_rows = tuple(bad_rows)
        return found

    def is_suppressed(self, to: str, sender: str | None = None) -> bool:
        """Tell whether *to* must not be written to by *sender*; without one: by anybody at all."""
        return self._list.covers(to, sender)

    def add(self, recipient: str) -> None:
        """Suppress *recipient* from now on."""
        self._list.take(OptOutRecord(person=recipient))

    def discard(self, recipient: str) -> None:
        """Write to *recipient* again."""
        self._list.take(OptOutRecord(person=recipient, wish=Wish.OPT_IN))

    def update(self, other: SuppressionList) -> None:
        """Suppress everybody that *other* suppresses, too."""
        self._list.update(other._list)
        self.bad_rows += other.bad_rows

    def __contains__(self, to: object) -> bool:
        return isinstance(to, str) and self.is_suppressed(to)

    def __len__(self) -> int:
        return len(self._list)

    def __repr__(self) -> str:
        return f"SuppressionList(<{len(self)} recipients>)"


class SuppressionFile:
    """
    The file to which opt-outs are added as they arrive; ``SuppressionList.read`` reads it.

    What a method returned from is on the disk, also after a power cut. Several processes may add to one file. It is
    created readable by its owner alone. The methods wait for the disk: in an event loop call them with
    ``asyncio.to_thread``, or give a router an ``OptOuts`` on an ``OptOutFile``, which does.
    """

    def __init__(self, path: Path | str) -> None:
        self._file = OptOutFile(path)

    def record(self, event: InboundMessage, now: datetime) -> Wish | None:
        """
        Write down what *event* says about being written to, and tell it; ``None``: it says nothing, or nobody says it.

        On WhatsApp a person has several ids, and each of them is written. *now* is when the message was handled; it
        goes into the comment of the line where the event has no time of its own.

        Raises:
            StoreUnavailableError: the file cannot be written.
        """
        wish = wish_of(event)
        people = people_of(event)
        if wish is None or not people:
            return None
        word = "STOP" if wish is Wish.OPT_OUT else "START"
        note = f"{word}, {event.channel}, {(event.timestamp or now).isoformat(timespec='seconds')}"
        self._file.append([OptOutRecord(person=person, wish=wish, note=note) for person in people])
        return wish

    def add(self, recipient: str, note: str = "") -> None:
        """
        Suppress *recipient*; *note* becomes the comment of the line.

        Raises:
            ConfigurationError: *recipient* is none.
            StoreUnavailableError: the file cannot be written.
        """
        self._file.append([OptOutRecord(person=_checked(recipient), note=note)])

    def discard(self, recipient: str, note: str = "") -> None:
        """
        Take the suppression of *recipient* back; *note* becomes the comment of the line.

        Raises:
            ConfigurationError: *recipient* is none.
            StoreUnavailableError: the file cannot be written.
        """
        self._file.append([OptOutRecord(person=_checked(recipient), wish=Wish.OPT_IN, note=note)])


def _checked(recipient: str) -> str:
    try:
        return checked_person(recipient)
    except ConfigurationError as error:
        raise ConfigurationError(f"a recipient to suppress {error}") from None


def _read_lines(path: Path) -> Iterator[OptOutRecord | BadRow]:
    number = 0
    try:
        with path.open(encoding="utf-8-sig", errors="backslashreplace") as lines:
            for line, text in enumerate(lines, 1):
                entry = _entry(text, number + 1, line, "")
                if entry is not None:
                    number += 1
                    yield entry
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror or error}") from None


def _read_column(path: Path, column: str) -> Iterator[OptOutRecord | BadRow]:
    has_column = False
    rows = 0
    for row in read_rows(path):
        if isinstance(row, BadRow):
            yield row
            continue
        rows += 1
        has_column = has_column or column in row.columns
        value = row.columns.get(column)
        if isinstance(value, bool) or not isinstance(value, str | int | None):
            why = Problem(column, f"must be a text or a whole number, not {type(value).__name__}")
            yield BadRow(number=row.number, line=row.line, problems=(why,))
            continue
        cell = "" if value is None else str(value).strip()
        if cell:
            why = Problem(column, "must not be empty")
            yield _entry(cell, row.number, row.line, column) or BadRow(
                number=row.number, line=row.line, problems=(why,)
            )
    if rows and not has_column:
        raise ConfigurationError(f'{path} has no column "{column}"')


def _entry(text: str, number: int, line: int, column: str) -> OptOutRecord | BadRow | None:
    try:
        return record_of(text)
    except ConfigurationError as error:
        return BadRow(number=number, line=line, problems=(Problem(column, str(error)),))
