"""
Who must not be written to: a list that is read from a file, and the file to which opt-outs are added as they arrive.

The file is text, one recipient a line; ``#`` begins a comment, and ``!`` before a recipient takes the entry back, so
that the last line about somebody counts:

::

    447700900000  # STOP, sms, 2026-11-23T09:26:00+00:00
    !447700900000  # START, sms, 2026-11-24T18:00:00+00:00

An opt-out counts for every channel and every sender: who answers STOP to one number does not want the other one.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from vonage_messages.bulk.rows import BadRow, SourceRow, read_rows
from vonage_messages.errors import ConfigurationError, Problem, StoreUnavailableError
from vonage_messages.values import normalize_number
from vonage_messages.webhooks.content import Button, Reply, Text
from vonage_messages.webhooks.inbound import InboundMessage

OPT_OUT_KEYWORDS = frozenset(
    {
        # What carriers and regulators of the United States name.
        *("stop", "stopall", "end", "cancel", "unsubscribe", "quit", "revoke", "optout", "remove"),
        # What is usual in French, German, Dutch, Spanish, Portuguese and Italian.
        *("arret", "desabonner", "stopp", "abmelden", "abbestellen", "afmelden"),
        *("baja", "alto", "parar", "sair", "cancelar", "annulla", "ferma", "cancella"),
    }
)
"""Without case, accents, spaces and hyphens: ``ARRÊT`` is ``arret``, ``opt-out`` is ``optout``."""

OPT_IN_KEYWORDS = frozenset({"start", "unstop", "optin", "subscribe", "resubscribe"})
"""Spelt as in ``OPT_OUT_KEYWORDS``."""

_COURTESY = frozenset({"please", "pls", "thanks"})
_WORDS = re.compile(r"[^\W_]+")
_NO_RECIPIENT = re.compile(r"[\s,;\0]")
_COMMENT = re.compile(r"(?:^|\s)#.*")
_LONGEST_LINE = 4096
_PRIVATE = 0o600
_BINARY = getattr(os, "O_BINARY", 0)  # Windows would write other line ends than those that are looked for
_TAKES_BACK = "!"


class Wish(StrEnum):
    """What a person says about being written to."""

    OPT_OUT = "opt_out"
    OPT_IN = "opt_in"


def opt_out_keyword(text: str) -> bool:
    """Tell whether *text* asks to be left alone: one of ``OPT_OUT_KEYWORDS``, and no further words but a please."""
    return _says(text, OPT_OUT_KEYWORDS)


def opt_in_keyword(text: str) -> bool:
    """Tell whether *text* takes an opt-out back: one of ``OPT_IN_KEYWORDS``, and no further words but a please."""
    return _says(text, OPT_IN_KEYWORDS)


def wish_of(event: InboundMessage) -> Wish | None:
    """Read the wish out of an inbound message: out of its text, or out of the button or row that was tapped."""
    content = event.content
    texts: tuple[object, ...] = ()
    if isinstance(content, Text):
        texts = (content.text,)
    elif isinstance(content, Reply):
        texts = (content.title, content.id)
    elif isinstance(content, Button):
        texts = (content.text, content.payload)
    said = [text for text in texts if isinstance(text, str)]
    if any(opt_out_keyword(text) for text in said):
        return Wish.OPT_OUT
    return Wish.OPT_IN if any(opt_in_keyword(text) for text in said) else None


class SuppressionList:
    """
    The recipients that must not be written to, in the memory of this process.

    Numbers are compared as the messages write them, so that ``+44 7700 900000`` suppresses ``447700900000``; e-mail
    addresses without regard to case; ids as they are.
    """

    def __init__(self, recipients: Iterable[str] = (), bad_rows: Iterable[BadRow] = ()) -> None:
        self._recipients = {_normalized(recipient) for recipient in recipients}
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
            elif entry.startswith(_TAKES_BACK):
                found.discard(entry.removeprefix(_TAKES_BACK))
            else:
                found.add(entry)
        found.bad_rows = tuple(bad_rows)
        return found

    def is_suppressed(self, to: str) -> bool:
        """Tell whether *to* must not be written to."""
        return _normalized(to) in self._recipients

    def add(self, recipient: str) -> None:
        """Suppress *recipient* from now on."""
        self._recipients.add(_normalized(recipient))

    def discard(self, recipient: str) -> None:
        """Write to *recipient* again."""
        self._recipients.discard(_normalized(recipient))

    def update(self, other: SuppressionList) -> None:
        """Suppress everybody that *other* suppresses, too."""
        self._recipients |= other._recipients
        self.bad_rows += other.bad_rows

    def __contains__(self, to: object) -> bool:
        return isinstance(to, str) and self.is_suppressed(to)

    def __len__(self) -> int:
        return len(self._recipients)

    def __repr__(self) -> str:
        return f"SuppressionList(<{len(self)} recipients>)"


class SuppressionFile:
    """
    The file to which opt-outs are added as they arrive; ``SuppressionList.read`` reads it.

    What a method returned from is on the disk, also after a power cut. Several processes may add to one file. It is
    created readable by its owner alone. The methods wait for the disk: in an event loop call them with
    ``asyncio.to_thread``.
    """

    def __init__(self, path: Path | str) -> None:
        self._path = Path(path)

    def record(self, event: InboundMessage, now: datetime) -> Wish | None:
        """
        Write down what *event* says about being written to, and tell it; ``None``: it says nothing, or nobody says it.

        On WhatsApp a person has several ids, and each of them is written. *now* is when the message was handled; it
        goes into the comment of the line where the event has no time of its own.

        Raises:
            StoreUnavailableError: the file cannot be written.
        """
        wish = wish_of(event)
        people = _identities(event)
        if wish is None or not people:
            return None
        word = "STOP" if wish is Wish.OPT_OUT else "START"
        note = f"{word}, {event.channel}, {(event.timestamp or now).isoformat(timespec='seconds')}"
        self._append([_line(person, wish, note) for person in people])
        return wish

    def add(self, recipient: str, note: str = "") -> None:
        """
        Suppress *recipient*; *note* becomes the comment of the line.

        Raises:
            ConfigurationError: *recipient* is none.
            StoreUnavailableError: the file cannot be written.
        """
        self._append([_line(_checked(recipient), Wish.OPT_OUT, note)])

    def discard(self, recipient: str, note: str = "") -> None:
        """
        Take the suppression of *recipient* back; *note* becomes the comment of the line.

        Raises:
            ConfigurationError: *recipient* is none.
            StoreUnavailableError: the file cannot be written.
        """
        self._append([_line(_checked(recipient), Wish.OPT_IN, note)])

    def _append(self, lines: list[str]) -> None:
        try:
            is_new = not self._path.exists()
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | _BINARY, _PRIVATE)
            try:
                data = ("".join(lines) if _ends_a_line(descriptor) else "\n" + "".join(lines)).encode()
                _write_all(descriptor, data)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            if is_new:
                _sync_folder(self._path.parent)
        except OSError as error:
            raise StoreUnavailableError(f"{self._path} cannot be written: {error.strerror or error}") from error


def _says(text: str, keywords: frozenset[str]) -> bool:
    words = [word for word in _WORDS.findall(_plain(text)) if word not in _COURTESY]
    return bool(words) and (all(word in keywords for word in words) or "".join(words) in keywords)


def _plain(text: str) -> str:
    """Write *text* without case and accents, wide letters as narrow ones."""
    decomposed = unicodedata.normalize("NFKD", text[:_LONGEST_LINE].casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def _normalized(recipient: str) -> str:
    bare = recipient.strip()
    return bare.casefold() if "@" in bare else normalize_number(bare)


def _identities(event: InboundMessage) -> list[str]:
    """List everything that *event* calls its author; WhatsApp gives a number and a business-scoped id."""
    sender = event.whatsapp.sender if event.whatsapp is not None else None
    names = (event.from_, *((sender.wa_id, sender.user_id) if sender is not None else ()))
    found = dict.fromkeys(_normalized(name) for name in names if name)
    return [name for name in found if not _why_no_recipient(name)]


def _checked(recipient: str) -> str:
    name = _normalized(recipient)
    why_not = _why_no_recipient(name)
    if why_not:
        raise ConfigurationError(f"a recipient to suppress {why_not}")
    return name


def _why_no_recipient(name: str) -> str:
    """Say what is wrong with a normalised recipient, or nothing."""
    if not name:
        return "must not be empty"
    if _NO_RECIPIENT.search(name) or name.startswith(("#", _TAKES_BACK)):
        return "must be one number, address or id without spaces, commas and semicolons"
    if name.isdigit() and name.startswith("0"):
        return "must begin with the country code, not with 0: write 447700900000, not 07700900000"
    return ""


def _line(recipient: str, wish: Wish, note: str) -> str:
    mark = "" if wish is Wish.OPT_OUT else _TAKES_BACK
    comment = " ".join(note.encode(errors="backslashreplace").decode().split())
    return f"{mark}{recipient}  # {comment}\n" if comment else f"{mark}{recipient}\n"


def _ends_a_line(descriptor: int) -> bool:
    """Tell whether the next byte of the file begins a line: a crash or an editor may have left half of one."""
    if not os.fstat(descriptor).st_size:
        return True
    os.lseek(descriptor, -1, os.SEEK_END)
    return os.read(descriptor, 1) == b"\n"


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _sync_folder(folder: Path) -> None:
    """Make the name of a new file as durable as its content."""
    if os.name == "nt":  # Windows opens no folders, and writes their entries at once
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_lines(path: Path) -> Iterator[str | BadRow]:
    number = 0
    try:
        with path.open(encoding="utf-8-sig", errors="backslashreplace") as lines:
            for line, text in enumerate(lines, 1):
                entry = _COMMENT.sub("", text).strip()
                if entry:
                    number += 1
                    yield _entry(entry, number, line, "")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror or error}") from None


def _read_column(path: Path, column: str) -> Iterator[str | BadRow]:
    has_column = False
    rows = 0
    for row in read_rows(path):
        if isinstance(row, BadRow):
            yield row
            continue
        rows += 1
        has_column = has_column or column in row.columns
        entry = _cell(row, column)
        if entry:
            yield _entry(entry, row.number, row.line, column)
    if rows and not has_column:
        raise ConfigurationError(f'{path} has no column "{column}"')


def _cell(row: SourceRow, column: str) -> str:
    value = row.columns.get(column)
    return "" if value is None else str(value).strip()


def _entry(entry: str, number: int, line: int, column: str) -> str | BadRow:
    mark = _TAKES_BACK if entry.startswith(_TAKES_BACK) else ""
    name = _normalized(entry.removeprefix(_TAKES_BACK))
    why_not = _why_no_recipient(name)
    if why_not:
        return BadRow(number=number, line=line, problems=(Problem(column, why_not),))
    return mark + name
